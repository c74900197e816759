"""P2: `huntgroup serve` against W and the ORM handler, 32 connections; and from the commit to an agent's socket."""

import asyncio
import itertools
import json
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from tests.bench import stage
from tests.bench.load_http import body_of
from tests.bench.measure import Results, Span, cpu_of, median, middle, percentile, ratio_of, steady
from tests.bench.processes import Running, client, huntgroup, place, reference
from tests.bench.workload import plain
from tests.faults.ledger import signed
from tests.serving import admin_token

CONNECTIONS = 32
_seeds = itertools.count(2_000)


async def _loaded(server: Running, path: str, count: int, postgres: Sequence[int]) -> Span:
    before, own = cpu_of(postgres), cpu_of([server.pid])
    told = await client("load_http", server.port, path, count, CONNECTIONS, next(_seeds))
    if told["statuses"] != {"200": count}:
        raise RuntimeError(f"{path}: {told['statuses']}")
    spent = cpu_of(postgres) - before
    cpu = cpu_of([server.pid]) - own + spent
    return Span(told["wall"], cpu, count, server=spent, p50=told["p50"], p99=told["p99"])


async def p2(folder: Path, server: stage.Server, results: Results, *, quick: bool) -> None:
    """Requests a second, answered after the commit."""
    count, few, rounds = (600, 60, 3) if quick else (3_000, 250, 5)
    config, url = await place(folder, server, "p2")
    plainly, by_orm = await server.fresh(), await server.fresh()
    async with (
        huntgroup(config, folder / "p2" / "serve.log") as ours,
        reference("reference_http", "combiner", plainly) as combiner,
        reference("reference_http", "orm", by_orm) as orm,
    ):
        pids = [server.pid]

        async def one() -> tuple[Span, ...]:
            mine = await _loaded(ours, "/hooks/app", count, pids)
            theirs = await _loaded(combiner, "/hook", count, pids)
            return mine, await _loaded(orm, "/hook", few, pids), theirs

        await one()
        found = await steady(one, rounds=rounds, by=lambda span: span.rate)
    _tell(results, found)
    for name in (url, plainly, by_orm):
        await asyncio.to_thread(server.postgres.drop, name)


def _tell(results: Results, found: list[tuple[Span, ...]]) -> None:
    def rate(span: Span) -> float:
        return span.rate

    mine = middle(found, 0, by=rate)
    cpu = [middle(found, which, by=lambda span: span.cpu_ms) for which in (0, 1, 2)]
    note = (
        f"W {middle(found, -1, by=rate):,.0f} req/s; CPU ms/request ours {cpu[0]:.2f}, W {cpu[2]:.2f}, ORM {cpu[1]:.2f}"
    )
    results.at_least("P2 webhook, 200 after COMMIT, c=32", mine, "req/s", "W", ratio_of(found, 0, by=rate), 0.6, note)
    note = f"ORM {middle(found, 1, by=rate):,.0f} req/s"
    results.at_least("P2 webhook, ORM handler", mine, "req/s", "ORM", ratio_of(found, 0, 1, by=rate), 12, note)
    late = median(one[0].p99 for one in found)
    note = f"ms: p50 ours {median(o[0].p50 for o in found) * 1e3:.1f}, W {median(o[-1].p50 for o in found) * 1e3:.1f}"
    ratio = ratio_of(found, 0, by=lambda span: span.p99)
    results.at_most("P2 webhook, p99", late * 1e3, "ms", "W", ratio, 2.0, note)


# -- from a webhook to an agent's screen -------------------------------------------------------------------------------


async def socket(folder: Path, server: stage.Server, results: Results, *, quick: bool) -> None:
    """At low load: a message goes in at the webhook; its frame comes out of an agent's socket on the same node."""
    config, url = await place(folder, server, "socket")
    token = await asyncio.to_thread(admin_token, config)
    async with huntgroup(config, folder / "socket" / "serve.log") as ours:
        stored, shown = await _journeys(ours.port, token, 40 if quick else 400)
    await asyncio.to_thread(server.postgres.drop, url)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        after = [screen - commit for commit, screen in zip(stored, shown, strict=True)]
        whole = percentile(shown, share) * 1e3
        note = f"the 200 itself at {percentile(stored, share) * 1e3:.1f} ms, the frame {percentile(after, share) * 1e3:.1f} ms after it"
        results.at_most(f"webhook to agent's socket, {name}", whole, "ms", "100 ms", whole / 100, 1, note)


async def _journeys(port: int, token: str, count: int) -> tuple[list[float], list[float]]:
    stored, shown = [], []
    base, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{base}/api/v1/events", headers=headers) as screen,
    ):
        for row in plain(count, seed=next(_seeds)):
            body = body_of(row)
            started = time.perf_counter()
            answered = asyncio.ensure_future(_post(session, f"{base}/hooks/app", row.external_id, body))
            while row.body not in ((await screen.receive_json(timeout=20)).get("message") or {}).get("text", ""):
                pass
            shown.append(time.perf_counter() - started)
            stored.append(await answered - started)
            await asyncio.sleep(0.02)
    return stored, shown


async def _post(session: aiohttp.ClientSession, url: str, identifier: str, body: bytes) -> float:
    async with session.post(url, data=body, headers=signed(identifier, body)) as answer:
        told = json.loads(await answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {told}")
    return time.perf_counter()
