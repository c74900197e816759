"""Our dialer on a real Asterisk, with sipp for telephones: what it tells of an answer, and of each way not to get one.

`make asterisk` installs both (see `install`) and runs this; where they are not, it is skipped.
"""

import asyncio
import os
import platform
import shutil
import signal
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import aiohttp
import pytest

from channels.callback import CallbackAccount, create
from channels.http_client import OutgoingHttp
from conversation.model.callback import CallOutcome, PhoneCall
from tests.contracts.tools import Bench
from tests.fakes import FakeClock, FakeInbox
from tests.ports import free_port
from tests.router.flows.stage import eventually

ROOT = Path(os.environ.get("ASTERISK_ROOT", ""))
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    "ASTERISK_ROOT" not in os.environ,
    reason="ASTERISK_ROOT names no folder with an Asterisk: `make asterisk` makes one",
)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A running Asterisk, as its operator sees it."""

    url: str
    password: str
    agent: int
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.url}/ari/{path}") as answer:
            return answer.status, await answer.json() if answer.content_type == "application/json" else None

    async def answers(self, path: str) -> bool:
        with suppress(aiohttp.ClientConnectionError):
            return (await self.ask("GET", path))[0] == 200
        return False


def written(folder: Path, words: Mapping[str, object]) -> Path:
    """The configuration of one run, below the root; the path as it is seen in there."""
    inside = Path("/") / folder.relative_to(ROOT)
    for file in (HERE / "config").iterdir():
        text = file.read_text()
        for word, what in {**words, "folder": inside, "machine": platform.machine()}.items():
            text = text.replace("{" + word + "}", str(what))
        (folder / file.name).write_text(text)
    return inside / "asterisk.conf"


@asynccontextmanager
async def running(*command: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program, in a group of its own, that is ended with the block."""
    quiet = asyncio.subprocess.DEVNULL
    told = [str(word) for word in command]
    made = await asyncio.create_subprocess_exec(*told, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(made.pid, signal.SIGKILL)
        await made.wait()


async def gone() -> bool:
    raise AssertionError("Asterisk ended by itself")


EVENTS = 101  # the payload type that the telephone offers for keys


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    folder, password = ROOT / "tmp" / f"run-{token_hex(4)}", token_hex(16)
    proof = {"authorization": f"Basic {b64encode(f'callback:{password}'.encode()).decode()}"}
    folder.mkdir()
    ports = {name: free_port() for name in ("ari", "sip", "agent")}
    config = written(folder, ports | {"password": password})
    try:
        async with (
            aiohttp.ClientSession(headers=proof) as session,
            running("chroot", ROOT, "asterisk", "-f", "-C", config) as served,
        ):
            url = f"http://127.0.0.1:{ports['ari']}"
            made = Exchange(url=url, password=password, agent=ports["agent"], session=session)
            await eventually(lambda: made.answers("asterisk/info") if served.returncode is None else gone())
            yield made
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def phone(way: str, port: int, *keys: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """A telephone that takes one call as its scenario says; it ends well if all of that came to pass."""
    scenario = ("-sf", HERE / "phones" / f"{way}.xml", *keys)
    async with running(
        "sipp", *scenario, "-i", "127.0.0.1", "-p", port, "-mp", free_port(), "-m", 1, "-nostdin"
    ) as made:
        yield made


@asynccontextmanager
async def line(exchange: Exchange, phone: int) -> AsyncIterator[CallbackAccount]:
    """An account whose calls reach this telephone; it hears the exchange."""
    asterisk = {
        "url": exchange.url,
        "user": "callback",
        "password": exchange.password,
        "endpoint": f"PJSIP/trunk/sip:{{number}}@127.0.0.1:{phone}",
        "extension": "{agent}",
    }
    async with OutgoingHttp(clock := FakeClock()) as http:
        written = {"dialer": "asterisk", "asterisk": asterisk}
        account = create("phone", written, Bench(clock=clock, http=http).tools())
        listening = asyncio.create_task(account.listen(FakeInbox()))
        try:
            await eventually(lambda: exchange.answers("applications/huntgroup"))
            yield account
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


class Tones(asyncio.DatagramProtocol):
    """Hears keys pressed on a line: RTP events (RFC 4733), each told in several packets of one time stamp."""

    def __init__(self) -> None:
        self.keys: dict[int, str] = {}

    def datagram_received(self, data: bytes, _from: object) -> None:
        kind, stamp = data[1] & 0x7F, int.from_bytes(data[4:8])
        if kind == EVENTS:
            self.keys.setdefault(stamp, "0123456789*#ABCD"[data[12]])

    @property
    def pressed(self) -> str:
        """In order."""
        return "".join(self.keys.values())


def call(attempt: str, extension: str = "") -> PhoneCall:
    who = {"number": "+33199001234", "extension": extension, "agent": "mei@example.com"}
    return PhoneCall(attempt=attempt, **who, ring=timedelta(seconds=5))


async def heard(account: CallbackAccount) -> list[tuple[str, bool, CallOutcome | None]]:
    """What the exchange tells, up to the end of the call."""
    told = []
    async with asyncio.timeout(60):
        async for one in account.reports():
            told.append((one.attempt, one.connected, one.outcome))
            if one.outcome is not None:
                break
    return told


@pytest.mark.parametrize(
    ("way", "outcome"),
    [
        ("busy", CallOutcome.BUSY),
        ("no_answer", CallOutcome.NO_ANSWER),
        ("rejected", CallOutcome.REJECTED),
        ("invalid", CallOutcome.INVALID),
        ("congestion", CallOutcome.CONGESTION),
    ],
)
async def test_each_way_not_to_get_an_answer_is_told_apart(exchange: Exchange, way: str, outcome: CallOutcome) -> None:
    port = free_port()
    async with phone(way, port) as ringing, line(exchange, port) as account:
        assert await account.dial(call("try-1")) == "try-1"
        assert await heard(account) == [("try-1", False, outcome)]
        assert await asyncio.wait_for(ringing.wait(), 60) == 0
    print(f"\nthe telephone plays {way}: {outcome}")


async def test_a_telephone_that_is_not_there_does_not_answer(exchange: Exchange) -> None:
    async with line(exchange, free_port()) as account:
        await account.dial(call("try-1"))
        assert await heard(account) == [("try-1", False, CallOutcome.NO_ANSWER)]


async def test_a_customer_who_answers_is_put_through_to_the_agent(exchange: Exchange) -> None:
    async def talking() -> bool:
        return any(len(bridge["channels"]) == 2 for bridge in (await exchange.ask("GET", "bridges"))[1])

    port = free_port()
    async with (
        phone("answer", port) as customer,
        phone("answer", exchange.agent) as agent,
        line(exchange, port) as account,
    ):
        await account.dial(call("try-1"))
        await eventually(talking)
        await exchange.ask("DELETE", "channels/try-1")
        # cause 16 after an answer: the house makes `done` of it
        assert await heard(account) == [("try-1", True, None), ("try-1", False, CallOutcome.NO_ANSWER)]
        ends = await asyncio.wait_for(customer.wait(), 60), await asyncio.wait_for(agent.wait(), 60)
    assert ends == (0, 0)


async def test_an_extension_is_dialed_behind_the_switchboard_before_the_agent_is_rung(exchange: Exchange) -> None:
    async def rung() -> bool:
        return len((await exchange.ask("GET", "channels"))[1]) == 2

    port, listens, tones = free_port(), free_port(), Tones()
    hears, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: tones, ("127.0.0.1", listens))
    async with (
        phone("switchboard", port, "-key", "tones", listens),
        phone("no_answer", exchange.agent),
        line(exchange, port) as account,
    ):
        await account.dial(call("try-1", "1204"))
        await eventually(rung)
        assert tones.pressed == "1204"
        await exchange.ask("DELETE", "channels/try-1")
        assert await heard(account) == [("try-1", True, None), ("try-1", False, CallOutcome.NO_ANSWER)]
    hears.close()


async def test_a_second_request_for_a_try_is_no_second_call(exchange: Exchange) -> None:
    port = free_port()
    async with phone("no_answer", port), line(exchange, port) as account:
        assert [await account.dial(call("try-1")), await account.dial(call("try-1"))] == ["try-1", "try-1"]
        assert [one["id"] for one in (await exchange.ask("GET", "channels"))[1]] == ["try-1"]
        assert await heard(account) == [("try-1", False, CallOutcome.NO_ANSWER)]
