"""Visitors with an open chat socket, and the frames that they are sent: one listener in each process serves all of them.

A hint means that somebody's feed grew; what is sent is always read from the feed after the visitor's own cursor. A lost
hint is healed by a slow round over everybody.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from channels.webchat import render
from channels.websocket_writer import SocketWriter
from conversation.errors import StoreError
from conversation.model.events import Hint, Topic
from conversation.model.message import AuthorKind
from conversation.ports.customer_pages import CustomerPagePorts, Visitor

log = logging.getLogger(__name__)

PAGE = 100
READERS = 16
ROUND = 30.0
HERE = 20.0  # an open page says so as often, while it holds something unread: sooner than any mail may follow
TICK = 1.0
MOST_STATUSES = 100
MOST_ROUND = 25
RESTARTING = 1012


class Seat:
    """One open socket of one visitor.

    `seq` is the last message offered to it, `last_answer` the last of these that an agent wrote, `read` the last that the page
    reported as read. `locale` is what the browser asks for.
    """

    __slots__ = ("busy", "last_answer", "locale", "read", "repeat", "seq", "status", "visitor", "writer")

    def __init__(self, visitor: Visitor, writer: SocketWriter, seq: int, locale: str | None = None) -> None:
        self.visitor = visitor
        self.writer = writer
        self.seq = seq
        self.last_answer = seq
        self.read = seq
        self.locale = locale
        self.status = ""
        self.busy = False
        self.repeat = False

    @property
    def identity(self) -> str:
        """The id of the identity that sits here."""
        return self.visitor.identity.id


class Visitors:
    """All seats of this process."""

    def __init__(self, ports: CustomerPagePorts) -> None:
        self._ports = ports
        self._seats: dict[str, list[Seat]] = {}
        self._in_line: set[str] = set()
        self._stale: set[str] = set()
        self._statuses_sent_at = -TICK
        self._reading = asyncio.Semaphore(READERS)
        self._listening = False
        self._round: list[str] = []
        self._here_at = -HERE

    def count(self, identity: str) -> int:
        """How many sockets this visitor has open."""
        return len(self._seats.get(identity, ()))

    def join(self, seat: Seat) -> None:
        """From now on this seat is served; the first one starts the listener."""
        self._seats.setdefault(seat.identity, []).append(seat)
        if not self._listening:
            self._listening = True
            self._ports.background(self._listen())

    def leave(self, seat: Seat) -> None:
        """Harmless twice."""
        seats = self._seats.get(seat.identity, [])
        if seat in seats:
            seats.remove(seat)
        if not seats:
            self._seats.pop(seat.identity, None)
            self._in_line.discard(seat.identity)
            self._stale.discard(seat.identity)

    async def bring(self, seat: Seat) -> None:
        """Offer everything after the seat's cursor, in order and once, as fast as it is read."""
        if seat.busy:
            seat.repeat = True
            return
        seat.busy = True
        try:
            while await self._bring_page(seat) or seat.repeat:
                seat.repeat = False
        except StoreError as error:
            # the next hint or the slow round comes back to this seat
            log.warning("chat_feed_unread", extra={"channel": seat.visitor.channel, "error": type(error).__name__})
        finally:
            seat.busy = False

    async def send_status(self, seat: Seat, *, always: bool = False) -> None:
        """Offer the availability of agents to this seat where it changed."""
        visitor = seat.visitor
        try:
            async with self._reading:
                found = await self._ports.availability.of(
                    visitor.channel, identity=visitor.identity.id, language=visitor.language
                )
        except StoreError as error:
            log.warning("chat_status_unread", extra={"channel": visitor.channel, "error": type(error).__name__})
            return
        frame = render.frame("status", render.status(found))
        if always or frame != seat.status:
            seat.status = frame
            seat.writer.offer(frame)
        if found.position is not None:
            self._in_line.add(seat.identity)

    async def _bring_page(self, seat: Seat) -> bool:
        visitor = seat.visitor
        async with self._reading:
            found = await self._ports.feed.after(visitor.identity.id, seat.seq, PAGE)
        for one in found:
            body = render.message(one, channel=visitor.channel, address=visitor.identity.address)
            if not seat.writer.offer(render.frame("message", body)):
                return False
            seat.seq = max(seat.seq, one.feed_seq or 0)
            if one.author.kind is AuthorKind.AGENT:
                seat.last_answer = seat.seq
        if len(found) < PAGE:
            return False
        await seat.writer.finish()
        return not seat.writer.done

    # -- the listener --------------------------------------------------------------------------------------------------

    async def _listen(self) -> None:
        """Until no seat is left, or the service drains."""
        try:
            while self._is_needed():  # asked again after leaving: somebody may have come meanwhile
                await self._listen_once()
        finally:
            self._listening = False
        if self._ports.draining():
            for seat in self._of(list(self._seats)):
                seat.writer.close(RESTARTING, "restarting")

    async def _listen_once(self) -> None:
        topics = (Topic.VISITORS, Topic.WORK, Topic.RULES, Topic.TYPING)
        async with self._ports.signals.subscribe(*topics) as listening:
            while self._is_needed():
                heard = await listening.wait(TICK)
                try:
                    self._hear(heard)
                except Exception:
                    # one odd hint must not silence every chat of this process
                    log.exception("chat_hint_failed")

    def _is_needed(self) -> bool:
        return bool(self._seats) and not self._ports.draining()

    def _hear(self, heard: Mapping[Topic, Sequence[Hint]]) -> None:
        grown = dict.fromkeys(key for hint in heard.get(Topic.VISITORS, ()) for key in hint.keys)
        for seat in self._of(grown):
            self._ports.background(self.bring(seat))
        for hint in heard.get(Topic.VISITORS, ()):
            self._send_read(hint)
        for hint in heard.get(Topic.TYPING, ()):
            self._send_typing(hint)
        self._note_stale(grown, line_moved=Topic.WORK in heard, everybody=Topic.RULES in heard)
        self._send_statuses()
        self._report_presence()

    def _note_stale(self, grown: Iterable[str], *, line_moved: bool, everybody: bool) -> None:
        self._stale.update(identity for identity in grown if identity in self._seats)
        if line_moved:
            self._stale |= self._in_line
            self._in_line = set()
        if everybody:
            self._stale.update(self._seats)

    def _send_statuses(self) -> None:
        """Statuses are costly to find out and may be a second old. A slow round finds what no hint announced."""
        now = asyncio.get_running_loop().time()
        if now - self._statuses_sent_at < TICK:
            return
        self._statuses_sent_at = now
        several = list(islice(self._stale, MOST_STATUSES))
        self._stale.difference_update(several)
        for seat in self._of(several):
            self._ports.background(self.send_status(seat))
        for seat in self._of(self._next_of_round()):
            self._ports.background(self._attend(seat))

    def _report_presence(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._here_at < HERE:
            return
        self._here_at = now
        behind = {s.identity: s.visitor.channel for s in self._of(list(self._seats)) if s.read < s.last_answer}
        if behind:
            self._ports.background(self._here(behind))

    async def _here(self, behind: Mapping[str, str]) -> None:
        """One after the other: there is no hurry, and the database has other things to do."""
        try:
            for identity, channel in behind.items():
                await self._ports.feed.here(identity, channel)
        except StoreError as error:
            log.warning("chat_here_untold", extra={"error": type(error).__name__})

    async def _attend(self, seat: Seat) -> None:
        await self.bring(seat)
        if not seat.writer.done:
            await self.send_status(seat)

    def _send_typing(self, hint: Hint) -> None:
        if hint.data.get("from") != "agent":
            return
        frame = render.frame("typing", {"name": hint.data.get("public_name")})
        for seat in self._of(hint.keys):
            seat.writer.offer(frame)

    def _send_read(self, hint: Hint) -> None:
        read = hint.data.get("read")
        if isinstance(read, int):
            for seat in self._of(hint.keys):
                seat.writer.offer(render.frame("read", {"seq": read}))

    def _of(self, identities: Iterable[str]) -> list[Seat]:
        return [seat for identity in identities for seat in self._seats.get(identity, ())]

    def _next_of_round(self) -> list[str]:
        if not self._round:
            self._round = list(self._seats)
        size = min(MOST_ROUND, max(1, round(len(self._seats) * TICK / ROUND)))
        part, self._round = self._round[:size], self._round[size:]
        return part
