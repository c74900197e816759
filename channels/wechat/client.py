"""Calls of WeChat's API. The access token is part of their addresses: no address is ever shown, logged or raised."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from channels.file_types import type_of
from channels.http_client import refuse_for_now
from channels.wechat.access_token import AccessToken, json_of
from channels.wechat.errors import STALE, error_of
from channels.wechat.settings import Settings
from conversation.errors import PermanentFailure, TransientFailure
from conversation.ports.channel import Answer, Fetched, Tools

TIMEOUT = 15.0
FILE_TIMEOUT = 60.0
FILE_LIMIT = 50_000_000

_OK = 200
_REFUSED = 400
_JSON = {"content-type": "application/json; charset=utf-8"}


class Client:
    """Of one account, on this node."""

    def __init__(self, settings: Settings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self.access = AccessToken(settings, tools)

    async def post(
        self, path: str, body: bytes, headers: Mapping[str, str] = _JSON, *, query: str = "", timeout: float = TIMEOUT
    ) -> Mapping[str, Any]:
        """What was answered. A token that WeChat takes no more is renewed once. Raises a `ChannelError`."""
        token = await self.access.get()
        answer = await self._post(path, token, body, headers, query=query, timeout=timeout)
        if answer.get("errcode") in STALE:
            token = await self.access.get(refused=token)
            answer = await self._post(path, token, body, headers, query=query, timeout=timeout)
        if answer.get("errcode"):
            raise self._error(answer, token)
        return answer

    async def _post(
        self, path: str, token: str, body: bytes, headers: Mapping[str, str], *, query: str, timeout: float
    ) -> Mapping[str, Any]:
        answer = await self._tools.http.request(
            "POST", self._address(path, token, query), body=body, headers=headers, timeout=timeout, trusted=True
        )
        self._check(answer)
        return json_of(answer.body)

    async def fetch(self, media_id: str) -> Fetched:
        """A file that a customer sent. For videos WeChat returns an address."""
        query = f"&media_id={quote(media_id, safe='')}"
        token = await self.access.get()
        file = await self._file(token, query)
        if _code_in(file) in STALE:
            token = await self.access.get(refused=token)
            file = await self._file(token, query)
        answer = json_of(file.body) if _is_json(file) else {}
        if answer.get("errcode"):
            raise self._error(answer, token)
        if isinstance(answer.get("video_url"), str):
            return await self._tools.http.fetch(
                answer["video_url"], headers={}, timeout=FILE_TIMEOUT, trusted=False, limit=FILE_LIMIT
            )
        return _fetched(file)

    async def _file(self, token: str, query: str) -> Answer:
        url = self._address("cgi-bin/media/get", token, query)
        answer = await self._tools.http.request(
            "GET", url, headers={}, timeout=FILE_TIMEOUT, trusted=True, limit=FILE_LIMIT + 1
        )
        self._check(answer)
        return answer

    def _address(self, path: str, token: str, query: str) -> str:
        return f"{self._settings.api}/{path}?access_token={quote(token, safe='')}{query}"

    def _check(self, answer: Answer) -> None:
        refuse_for_now(answer, self._tools.clock)
        if answer.status >= _REFUSED:
            raise PermanentFailure(f"WeChat answered {answer.status}", code="refused")
        if answer.status != _OK:
            raise TransientFailure(f"WeChat answered {answer.status}")

    def _error(self, answer: Mapping[str, Any], token: str) -> Exception:
        """Its words may repeat what was asked."""
        code = answer["errcode"]
        return error_of(code if isinstance(code, int) else 0, str(answer.get("errmsg", "")).replace(token, "***"))


def _is_json(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "")
    return ("json" in kind or "text/plain" in kind) and answer.body[:1] == b"{"


def _code_in(answer: Answer) -> object:
    return json_of(answer.body).get("errcode") if _is_json(answer) else None


def _fetched(file: Answer) -> Fetched:
    if len(file.body) > FILE_LIMIT:
        raise PermanentFailure(f"larger than {FILE_LIMIT} bytes", code="too_large")
    return Fetched(data=file.body, type=type_of(file.body[:4096]))
