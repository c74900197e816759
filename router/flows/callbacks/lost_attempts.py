"""Tries that nobody dialed or ended: asked for by whoever finds them in time, and settled as lost where nobody reported their end."""

from datetime import datetime, timedelta

from conversation.model.callback import Attempt, CallOutcome
from conversation.ports.storage import Storage
from router.flows.callbacks.attempts import CallAttempts

_AT_ONCE = 1_000
_UNASKED = timedelta(seconds=5)
_NEWS = timedelta(minutes=5)  # beyond the time of ringing: an exchange has reported by then
_LONGEST = timedelta(hours=2)  # a conversation on the telephone, or one that an agent forgot to end


class CallTries:
    """Any number may run: a try is claimed once, and ended once."""

    def __init__(self, storage: Storage, ends: CallAttempts) -> None:
        self._storage = storage
        self._ends = ends

    async def unasked(self, now: datetime) -> int:
        """Written down, and whoever was to dial died before they asked."""
        found = [one for one in await self._living(now - _UNASKED) if one.dialed_at is None and one.dialer != "manual"]
        for one in found:
            await self._ends.ring(one.id)
        return len(found)

    async def lost(self, now: datetime) -> int:
        """Neither an exchange nor an agent reported what became of it."""
        found = [one for one in await self._living(now - _NEWS) if await self._is_lost(one, now)]
        for one in found:
            await self._ends.progressed(one.id, outcome=CallOutcome.LOST)
        return len(found)

    async def _is_lost(self, attempt: Attempt, now: datetime) -> bool:
        if attempt.dialer == "manual" or attempt.connected_at is not None:
            return attempt.created_at + _LONGEST <= now
        async with self._storage.read("call_lost") as work:
            ring = self._ends.plan(await work.callbacks.get(attempt.callback)).ring
        return attempt.dialed_at is not None and attempt.dialed_at + ring + _NEWS <= now

    async def _living(self, before: datetime) -> list[Attempt]:
        async with self._storage.read("calls_on_the_line") as work:
            return await work.callbacks.on_the_line(before, _AT_ONCE)
