"""Fetches updates: what came is committed together with the place up to which it was read, and only then confirmed to Telegram.

Telegram forgets an update once it is asked for one with a higher number (https://core.telegram.org/bots/api#getupdates).
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Protocol

from channels.telegram.client import Client
from channels.telegram.normalize import ASKED_FOR, PRESSED
from conversation.errors import ChannelError, TransientFailure
from conversation.model.message import InboundEvent
from conversation.ports.channel import Inbox, Tools
from conversation.ports.metrics import ChannelEvent

BATCH = 100
LEASE = timedelta(seconds=24)  # of which another node takes over within 30 s after the reader was killed

_MARGIN = 10.0
_ANSWERING = 5.0
# after a quiet week Telegram goes on with any number, also a lower one: by then an old offset would drop what is new
_FORGOTTEN = timedelta(days=3)


class Host(Protocol):
    """What the account gives to the reading of its updates."""

    client: Client
    tools: Tools

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        """The events of one update."""
        ...

    async def holds(self) -> bool:
        """Whether this node is still the one that reads; renews the lease."""
        ...

    def caught_up(self) -> None:
        """Nothing waits at Telegram now."""
        ...

    def set_status(self, detail: str) -> None:
        """In words, for operators."""
        ...


class PollingOffset:
    """Where reading stands: the number of the update that is asked for next, and when it became so."""

    def __init__(self, offset: int | None = None, since: datetime | None = None) -> None:
        self.offset = offset
        self.since = since

    @classmethod
    def of(cls, cursor: Mapping[str, object] | None) -> "PollingOffset":
        """From the cursor that was committed last; what cannot be read is no place."""
        offset, at = (cursor or {}).get("offset"), (cursor or {}).get("at")
        try:
            since = datetime.fromisoformat(at) if isinstance(at, str) else None
        except ValueError:
            since = None
        return cls(offset, since) if isinstance(offset, int) and since is not None and since.tzinfo else cls()

    def asked(self, now: datetime) -> Mapping[str, object]:
        """What goes with the next request. Without an offset Telegram begins at the first update not yet confirmed."""
        fresh = self.since is not None and now - self.since < _FORGOTTEN
        return {"offset": self.offset} if fresh else {}

    def cursor(self) -> Mapping[str, object]:
        """To be committed with the updates before it."""
        return {"offset": self.offset, "at": self.since.isoformat() if self.since else None}


class Polling:
    """One account's reading, until it fails or another node takes over. `patience` is how long Telegram holds a question (s)."""

    def __init__(self, host: Host, inbox: Inbox, *, patience: float) -> None:
        self._host = host
        self._inbox = inbox
        self._patience = patience
        self._count = 0

    async def read(self) -> None:
        """Until cancelled."""
        place = PollingOffset.of(await self._host.tools.state.cursor())
        while True:
            if not await self._host.holds():
                raise TransientFailure("another node reads this bot's updates now")
            updates = await self._asked(place)
            if updates:
                place = await self._take(updates)
            if len(updates) < BATCH:
                self._host.caught_up()

    async def _asked(self, place: PollingOffset) -> list[Any]:
        given = {
            "limit": BATCH,
            "timeout": int(self._patience),
            "allowed_updates": list(ASKED_FOR),
            **place.asked(self._host.tools.clock.now()),
        }
        found = await self._host.client.call("getUpdates", given, seconds=self._patience + _MARGIN)
        if not isinstance(found, list):
            raise TransientFailure("what Telegram answered is no list of updates")
        return found

    async def _take(self, updates: Sequence[Any]) -> PollingOffset:
        """All of them in one commit; nothing of chats that are not ours needs one."""
        after = PollingOffset(_after(updates), self._host.tools.clock.now())
        # each is read by itself, from bytes of its own, as a webhook brings it
        events = [event for update in updates for event in self._host.read(json.dumps(update).encode())]
        if events:
            await self._inbox.accept(events, cursor=after.cursor())
            self._host.tools.count(ChannelEvent.RECEIVED, len(updates))
        self._count += len(updates)
        self._host.set_status(f"{self._count} updates read since the account was started")
        await self._answer([one.external_id for one in events if one.external_id.startswith(PRESSED)])
        return after

    async def _answer(self, pressed: Sequence[str]) -> None:
        """Buttons stop spinning. It is a courtesy: it waits for little and fails for itself."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERING):
                await asyncio.gather(*(self._answer_one(one.removeprefix(PRESSED)) for one in pressed))

    async def _answer_one(self, query: str) -> None:
        with suppress(ChannelError):
            await self._host.client.call("answerCallbackQuery", {"callback_query_id": query}, seconds=_ANSWERING)


def _after(updates: Sequence[Any]) -> int:
    """Behind the last number. One without a number is committed, and goes with its mates."""
    numbers = [update.get("update_id") for update in updates if isinstance(update, dict)]
    known = [number for number in numbers if isinstance(number, int)]
    if not known:
        raise TransientFailure("Telegram sent updates without a number")
    return max(known) + 1
