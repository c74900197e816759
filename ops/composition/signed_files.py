"""Public addresses of single files: signed, good for a week, for media that take files by address only."""

import hmac
import secrets
from base64 import b32encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from channels.file_types import safe_name
from conversation.errors import NotFound
from conversation.model.message import Attachment
from conversation.ports.channel import Blobs, Clock
from conversation.ports.storage import Storage
from conversation.ports.storage.attachments import StoredAttachment

LIVES = timedelta(days=7)
_NAME = ":shared-files"  # no channel can be called so
_BYTES = 20


class SharedFiles:
    """Makes addresses `/files/ID/UNTIL-MAC/NAME` and opens what they lead to. The key is made once for all nodes."""

    def __init__(self, storage: Storage, blobs: Blobs, clock: Clock, public_url: str) -> None:
        self._storage = storage
        self._blobs = blobs
        self._clock = clock
        self._public_url = public_url
        self._key: bytes | None = None

    async def address(self, attachment: Attachment) -> str:
        """Where whoever is given this address finds the file for a week. The name is for people; nothing depends on it."""
        until = int((self._clock.now() + LIVES).timestamp())
        name = quote(safe_name(attachment.name), safe="")
        return f"{self._public_url}/files/{attachment.id}/{until}-{await self._mac(attachment.id, until)}/{name}"

    async def open(self, identifier: str, proof: str) -> tuple[StoredAttachment, bytes]:
        """The file; raises `NotFound` alike for what is not there, not ours to show, wrongly signed, or over."""
        until, _, mac = proof.partition("-")
        if not (until.isascii() and until.isdigit() and len(until) <= _BYTES and mac.isascii()):
            raise NotFound("there is no such file")
        good = hmac.compare_digest(mac.encode(), (await self._mac(identifier, int(until))).encode())
        if not good or self._clock.now() >= datetime.fromtimestamp(int(until), UTC):
            raise NotFound("there is no such file")
        async with self._storage.read("shared_file") as work:
            stored = await work.attachments.get(identifier)
        if stored.conversation is None:
            raise NotFound("there is no such file")
        return stored, await self._blobs.get(stored.key)

    async def _mac(self, identifier: str, until: int) -> str:
        if self._key is None:
            async with self._storage.begin("shared_files.key") as work:
                kept = await work.cursors.first(_NAME, {"key": secrets.token_hex(32)})
            self._key = bytes.fromhex(str(kept["key"]))
        signed = hmac.digest(self._key, f"{identifier}\n{until}".encode(), sha256)
        return b32encode(signed[:_BYTES]).decode()
