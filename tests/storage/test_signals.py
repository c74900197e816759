"""Hints between nodes, over a real PostgreSQL and a real NATS server."""

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from conversation.model.events import Hint, Topic
from conversation.ports.channel import Listening, Signals
from storage.signals import open_signals
from storage.signals.local import Mailbox
from storage.signals.relay import RelayedSignals, decode, encode, merged
from tests.fakes import FakeClock
from tests.ports import free_port
from tests.postgres import Postgres

NATS = Path(sys.executable).parent / "nats-server"


@contextmanager
def nats_server(port: int, *more: str) -> Iterator[None]:
    server = subprocess.Popen(
        [NATS, "-a", "127.0.0.1", "-p", str(port), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(3_000):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                server.poll()
                with pytest.raises(subprocess.TimeoutExpired):
                    server.wait(0.01)
        yield
    finally:
        server.kill()
        server.wait()


@pytest.fixture(params=["postgres", "nats"])
def link(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """(spec, database)."""
    if request.param == "postgres":
        yield "postgres", request.getfixturevalue("postgres_url")
        return
    port = free_port()
    with nats_server(port):
        yield f"nats://127.0.0.1:{port}", "sqlite:///unused.db"


@asynccontextmanager
async def node(link: tuple[str, str]) -> AsyncIterator[tuple[Signals, Listening]]:
    """A started node and its mailbox, connected."""
    signals = open_signals(link[0], database=link[1], clock=FakeClock())
    async with signals.subscribe(*Topic) as mailbox:
        await signals.start()
        connected = await mailbox.wait(20)
        assert set(connected) == set(Topic)
        yield signals, mailbox
    await signals.stop()
    await signals.stop()


async def heard_of(mailbox: Listening, topic: Topic) -> list[Hint]:
    async with asyncio.timeout(60):
        while True:
            heard = await mailbox.wait(30)
            if topic in heard:
                return list(heard[topic])


async def test_a_hint_reaches_the_other_node_and_this_one_once(link: tuple[str, str]) -> None:
    async with node(link) as (first, here), node(link) as (_, there):
        hint = Hint(topic=Topic.VISITORS, keys=("a", "b"))
        first.publish(hint)
        assert await here.wait(0) == {Topic.VISITORS: [hint]}
        assert await heard_of(there, Topic.VISITORS) == [hint]
        assert await here.wait(0.05) == {}


async def test_many_hints_travel_merged(link: tuple[str, str]) -> None:
    async with node(link) as (first, _), node(link) as (_, there):
        first.publish(*(Hint(topic=Topic.WORK, keys=(f"queue-{n % 5}",)) for n in range(400)))
        first.publish(Hint(topic=Topic.FEED))
        (work,) = await heard_of(there, Topic.WORK)
        assert set(work.keys) == {f"queue-{n}" for n in range(5)}


async def test_more_than_a_payload_holds_travels_as_topics(link: tuple[str, str]) -> None:
    async with node(link) as (first, _), node(link) as (_, there):
        first.publish(*(Hint(topic=Topic.VISITORS, keys=(f"{n:036}",)) for n in range(400)))
        assert await heard_of(there, Topic.VISITORS) == [Hint(topic=Topic.VISITORS)]


async def test_typing_keeps_what_it_says(link: tuple[str, str]) -> None:
    async with node(link) as (first, _), node(link) as (_, there):
        hint = Hint(topic=Topic.TYPING, keys=("c",), data={"name": "美", "on": True})
        first.publish(hint)
        assert await heard_of(there, Topic.TYPING) == [hint]


async def test_a_lost_postgresql_connection_heals(postgres: Postgres, postgres_url: str) -> None:
    async with node(("postgres", postgres_url)) as (first, _), node(("postgres", postgres_url)) as (_, there):
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'huntgroup hints'"
        await asyncio.to_thread(postgres.run, kill)
        assert set(await there.wait(30)) == set(Topic)  # connected again: look at everything
        async with asyncio.timeout(60):
            while True:
                first.publish(Hint(topic=Topic.RULES, keys=("x",)))
                if Topic.RULES in await there.wait(0.1):
                    break


async def test_a_link_that_is_not_to_be_had_is_told_in_the_log() -> None:
    """Whoever set it up wrongly would else only see that everything comes a second late."""
    told = asyncio.Queue[str]()

    class Telling(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.put_nowait(record.getMessage())

    relay, heard = logging.getLogger("storage.signals.relay"), Telling()
    relay.addHandler(heard)
    try:
        nobody = f"127.0.0.1:{free_port()}"
        for spec, database in ((f"nats://{nobody}", ""), ("postgres", f"postgresql://anna@{nobody}/huntgroup")):
            signals = open_signals(spec, database=database, clock=FakeClock())
            await signals.start()
            assert await asyncio.wait_for(told.get(), 60) == "signals_unreachable"
            await signals.stop()
    finally:
        relay.removeHandler(heard)


@pytest.mark.slow
async def test_a_nats_server_that_comes_late_or_again_is_found() -> None:
    port = free_port()
    signals = open_signals(f"nats://127.0.0.1:{port}", database="", clock=FakeClock())
    async with signals.subscribe(Topic.FEED) as mailbox:
        await signals.start()
        signals.publish(Hint(topic=Topic.FEED))
        assert Topic.FEED in await mailbox.wait(0)
        for _ in range(2):
            with nats_server(port):
                assert Topic.FEED in await mailbox.wait(20)
    await signals.stop()


class Swallowing:
    """A link whose driver is cancelled in the moment its answer comes, and returns as if nothing had been asked of it."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.sending = asyncio.Event()
        self.closed = False

    async def send(self, payload: str) -> None:
        self.sending.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


async def test_signals_stop_also_where_a_driver_swallows_the_cancellation() -> None:
    link = Swallowing()

    async def connect(_heard: Callable[[str], None]) -> Swallowing:
        return link

    signals = RelayedSignals(connect, "swallowing")
    await signals.start()
    signals.publish(Hint(topic=Topic.FEED))
    await link.sending.wait()
    async with asyncio.timeout(60):
        await signals.stop()
    assert link.closed


async def test_local_hints_wait_in_a_mailbox_and_never_pile_up() -> None:
    signals = open_signals("local", database="", clock=FakeClock())
    await signals.start()
    signals.publish(Hint(topic=Topic.FEED))
    async with signals.subscribe(Topic.FEED, Topic.WORK) as mailbox:
        assert await mailbox.wait(0) == {}
        for _ in range(3):
            signals.publish(Hint(topic=Topic.FEED), Hint(topic=Topic.RULES))
        assert await mailbox.wait(0) == {Topic.FEED: [Hint(topic=Topic.FEED)]}
        for n in range(10_000):
            signals.publish(Hint(topic=Topic.WORK, keys=(str(n),)))
        assert await mailbox.wait(0) == {Topic.WORK: [Hint(topic=Topic.WORK)]}
    signals.publish(Hint(topic=Topic.FEED))
    await signals.stop()


async def test_a_wait_is_woken_by_a_hint() -> None:
    mailbox = Mailbox([Topic.FEED])
    asyncio.get_running_loop().call_later(0.01, mailbox.put, [Hint(topic=Topic.FEED)])
    assert Topic.FEED in await mailbox.wait(30)


def test_a_hint_without_keys_means_all_of_them() -> None:
    hints = [Hint(topic=Topic.WORK, keys=("a",)), Hint(topic=Topic.WORK), Hint(topic=Topic.WORK, keys=("b",))]
    assert merged(hints) == [Hint(topic=Topic.WORK)]


def test_a_topic_of_a_newer_version_is_passed_over() -> None:
    payload = encode("n", [Hint(topic=Topic.FEED)]).replace('"feed"', '"newer"')
    assert decode(payload) == ("n", [])


@pytest.mark.parametrize("payload", ["", "{}", "[1]", '["n",[[]]]', '["n",3]', '["n",[["feed"]]]'])
def test_what_is_no_payload_is_a_value_error(payload: str) -> None:
    with pytest.raises(ValueError):
        decode(payload)


@pytest.mark.parametrize("spec", ["", "redis://x", "postgres"])
def test_an_unknown_kind_of_signals_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="signals"):
        open_signals(spec, database="sqlite:///x.db", clock=FakeClock())
