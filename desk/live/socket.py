"""The events socket: one reader of the feed for each process, and bounded writers, so that nobody waits for the slowest."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from aiohttp import WSCloseCode, web
from pydantic import BeforeValidator, Field

from channels.websocket_writer import PATIENCE, TOO_SLOW, SocketWriter
from conversation.errors import HuntgroupError, StoreError
from conversation.model.events import Hint, Topic
from conversation.model.people import Agent, Presence
from conversation.ports.metrics import CountedEvent
from desk.api.me import LEASE
from desk.http.authentication import Caller, Who, check_origin
from desk.http.problems import Problem, busy
from desk.http.routing import ApiRequest, Input, Routes
from desk.http.services import Services
from desk.live.frames import EventFrame, frames_after, typing_of
from desk.live.queue_lengths import Lines

log = logging.getLogger(__name__)

UNAUTHENTICATED = 4401
CURSOR_TOO_OLD = 4410
GOING_AWAY = 1001
_BATCH = 100
_REREAD = 30.0  # seconds after which agents are read again although nobody counted a change
_BREATH = 32  # events handed out between two chances for the writers to write


class Client:
    """One open socket. `position` is the cursor up to which it was sent everything it may see."""

    __slots__ = ("agent", "digest", "position", "revision", "socket", "writer")

    def __init__(self, caller: Caller, socket: web.WebSocketResponse, writer: SocketWriter) -> None:
        self.agent: Agent = caller.agent
        self.digest = caller.digest
        self.socket = socket
        self.writer = writer
        self.position = 0
        self.revision = -1  # of all agents, when this one was last read


class Live:
    """Reads the feed once for all clients; renews presence and watches tokens of whoever is connected."""

    def __init__(
        self, services: Services, *, poll: float = 1.0, renew: float = 20.0, guard: float = 3.0, batch: int = _BATCH
    ) -> None:
        self._services = services
        self._poll = poll
        self._renew_every = renew
        self._guard_every = guard
        self._batch = batch
        self._clients: set[Client] = set()
        self._lines = Lines(services.storage)
        self._cursor = 0
        self._everybody_at = services.clock.monotonic()
        self._started = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `close`."""
        self._stopped.clear()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._follow()),
                    group.create_task(self._every(self._renew_every, self._renew)),
                    group.create_task(self._every(self._guard_every, self._guard)),
                    group.create_task(self._every(self._poll / 2, self._send_queue_counts)),
                ]
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
        finally:
            self._stopped.set()

    def dismiss(self) -> None:
        """Notify every client that this node goes away; they resume elsewhere from their cursor."""
        for client in list(self._clients):
            client.writer.close(GOING_AWAY, "going away")

    async def close(self) -> None:
        """Stop reading."""
        self._stopping.set()
        await self._stopped.wait()

    async def _carefully(self, step: Callable[[], Awaitable[None]]) -> None:
        # a lost database or a bug in one batch must not end the feed for everybody for good
        try:
            await step()
        except HuntgroupError as error:
            log.warning("live_delayed", extra={"reason": type(error).__name__})
            await asyncio.sleep(self._poll)
        except Exception:
            log.exception("live_failed")
            await asyncio.sleep(self._poll)

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._carefully(step)

    # -- the feed ------------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        async with self._services.signals.subscribe(Topic.FEED, Topic.TYPING) as listening:
            while not self._started.is_set():
                await self._carefully(self._start)
            while True:
                heard = await listening.wait(self._poll)
                self._send_typing(heard.get(Topic.TYPING, ()))
                await self._carefully(self._read)

    async def _start(self) -> None:
        async with self._services.storage.read("live.start") as work:
            head = await work.events.head()
        if not self._clients:  # one who joined meanwhile counts on the reader standing where it stood
            self._cursor = head
        self._started.set()

    async def _read(self) -> None:
        while True:
            if not self._clients:
                return  # nobody listens: the first one to join finds out where to begin
            entry = await self._after(self._cursor)
            for at, one in enumerate(entry):
                self._deliver(one)
                if at % _BREATH == _BREATH - 1:
                    await asyncio.sleep(0)
            if len(entry) < self._batch:
                return

    async def _after(self, cursor: int) -> list[EventFrame]:
        rulebook = self._services.rules.rulebook
        async with self._services.storage.read("live.events") as work:
            return await frames_after(work, rulebook, cursor, limit=self._batch)

    def _deliver(self, entry: EventFrame) -> None:
        rulebook = self._services.rules.rulebook
        self._cursor = entry.event.cursor
        self._lines.note(entry.event)
        for client in list(self._clients):
            if entry.event.cursor <= client.position:
                continue  # it heard of this while it caught up
            client.position = entry.event.cursor
            frame = entry.for_agent(client.agent, rulebook)
            if frame is not None and not client.writer.offer(frame):
                self._drop(client)

    def _send_typing(self, hints: Sequence[Hint]) -> None:
        rulebook = self._services.rules.rulebook
        for typing in typing_of(hints):
            for client in list(self._clients):
                if typing.for_agent(client.agent, rulebook):
                    client.writer.offer(typing.frame)

    async def _send_queue_counts(self) -> None:
        """At most twice a second, however much moves."""
        rulebook = self._services.rules.rulebook
        for line in await self._lines.changes(listened=bool(self._clients)):
            for client in list(self._clients):
                if line.for_agent(client.agent, rulebook):
                    client.writer.offer(line.frame)

    # -- clients -------------------------------------------------------------------------------------------------------

    async def here(self) -> int:
        """Where the feed stands: who joins from this cursor gets whatever is committed after this call."""
        await self._started.wait()
        await self._lines.look()
        async with self._services.storage.read("live.here") as work:
            return await work.events.head()

    async def join(self, client: Client, cursor: int) -> bool:
        """Catch up from a cursor, then listen, without gap or double. False when the cursor is not kept any more."""
        await self._started.wait()
        await self._lines.look()
        if not self._clients:
            await self._start()
        if not await self._kept(cursor):
            client.writer.close(CURSOR_TOO_OLD, "cursor too old")
            return False
        client.position = cursor
        await self._catch_up(client)
        self._clients.add(client)  # no await since the last look at the reader's cursor
        return True

    async def _kept(self, cursor: int) -> bool:
        async with self._services.storage.read("live.kept") as work:
            return await work.events.oldest() - 1 <= cursor <= await work.events.head()

    async def _catch_up(self, client: Client) -> None:
        while client.position < self._cursor:
            for entry in await self._after(client.position):
                self._lines.note(entry.event)
                frame = entry.for_agent(client.agent, self._services.rules.rulebook)
                if frame is not None:
                    async with asyncio.timeout(PATIENCE):
                        await client.socket.send_str(frame)
                client.position = entry.event.cursor

    def leave(self, client: Client) -> None:
        """The socket is closed."""
        self._clients.discard(client)

    def _drop(self, client: Client) -> None:
        log.info("live_client_dropped", extra={"agent": client.agent.id})
        self._services.count(CountedEvent.LIVE_DROPPED)
        self.leave(client)

    # -- who is connected ----------------------------------------------------------------------------------------------

    async def _renew(self) -> None:
        """An open socket keeps its agent's presence alive, as long as there is one to keep."""
        connected = {client.agent.id for client in self._clients}
        if not connected:
            return
        now = self._services.clock.now()
        async with self._services.storage.begin("live.presence") as work:
            for row in await work.agents.on_duty(now):
                if row.agent in connected and row.presence is not Presence.OFFLINE:
                    await work.agents.set_presence(row.agent, row.presence, until=now + LEASE, now=now)

    async def _guard(self) -> None:
        """A token that ended, or an agent who was disabled, ends the sockets; a changed role counts from now on."""
        clients = list(self._clients)  # whoever joins during the look was just let in
        if not clients:
            return
        digests = sorted({client.digest for client in clients})
        async with self._services.storage.read("live.guard") as work:
            living = await work.agents.living(digests, now=self._services.clock.now())
            revision = await work.agents.revision()
            people = await work.agents.find(self._unread(clients, revision))
        for client in clients:
            if client.digest not in living:
                client.writer.close(UNAUTHENTICATED, "logged out")
                self.leave(client)
            elif client.agent.id in people:
                client.agent, client.revision = people[client.agent.id], revision

    def _unread(self, clients: Sequence[Client], revision: int) -> list[str]:
        """Who may have changed since they were read. Nodes of an older release count no revision: everybody now and then."""
        now = self._services.clock.monotonic()
        everybody = now - self._everybody_at >= _REREAD
        if everybody:
            self._everybody_at = now
        return sorted({client.agent.id for client in clients if everybody or client.revision != revision})


LIVE: web.AppKey[Live] = web.AppKey("live", Live)


routes = Routes("events")


class EventsQuery(Input):
    """From where on; without a cursor, from now."""

    cursor: Annotated[int | None, BeforeValidator(lambda given: given or None)] = Field(None, ge=0, le=2**62)


@routes.add("GET", "/events", who=Who.AGENT, status=101, faults=(403, 426))
async def events(call: ApiRequest[None, EventsQuery]) -> web.StreamResponse:
    """WebSocket: everything the caller may see, from a cursor or from now."""
    services, request = call.services, call.request
    check_origin(services, request)
    if services.draining.is_set():
        raise busy("draining", "going down; come back", seconds=2)
    socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=64 * 1024, compress=False)
    if not socket.can_prepare(request):
        raise Problem(426, "websocket_only", "this is a WebSocket", headers={"Upgrade": "websocket"})
    live, cursor = request.app[LIVE], call.query.cursor
    # before the socket opens: what the client fetches once it is open, and what it is sent, then leave no gap
    cursor = await live.here() if cursor is None else cursor
    await socket.prepare(request)
    await _attend(services, live, Client(call.who, socket, _writer(services, request, socket)), cursor)
    return socket


def _writer(services: Services, request: web.Request, socket: web.WebSocketResponse) -> SocketWriter:
    def abort() -> None:
        if request.transport is not None:
            request.transport.abort()

    return SocketWriter(socket, services.tasks.start, abort=abort)


async def _attend(services: Services, live: Live, client: Client, cursor: int) -> None:
    services.count(CountedEvent.LIVE_CONNECTED)
    try:
        await live.join(client, cursor)
        async for _ in client.socket:
            pass  # nothing that a client says changes anything; reading keeps the connection's state
    except TimeoutError:
        client.writer.close(TOO_SLOW, "too slow")
    except StoreError:  # after the upgrade there is no other answer; the console comes back by itself
        await client.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"try again")
    except ConnectionError:
        log.debug("live_client_left", extra={"agent": client.agent.id})
    finally:
        live.leave(client)
