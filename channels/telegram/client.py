"""The Bot API as this kind uses it: one method at a time, raw answers, errors of `conversation.errors`, and the token nowhere in them."""

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from telegram import Bot, InputFile
from telegram.error import ChatMigrated, TelegramError

from channels.telegram.errors import judged
from channels.telegram.http_transport import USUAL_TIMEOUT, GuardedTransport
from conversation.errors import ChannelError, PermanentFailure, TransientFailure, Unknown
from conversation.ports.channel import Clock, Fetched, Http

DOWNLOAD_LIMIT = 20_000_000  # https://core.telegram.org/bots/api#getfile

_UPLOAD_TIMEOUT = 28.0
_DOWNLOAD_TIMEOUT = 60.0
_HIDDEN = "***"

# the library would write what customers say, and the webhook's secret, to its debug log
logging.getLogger("telegram").setLevel(logging.WARNING)


class Migrated(ChannelError):
    """The group is a supergroup now and has another id; nothing was sent."""

    def __init__(self, chat: int) -> None:
        super().__init__("the group has another id now")
        self.chat = str(chat)


class Client:
    """One bot. Requests leave through the guarded HTTP client."""

    def __init__(self, token: str, api: str, http: Http, clock: Clock) -> None:
        self._token = token
        self._http = http
        self._files = f"{api}/file/bot{token}"
        transport = GuardedTransport(http, clock)
        self._bot = Bot(
            token,
            base_url=f"{api}/bot",
            base_file_url=f"{api}/file/bot",
            request=transport,
            get_updates_request=transport,
        )

    def __repr__(self) -> str:
        return "Client()"

    async def call(self, method: str, given: Mapping[str, Any], *, seconds: float = USUAL_TIMEOUT) -> Any:
        """The `result`. Raises a `ChannelError`, of which `Migrated` is one. `seconds` is for the whole request."""
        try:
            # in lower case, which Telegram takes as well, because the library warns where it has a method of that name
            result = await self._bot.do_api_request(method.lower(), api_kwargs=dict(given), read_timeout=seconds)
        except ChatMigrated as moved:
            raise Migrated(moved.new_chat_id) from None
        except TelegramError as error:
            raise self._hidden(judged(error, group=_is_group(given))) from None
        if result is None:
            raise Unknown("Telegram took it, but its answer says nothing")
        return result

    async def upload(self, method: str, given: Mapping[str, Any], field: str, name: str, data: bytes) -> Any:
        """The same, with a file under `field`."""
        return await self.call(method, {**given, field: InputFile(data, filename=name)}, seconds=_UPLOAD_TIMEOUT)

    async def fetch(self, file_id: str) -> Fetched:
        """The bytes of a file. The URL that Telegram gives holds the token: it is used here and nowhere else."""
        file = await self.call("getFile", {"file_id": file_id})
        path = file.get("file_path") if isinstance(file, dict) else None
        if not isinstance(path, str) or not path:
            raise PermanentFailure("Telegram has this file no longer", code="expired")
        try:
            return await self._http.fetch(
                f"{self._files}/{quote(path)}",
                headers={},
                timeout=_DOWNLOAD_TIMEOUT,
                trusted=True,
                limit=DOWNLOAD_LIMIT,
                redirects=0,
            )
        except ChannelError as error:
            raise self._hidden(error) from None
        except TimeoutError:
            raise TransientFailure("Telegram did not hand out the file in time") from None

    def _hidden(self, error: ChannelError) -> ChannelError:
        """Whatever somebody wrote into an error, the token is not in it. The library changes the case of method names."""
        error.detail = re.sub(re.escape(self._token), _HIDDEN, error.detail, flags=re.IGNORECASE)
        error.args = (error.detail,)
        return error


def _is_group(given: Mapping[str, Any]) -> bool:
    """Groups have negative ids."""
    return str(given.get("chat_id", "")).startswith("-")
