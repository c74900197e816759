"""A stolen account at three in the morning: answered, frozen, and somebody is called until they say that they heard it."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web

from tests.faults.ledger import post, written
from tests.serving import SECRET, Api, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
DEAF = 2  # calls that each place lets pass before it hears one

# The safety lane of config.example.toml; the office is wherever it is three o'clock now.
LANE = """
[hours.office]
timezone = {zone}
every = ["09:00-18:00"]

[issues.unauthorised_security]
queue = "safety"
priority = "urgent"
words = {{ en = ["stolen"] }}

[queues.safety]
skills = ["safety"]
hours = "always"
arrival = "safety"
page = {{ after = "1s", webhook = "duty" }}

[queues.desk]
hours = "office"
closed = "closed"

[[rules]]
name = "Stolen money before everything"
when = {{ issue = "unauthorised_security" }}
then = {{ queue = "safety", priority = "urgent", webhook = "freeze" }}

[[rules]]
name = "The rest waits for the morning"
when = {{ text = "parcel" }}
then = {{ queue = "desk" }}

[replies.safety]
en = "We are freezing your account now. Your reference is {{reference}}."

[replies.closed]
en = "We are open again {{next_opening}}."

[webhooks.duty]
url = {url}
secret = {{ env = "FAULT_SECRET" }}

[webhooks.freeze]
url = {freeze}
secret = {{ env = "FAULT_SECRET" }}
"""


@dataclass
class World:
    """What the operator's own systems hear. They answer 503 until they have been called `DEAF` times for a matter."""

    calls: dict[str, list[tuple[str, dict[str, Any]]]] = field(default_factory=dict)
    bad_signatures: int = 0
    hearing: asyncio.Event = field(default_factory=asyncio.Event)

    async def heard(self, request: web.Request) -> web.Response:
        raw = await request.read()
        identifier, at = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        mac = hmac.new(base64.b64decode(SECRET), f"{identifier}.{at}.".encode() + raw, hashlib.sha256).digest()
        right = "v1," + base64.b64encode(mac).decode()
        self.bad_signatures += right not in request.headers["webhook-signature"].split(" ")
        heard = self.calls.setdefault(request.path, [])
        heard.append((identifier, json.loads(raw)))
        deaf = request.path != "/replies" and (len(heard) <= DEAF or not self.hearing.is_set())
        return web.Response(status=503 if deaf else 200)


@asynccontextmanager
async def listening(world: World) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/{any}", world.heard)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def where_it_is_three(now: datetime) -> str:
    """A zone without summer time in which the clock shows three: its name counts the other way round."""
    east = (3 - now.hour) % 24
    east = east - 24 if east > 14 else east
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


async def _until(what: str, found: Any, seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (value := await found()):
            await asyncio.sleep(0.1)
    assert value, what
    return value


async def test_a_stolen_account_at_three_in_the_morning_waits_for_nobody(tmp_path: Path) -> None:
    world = World()
    async with listening(world) as url, aiohttp.ClientSession() as session:
        zone = where_it_is_three(datetime.now(UTC))
        lane = LANE.format(zone=json.dumps(zone), url=json.dumps(f"{url}/duty"), freeze=json.dumps(f"{url}/freeze"))
        database = f"sqlite:///{tmp_path / 'lane.db'}"
        config = write_config(tmp_path, database, more=f'reply_url = "{url}/replies"\n{lane}')
        token = await furnished(database)
        house = await start(config, "serve", module="ops", log=tmp_path / "serve.log")
        try:
            await _night(session, house.url, Api(session, house.url, token), world)
        finally:
            assert await house.stop() == 0


async def _night(session: aiohttp.ClientSession, url: str, api: Api, world: World) -> None:
    status, told = await post(session, url, written("m1", "victim", "My account was stolen!"))
    assert (status, told["items"][0]["queue"]) == (200, "safety")
    _, plain = await post(session, url, written("m2", "sleeper", "Where is my parcel?"))
    assert plain["items"][0]["queue"] == "desk"

    replies = await _until("two replies", lambda: _two(world))
    assert "We are freezing your account now." in replies["victim"]
    assert "09:00" in replies["sleeper"] or "9:00" in replies["sleeper"], replies["sleeper"]

    # nobody hears yet: both calls are repeated, and the house shows that they are not acknowledged
    await _until("repeated calls", lambda: _repeated(world))
    waiting = (await api.get("/api/v1/webhooks"))["items"]
    assert {one["webhook"] for one in waiting} == {"duty", "freeze"}
    await _until("the call in the metrics, which look every five seconds", lambda: _counted(session, url))

    world.hearing.set()
    await _until("acknowledged", lambda: _quiet(api))
    for path in ("/duty", "/freeze"):
        assert len({identifier for identifier, _ in world.calls[path]}) == 1, "a repeat is told by its id"
        assert len(world.calls[path]) > DEAF
        assert {body["conversation"] for _, body in world.calls[path]} == {told["items"][0]["conversation"]}
    assert world.bad_signatures == 0
    heard = {path: len(calls) for path, calls in world.calls.items()}
    await asyncio.sleep(3)
    assert {path: len(calls) for path, calls in world.calls.items()} == heard, "what was acknowledged is not repeated"


async def _two(world: World) -> dict[str, str]:
    found = {body["to"]["id"]: body["text"] for _, body in world.calls.get("/replies", ())}
    return found if len(found) == 2 else {}


async def _repeated(world: World) -> bool:
    return all(len(world.calls.get(path, ())) > DEAF for path in ("/duty", "/freeze"))


async def _quiet(api: Api) -> bool:
    return not (await api.get("/api/v1/webhooks"))["items"]


async def _counted(session: aiohttp.ClientSession, url: str) -> bool:
    return 'huntgroup_webhooks_unacknowledged{webhook="duty"} 1' in await _metrics(session, url)


async def _metrics(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(f"{url}/metrics") as answer:
        return await answer.text()


@pytest.mark.parametrize("hour", range(24))
def test_there_is_always_a_place_where_it_is_three(hour: int) -> None:
    now = datetime(2026, 11, 23, hour, 30, tzinfo=UTC)
    assert now.astimezone(ZoneInfo(where_it_is_three(now))).hour == 3
