"""The access token: one for all nodes, fetched under a lease, kept in the account's state, renewed before it ends.

`stable_token` gives everybody who asks the same token until it ends, takes the AppSecret in a body instead of an address, and
leaves tokens that other systems fetched in peace. https://developers.weixin.qq.com/doc/service/api/base/api_getstableaccesstoken
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from channels.http_client import refuse_for_now
from channels.wechat.errors import error_of
from channels.wechat.settings import Settings
from conversation.errors import ChannelMisconfigured, TransientFailure, Unknown
from conversation.ports.channel import Tools

EARLY = timedelta(minutes=5)
NAME = "access_token"
TIMEOUT = 10.0

_LEASE = timedelta(seconds=30)
_LOOKS = 50
_BETWEEN_LOOKS = 0.1


class AccessToken:
    """Of one account, on this node."""

    def __init__(self, settings: Settings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._owner = tools.owner
        self._held: tuple[str, float] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def get(self, *, refused: str | None = None) -> str:
        """A token that still counts; another one than the one that WeChat `refused`. Raises a `ChannelError`."""
        async with self._one_at_a_time:
            if self._held is not None and self._counts(*self._held, refused):
                return self._held[0]
            return await self._shared(refused)

    async def prove(self) -> None:
        """Ask for the token that is in use already, and forget it. Raises a `ChannelError`."""
        await self._ask(force=False)

    async def _shared(self, refused: str | None) -> str:
        for _ in range(_LOOKS):
            kept = await self._kept(refused)
            if kept is not None:
                return kept
            if await self._tools.state.lease(NAME, self._owner, _LEASE) is not None:
                return await self._fetched_alone(refused)
            await asyncio.sleep(_BETWEEN_LOOKS)
        raise TransientFailure("another node fetches the access token")

    async def _kept(self, refused: str | None) -> str | None:
        """What any node of this account keeps, while it counts."""
        kept = await self._tools.state.recall(NAME) or {}
        token, until = kept.get("token"), kept.get("until")
        if not isinstance(token, str) or not isinstance(until, int | float) or not self._counts(token, until, refused):
            return None
        self._held = token, float(until)
        return token

    def _counts(self, token: str, until: float, refused: str | None) -> bool:
        return token != refused and self._tools.clock.now().timestamp() < until

    async def _fetched_alone(self, refused: str | None) -> str:
        """With the lease: whoever held it before may have fetched meanwhile."""
        try:
            return await self._kept(refused) or await self._fetched(refused)
        finally:
            await self._tools.state.release(NAME, self._owner)

    async def _fetched(self, refused: str | None) -> str:
        token, seconds = await self._ask(force=False)
        if token == refused:  # WeChat itself still thought it good
            token, seconds = await self._ask(force=True)
        lasts = max(seconds - EARLY.total_seconds(), seconds / 2)
        until = self._tools.clock.now().timestamp() + lasts
        await self._tools.state.remember(NAME, {"token": token, "until": until})
        self._held = token, until
        return token

    async def _ask(self, *, force: bool) -> tuple[str, float]:
        asked = {
            "grant_type": "client_credential",
            "appid": self._settings.app_id,
            "secret": self._settings.secret.get_secret_value(),
            "force_refresh": force,
        }
        url = f"{self._settings.api}/cgi-bin/stable_token"
        headers = {"content-type": "application/json"}
        body = json.dumps(asked).encode()
        try:
            answer = await self._tools.http.request(
                "POST", url, body=body, headers=headers, timeout=TIMEOUT, trusted=True
            )
        except Unknown as error:  # asking for a token again has no second effect, and nothing was sent to anybody
            raise TransientFailure(f"no access token: {error.detail}") from None
        refuse_for_now(answer, self._tools.clock)
        return _token_in(json_of(answer.body))


def _token_in(answer: Mapping[str, Any]) -> tuple[str, float]:
    code, token, seconds = answer.get("errcode") or 0, answer.get("access_token"), answer.get("expires_in")
    if code == 40001:  # noqa: PLR2004 here it speaks of the AppSecret
        raise ChannelMisconfigured("WeChat refuses the AppSecret")
    if code:
        raise error_of(code, str(answer.get("errmsg", "")))
    if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
        raise TransientFailure("WeChat gave no access token")
    return token, float(seconds)


def json_of(body: bytes) -> Mapping[str, Any]:
    """The object in an answer; empty where it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
