"""Stopping, reloading and starting twice: nothing that a retrying client was told is lost, and the exit code says how it went."""

import asyncio
import json
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from tests.faults.ledger import Ledger, client
from tests.faults.raw import MORE, exchange
from tests.faults.readback import read_back
from tests.serving import Api, Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TEXTS = ("My top-up is missing", "充值不成功", "My account is locked")
CLIENTS = 8


class _Where:
    def __init__(self) -> None:
        self.serving: Serving | None = None

    def __call__(self) -> str | None:
        return f"{self.serving.url}/hooks/app" if self.serving else None


async def _prepared(folder: Path, url: str) -> tuple[Path, str]:
    return write_config(folder, url, more=MORE), await furnished(url)


async def _open_sockets(session: aiohttp.ClientSession, url: str, token: str) -> list[aiohttp.ClientWebSocketResponse]:
    """A customer and an agent who stay connected until they are sent away."""
    visitor = (await exchange(url, "POST", "/chat/site/sessions", {}, b"{}")).json["token"]
    chat = await session.ws_connect(f"{url}/chat/site/socket")
    await chat.send_str(json.dumps({"hello": {"token": visitor}}))
    await chat.receive_json()
    events = await session.ws_connect(f"{url}/api/v1/events", headers={"Authorization": f"Bearer {token}"})
    return [chat, events]


async def _hear_out(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async for _ in socket:
        pass
    return socket.close_code


async def test_rolling_stops_under_load_lose_nothing_and_end_with_0(
    durable_url: str, tmp_path: Path, long_form: bool
) -> None:
    config, token = await _prepared(tmp_path, durable_url)
    ledger, where, stop, log = Ledger(), _Where(), asyncio.Event(), tmp_path / "serve.log"
    took, codes, closes = [], [], []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=40)) as session:
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(client(number, session, where, ledger, stop, run="s", customers=50, texts=TEXTS))
            for _ in range(20 if long_form else 3):
                where.serving = serving = await start(config, "serve", log=log, module="ops")
                sockets = await _open_sockets(session, serving.url, token)
                hearing = [asyncio.ensure_future(_hear_out(socket)) for socket in sockets]
                await _more(ledger, 30)
                started = time.monotonic()
                codes.append(await serving.stop())
                took.append(time.monotonic() - started)
                where.serving = None
                closes.extend(await asyncio.wait_for(asyncio.gather(*hearing), 60))
            where.serving = serving = await start(config, "serve", log=log, module="ops")
            stop.set()
        findings = await read_back(Api(session, serving.url, token), ledger)
    assert await serving.stop() == 0

    print(f"\nrolling stops, {durable_url.partition(':')[0]}: exit codes {codes}, at most {max(took):.1f} s, sockets closed "
          f"with {sorted(set(map(str, closes)))}, refused {ledger.refused}, broken off {ledger.broken}; {findings.told()}")  # fmt: skip
    assert findings.clean, findings
    assert findings.acknowledged == findings.stored
    assert set(codes) == {0}
    assert max(took) < 30
    assert set(closes) <= {1001, 1012}
    assert set(ledger.refused) <= {503}


async def _more(ledger: Ledger, count: int) -> None:
    wanted = len(ledger.acknowledged) + count
    async with asyncio.timeout(60):
        while len(ledger.acknowledged) < wanted:
            await asyncio.sleep(0.01)


async def test_reloads_under_load_lose_nothing_and_nobody_is_refused(tmp_path: Path, long_form: bool) -> None:
    config, token = await _prepared(tmp_path, f"sqlite:///{tmp_path / 'reload.db'}")
    ledger, where, stop, log = Ledger(), _Where(), asyncio.Event(), tmp_path / "serve.log"
    good, revisions = config.read_text(), set()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=40)) as session:
        where.serving = serving = await start(config, "serve", log=log, module="ops")
        api = Api(session, serving.url, token)
        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(client(number, session, where, ledger, stop, run="r", customers=50, texts=TEXTS))
            for at in range(40 if long_form else 5):
                await _more(ledger, 10)
                broken = at % 2 == 1
                before = (await api.get("/api/v1/rules"))["revision"]
                words = "[[rules" if broken else f'[agents]\ngrace = "{at + 1}m"\n'
                config.write_text(good + words)
                serving.process.send_signal(signal.SIGHUP)
                if not broken:
                    async with asyncio.timeout(60):
                        while (now := (await api.get("/api/v1/rules"))["revision"]) == before:
                            await asyncio.sleep(0.02)
                    revisions.add(now)
            stop.set()
        findings = await read_back(api, ledger)
    assert await serving.stop() == 0

    print(
        f"\nreloads under load: {len(revisions)} revisions, refused {ledger.refused}, broken off {ledger.broken}; {findings.told()}"
    )
    assert findings.clean, findings
    assert (ledger.refused, ledger.broken) == ({}, 0)


async def test_a_second_process_on_one_sqlite_file_is_refused(tmp_path: Path) -> None:
    config, _ = await _prepared(tmp_path, f"sqlite:///{tmp_path / 'one.db'}")
    first = await start(config, "serve", module="ops")
    second_log = tmp_path / "second.log"

    with pytest.raises(AssertionError, match="exit code 1"):
        await start(config, "serve", module="ops", log=second_log)

    assert "another huntgroup serves this database already" in second_log.read_text()
    assert (await exchange(first.url, "GET", "/healthz")).status == 200
    assert await first.stop() == 0


async def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    config, token = await _prepared(tmp_path, f"sqlite:///{tmp_path / 'one.db'}")
    serving = await start(config, "serve", module="ops")
    async with aiohttp.ClientSession() as session:
        await _open_sockets(session, serving.url, token)
        serving.process.send_signal(signal.SIGTERM)
        serving.process.send_signal(signal.SIGTERM)
        # signals may be merged into one by the kernel: then it is a clean end
        assert await asyncio.wait_for(serving.process.wait(), 60) in (0, 1)
