"""Calls of the Graph API through the guarded HTTP client. The token goes to the API and to Meta's own hosts of files only."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from yarl import URL

from channels.meta.errors import judged
from channels.meta.platforms import Platform
from channels.meta.settings import Settings
from conversation.errors import PermanentFailure, TransientFailure, Unknown
from conversation.ports.channel import Answer, Clock, Fetched, Http

TIMEOUT = 20.0
FILE_TIMEOUT = 120.0
FILE_LIMIT = 100 * 1024 * 1024

_FILE_HOSTS = (".fbsbx.com", ".fbcdn.net", ".facebook.com", ".whatsapp.net")
_OK = range(200, 300)


class Graph:
    """What one account asks. Every method raises a `ChannelError` for what is not answered 2xx."""

    def __init__(self, settings: Settings, http: Http, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._base = f"{settings.api}/{settings.version}"

    async def get(self, path: str, *, seconds: float = TIMEOUT) -> Mapping[str, Any]:
        """One object. A read that is not answered has changed nothing."""
        try:
            answer = await self._ask("GET", path, b"", "", seconds)
        except Unknown as error:
            raise TransientFailure(error.detail) from None
        return _object(self._fine(answer))

    async def send(self, body: bytes) -> Mapping[str, Any]:
        """One message to a customer."""
        whatsapp = self._settings.platform is Platform.WHATSAPP
        path = f"{self._settings.id if whatsapp else 'me'}/messages"
        return _object(self._fine(await self._ask("POST", path, body, "application/json", TIMEOUT)))

    async def upload(self, media_type: str, body: bytes) -> str:
        """The id of a file. An upload whose answer is lost is repeated: nobody sees a file that no message names."""
        whatsapp = self._settings.platform is Platform.WHATSAPP
        path = f"{self._settings.id}/media" if whatsapp else "me/message_attachments"
        try:
            answer = await self._ask("POST", path, body, media_type, FILE_TIMEOUT)
        except Unknown as error:
            raise TransientFailure(error.detail) from None
        identifier = _object(self._fine(answer)).get("id" if whatsapp else "attachment_id")
        if not isinstance(identifier, str | int):
            raise TransientFailure("Meta took a file, but its answer names none")
        return str(identifier)

    async def fetch(self, media: str) -> Fetched:
        """A customer's file by its id; what is damaged on its way is not kept."""
        try:
            description = await self.get(media)
        except PermanentFailure as error:
            raise PermanentFailure(error.detail, code="expired") from None
        url = description.get("url")
        if not isinstance(url, str):
            raise TransientFailure("Meta names no address of the file")
        found = await self._file(url)
        digest = description.get("sha256")
        if isinstance(digest, str) and hashlib.sha256(found.data).hexdigest() != digest.lower():
            raise TransientFailure("the file is not the one that was sent")
        return found

    async def _file(self, url: str) -> Fetched:
        ours = _origin(url) == _origin(self._settings.api)
        if not ours and not _is_metas(url):
            raise PermanentFailure("a file at an address that is not Meta's", code="bad_url")
        return await self._http.fetch(
            url, headers=self._headers(), timeout=FILE_TIMEOUT, trusted=ours, limit=FILE_LIMIT
        )

    async def _ask(self, method: str, path: str, body: bytes, media_type: str, seconds: float) -> Answer:
        headers = self._headers() | ({"content-type": media_type} if media_type else {})
        url = f"{self._base}/{path}"
        return await self._http.request(method, url, body=body, headers=headers, timeout=seconds, trusted=True)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._settings.token.get_secret_value()}"}

    def _fine(self, answer: Answer) -> Answer:
        if answer.status not in _OK:
            raise judged(answer, self._settings.platform, self._clock)
        return answer


def _origin(url: str) -> URL | None:
    try:
        return URL(url).origin()
    except ValueError:
        return None


def _is_metas(url: str) -> bool:
    origin = _origin(url)
    return origin is not None and origin.scheme == "https" and f".{origin.host}".endswith(_FILE_HOSTS)


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unknown("Meta's answer cannot be read") from None
    if not isinstance(found, dict):
        raise Unknown("Meta's answer is no object")
    return found
