"""`python -m tests.bench [--only P1,P4] [--quick]`: everything side by side in one run, as a table and as bench-results.json."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import assignment, chats, decisions, ingest, letters, rehearsing, stage, webhook
from tests.bench.measure import Results

PARTS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "socket")


def _parts(arguments: argparse.Namespace) -> list[str]:
    wanted = [name.strip() for name in arguments.only.split(",")] if arguments.only else list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        raise SystemExit(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return wanted


async def _measure(wanted: list[str], results: Results, folder: Path, server: stage.Server, *, quick: bool) -> None:
    size = ingest.QUICK if quick else ingest.Size()

    async def p5() -> None:
        decisions.p5(results, quick=quick)

    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "P1": lambda: ingest.p1(server, results, size),
        "P2": lambda: webhook.p2(folder, server, results, quick=quick),
        "socket": lambda: webhook.socket(folder, server, results, quick=quick),
        "P5": p5,
        "P6": lambda: assignment.p6(server, results, quick=quick),
        "P3": lambda: letters.p3(folder, server, results, quick=quick),
        "P4": lambda: ingest.p4(folder, results, size),
        "P7": lambda: chats.p7(folder, server, results, quick=quick),
        "P8": lambda: ingest.p8(server, results, size),
        "P9": lambda: rehearsing.p9(folder, results, quick=quick),
    }
    for name in PARTS:
        if name in wanted and name in steps:
            gc.collect()
            await steps[name]()


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes and three rounds: to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("bench-results.json"))
    arguments = parser.parse_args()
    wanted = _parts(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end too
    results = Results()
    with stage.folder() as folder, stage.logging_to(folder / "bench.log"), stage.server() as server:
        results.say("machine", f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
        results.say("logging", "info, JSON, to a file")
        asyncio.run(_measure(wanted, results, folder, server, quick=arguments.quick))
        results.say("load at the end", f"{os.getloadavg()[0]:.1f}")
    results.table()
    results.write(arguments.out)


if __name__ == "__main__":
    main()
