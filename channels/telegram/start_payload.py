"""What a link https://t.me/BOT?start=PAYLOAD may carry: hints, and a conversation that a signature proves. Pure.

Parts are joined by `--`, a name and its value by `-`: `issue-top_up--language-de`. A conversation is `c-TOKEN`: Base32 of its id's 16
bytes and the first 12 bytes of HMAC-SHA256(start_key, those 16 bytes), 45 characters without padding. Telegram takes 64 of A-Z, a-z, 0-9,
_ and - (https://core.telegram.org/bots/features#deep-linking).
"""

import base64
import binascii
import hmac
import uuid
from dataclasses import dataclass
from hashlib import sha256

LONGEST = 64

_CONVERSATION = "c-"
_ID = 16
_PROOF = 12
_LONGEST_TAG = 35


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The fields of a payload. `conversation` is proven, and shown to nobody; the rest is a hint that anybody may have written."""

    payload: str | None = None
    conversation: str | None = None
    language: str | None = None
    issue: str | None = None

    @property
    def text(self) -> str:
        """What stands in the conversation."""
        return f"/start {self.payload or ''}".rstrip()


def read(text: str, key: bytes | None) -> Start | None:
    """The payload of a "/start ..."; None for any other text."""
    command, _, payload = text.strip().partition(" ")
    if command.partition("@")[0] != "/start":
        return None
    if len(payload) > LONGEST:
        return Start()
    parts = payload.split("--")
    fields = dict(part.split("-", 1) for part in parts if "-" in part)
    return Start(
        payload="--".join(part for part in parts if not part.startswith(_CONVERSATION)) or None,
        conversation=_proven(fields.get("c", ""), key),
        language=_tag(fields.get("language", "")),
        issue=fields.get("issue") or None,
    )


def _tag(text: str) -> str | None:
    first = text.partition("-")[0]
    fine = first.isascii() and first.isalpha() and len(first) in (2, 3) and len(text) <= _LONGEST_TAG
    return text.lower() if fine else None


def _proven(token: str, key: bytes | None) -> str | None:
    if key is None or not token.isascii():
        return None
    try:
        raw = base64.b32decode(token + "=" * (-len(token) % 8), casefold=True)
    except binascii.Error:
        return None
    conversation, proof = raw[:_ID], raw[_ID:]
    right = hmac.digest(key, conversation, sha256)[:_PROOF]
    return (
        str(uuid.UUID(bytes=conversation)) if hmac.compare_digest(proof, right) and len(conversation) == _ID else None
    )
