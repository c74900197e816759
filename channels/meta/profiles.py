"""Names of customers whom Messenger and Instagram identify by number only. Each is requested once, in the background."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

from channels.meta.graph import Graph
from channels.meta.platforms import Platform
from conversation.errors import ChannelError
from conversation.model.message import ContactChanged, InboundEvent, MessageReceived
from conversation.model.people import Identity
from conversation.ports.channel import Clock, Inbox

log = logging.getLogger(__name__)

MOST = 1000
REMEMBERED = 10_000

_FIELDS = {Platform.MESSENGER: "first_name,last_name", Platform.INSTAGRAM: "name,username"}
_SECONDS = 5.0
_LONGEST = 200


class Profiles:
    """Who is to be asked about. A name that is not given is done without."""

    def __init__(self, channel: str, platform: Platform, graph: Graph, clock: Clock) -> None:
        self._channel = channel
        self._fields = _FIELDS.get(platform)
        self._graph = graph
        self._clock = clock
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST)
        self._asked: OrderedDict[str, None] = OrderedDict()

    def meet(self, events: Sequence[InboundEvent]) -> None:
        """Whoever of these wrote to us and has no name is asked about, unless too many are."""
        for event in events:
            if isinstance(event, MessageReceived) and event.channel == self._channel:
                self._meet(event.sender)

    def _meet(self, sender: Identity) -> None:
        if self._fields is None or sender.name or not sender.address.isdigit() or sender.address in self._asked:
            return
        self._asked[sender.address] = None
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        with suppress(asyncio.QueueFull):
            self._waiting.put_nowait(sender.address)

    async def report_names(self, inbox: Inbox) -> None:
        """Until cancelled. The store's failures end it; Meta's do not."""
        while True:
            address = await self._waiting.get()
            name = await self._name(address)
            if name is not None:
                await inbox.accept([self._with_name(address, name)])

    async def _name(self, address: str) -> str | None:
        try:
            profile = await self._graph.get(f"{address}?fields={self._fields}", seconds=_SECONDS)
        except ChannelError as error:
            log.info("profile_not_told", extra={"channel": self._channel, "error": type(error).__name__})
            return None
        first, last, name, user = (profile.get(key) for key in ("first_name", "last_name", "name", "username"))
        both = " ".join(one for one in (first, last) if isinstance(one, str) and one)
        found = next((one for one in (both, name, user) if isinstance(one, str) and one.strip()), None)
        return found[:_LONGEST] if found else None

    def _with_name(self, address: str, name: str) -> ContactChanged:
        return ContactChanged(
            channel=self._channel,
            external_id=f"profile:{address}",
            sender=Identity(channel=self._channel, address=address, name=name),
            received_at=self._clock.now(),
        )
