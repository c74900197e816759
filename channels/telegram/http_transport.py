"""python-telegram-bot's requests, sent through the guarded HTTP client instead of its own.

So time limits are ours, a request that left differs from one that did not, and nothing writes the URL, which holds the token, to a log.
"""

import json
import secrets
from datetime import timedelta
from typing import Any

from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from channels.http_client import LONGEST_RETRY_AFTER, USUAL_RETRY_AFTER, retry_after
from conversation.errors import ChannelError, RateLimited
from conversation.ports.channel import Answer, Clock, Http

ANSWER_LIMIT = 16 * 1024 * 1024  # a hundred updates, each with a long text and many entities
USUAL_TIMEOUT = 20.0

_TOO_MANY = 429
_NOT_NOW = 503
_REPLACING = {"errors": "replace"}  # half a character is no reason to send nothing
_BARE = str.maketrans(dict.fromkeys('"\r\n\\', "_"))


class NotAnswered(TelegramError):
    """What the HTTP client raised. `error` shows whether the request had left, or how long to wait."""

    def __init__(self, error: ChannelError) -> None:
        super().__init__(error.detail)
        self.error = error


class GuardedTransport(BaseRequest):
    """One request through the port `Http`. The time a caller gives for reading is for the whole request."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock

    @property
    def read_timeout(self) -> float:
        """Seconds, where a caller gives none."""
        return USUAL_TIMEOUT

    async def initialize(self) -> None:
        """Nothing to acquire."""

    async def shutdown(self) -> None:
        """Nothing to close: the HTTP client belongs to the application."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """As the library does it, without writing what cannot be read to its log. There always is a `result`."""
        try:
            found = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            raise TelegramError("the answer is not JSON") from None
        return {"result": None, **found} if isinstance(found, dict) else {"result": None}

    async def do_request(  # noqa: PLR0917 the library's own signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """(status, body). Raises `NotAnswered`."""
        del write_timeout, connect_timeout, pool_timeout
        seconds = read_timeout if isinstance(read_timeout, int | float) else USUAL_TIMEOUT
        kind, body = written(request_data)
        try:
            answer = await self._http.request(
                method,
                url,
                body=body,
                headers={"content-type": kind},
                timeout=seconds,
                trusted=True,
                limit=ANSWER_LIMIT,
            )
        except ChannelError as error:
            raise NotAnswered(error) from None
        self._wait_where_asked(answer)
        return answer.status, answer.body

    def _wait_where_asked(self, answer: Answer) -> None:
        """Here, because the library's own exception warns of its future at every use."""
        wait = retry_after(answer.headers, self._clock)
        if answer.status == _TOO_MANY:
            wait = _asked_for(answer.body) or wait or USUAL_RETRY_AFTER
        if wait is not None and answer.status in (_TOO_MANY, _NOT_NOW):
            raise NotAnswered(RateLimited("Telegram asks us to wait", retry_after=wait))


def _asked_for(body: bytes) -> timedelta | None:
    """https://core.telegram.org/bots/api#responseparameters."""
    try:
        seconds = json.loads(body)["parameters"]["retry_after"]
        return min(timedelta(seconds=max(0, int(seconds))), LONGEST_RETRY_AFTER)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def written(data: RequestData | None) -> tuple[str, bytes]:
    """(content type, body): a form, of several parts where files go with it."""
    if data is None or not data.contains_files:
        return "application/x-www-form-urlencoded", data.url_encoded_parameters(_REPLACING).encode() if data else b""
    border = secrets.token_hex(16)
    parts = [
        _part(border, f'name="{name}"', value.encode(errors="replace")) for name, value in data.json_parameters.items()
    ]
    for name, (filename, content, kind) in data.multipart_data.items():
        named = f'name="{name}"; filename="{filename.translate(_BARE)}"'
        whole = content if isinstance(content, bytes) else content.read()
        parts.append(_part(border, named, whole, kind))
    return f"multipart/form-data; boundary={border}", b"".join([*parts, f"--{border}--\r\n".encode()])


def _part(border: str, named: str, content: bytes, kind: str | None = None) -> bytes:
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    return f"--{border}\r\nContent-Disposition: form-data; {named}\r\n{typed}\r\n".encode() + content + b"\r\n"
