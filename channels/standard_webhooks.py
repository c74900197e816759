"""Standard Webhooks signatures, made and checked over the raw bytes, in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from conversation.errors import SignatureRejected

TOLERANCE = timedelta(seconds=300)
PREFIX = "whsec_"

_ID = "webhook-id"
_TIMESTAMP = "webhook-timestamp"
_SIGNATURE = "webhook-signature"
_LONGEST_ID = 256
_LONGEST_TIMESTAMP = 12
_MOST_SIGNATURES = 16


def key_of(secret: str) -> bytes:
    """The key in a `whsec_BASE64` secret; `ValueError` for anything else."""
    text = secret.strip()
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret is written {PREFIX}BASE64")
    body = text.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"what follows {PREFIX} is not base64") from None
    if not key:
        raise ValueError("the secret is empty")
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature as it stands in the header: `v1,BASE64`."""
    signed = f"{message_id}.{timestamp}.".encode(errors="surrogateescape") + body  # the bytes as they came
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(keys: Sequence[bytes], message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a signed request; one signature for each key, so that keys can be rotated."""
    timestamp = int(now.timestamp())
    signatures = " ".join(sign(key, message_id, timestamp, body) for key in keys)
    return {_ID: message_id, _TIMESTAMP: str(timestamp), _SIGNATURE: signatures}


def verify(keys: Sequence[bytes], given: Mapping[str, str], body: bytes, *, now: datetime) -> None:
    """Return, or raise `SignatureRejected`. `given` are the request's headers, names in lower case."""
    message_id, timestamp = _bounded(given, _ID, _LONGEST_ID), _timestamp(given, now)
    signatures = given.get(_SIGNATURE, "").split(" ")[:_MOST_SIGNATURES]
    offered = [s.encode(errors="surrogateescape") for s in signatures if s.startswith("v1,")]
    if not offered:
        raise SignatureRejected(f"{_SIGNATURE} is missing or holds no v1 signature")
    wanted = [sign(key, message_id, timestamp, body).encode() for key in keys]
    # no early end: the time taken does not reveal which key or signature was nearly right
    matches = [hmac.compare_digest(one, other) for one in offered for other in wanted]
    if not any(matches):
        raise SignatureRejected("no signature fits")


def _bounded(given: Mapping[str, str], name: str, longest: int) -> str:
    value = given.get(name, "")
    if not value or len(value) > longest:
        raise SignatureRejected(f"{name} is missing or too long")
    return value


def _timestamp(given: Mapping[str, str], now: datetime) -> int:
    text = _bounded(given, _TIMESTAMP, _LONGEST_TIMESTAMP)
    if not (text.isascii() and text.isdigit()):
        raise SignatureRejected(f"{_TIMESTAMP} is not a number of seconds")
    if abs(now.timestamp() - int(text)) > TOLERANCE.total_seconds():
        raise SignatureRejected(f"{_TIMESTAMP} is more than {int(TOLERANCE.total_seconds())} s off")
    return int(text)
