"""`huntgroup doctor`: what is fine and what is not, in plain words, with what to do; while a server runs, or before the first start."""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path

from channels.http_client import OutgoingHttp
from conversation.ports.channel import Channel, Clock
from ops.composition.channels import open_for_checks
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from ops.diagnostics import channels as doctor_channels
from ops.diagnostics import database as doctor_memory
from ops.diagnostics import machine as doctor_machine
from ops.diagnostics.attachments import attachments
from ops.diagnostics.check_result import Finding, bad, is_whole, ok
from ops.diagnostics.connections import connections, pooler
from ops.system_clock import SystemClock

Check = Callable[[], Awaitable[Sequence[Finding]]]
_LONGEST = 40.0  # seconds for any one check, whatever it waits for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`doctor [--channel NAME] [--json]`."""
    parser.add_argument("--channel", metavar="NAME", help="ask only for this account")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 nothing is bad, 1 something is, 2 no such account or a configuration with faults. Nothing is written anywhere."""
    try:
        settings = load(args.config, os.environ, make_secrets=False)
    except SettingsFaults as faults:
        return _unreadable(faults, as_json=args.json)
    if args.channel is not None and args.channel not in settings.channels:
        print(
            f"huntgroup doctor: there is no account '{args.channel}'{_meant(args.channel, settings)}", file=sys.stderr
        )
        return 2
    found = [_configuration(args.config, settings), *asyncio.run(examine(settings, SystemClock(), only=args.channel))]
    _print(found, as_json=args.json)
    return 0 if is_whole(found) else 1


def _unreadable(faults: SettingsFaults, *, as_json: bool) -> int:
    if as_json:
        printed = [{"file": one.file, "line": one.line, "message": one.message} for one in faults.faults]
        print(json.dumps({"ok": False, "faults": printed, "findings": []}, ensure_ascii=False))
    else:
        print(faults, file=sys.stderr)
    return 2


def _meant(name: str, settings: Settings) -> str:
    near = get_close_matches(name, sorted(settings.channels), n=1)
    return f", did you mean '{near[0]}'?" if near else ""


def _configuration(path: Path, settings: Settings) -> Finding:
    accounts, queues = len(settings.channels), len(settings.document.queues)
    return ok("configuration", f"{path} reads: accounts {accounts}, queues {queues}; `huntgroup check` runs its tests")


async def examine(settings: Settings, clock: Clock, *, only: str | None = None) -> list[Finding]:
    """All checks at once, what they found in an order that stays; of one account its own check only."""
    async with open_for_checks(settings, clock) as (http, build):
        checks = [_of_account(name, settings, build) for name in settings.channels if only in (None, name)]
        if only is None:
            checks = [*_of_application(settings, clock, build), *checks, *_of_webhooks(settings, http)]
        found = await asyncio.gather(*(_within_reason(name, check) for name, check in checks))
    return [one for several in found for one in several]


def _of_application(settings: Settings, clock: Clock, build: Callable[[str], Channel]) -> Iterator[tuple[str, Check]]:
    service, today = settings.service, clock.now().date()
    yield _quick("python", doctor_machine.python)
    yield _quick("packages", doctor_machine.packages)
    yield _quick("time zones", lambda: doctor_machine.zones(today))
    yield "database", lambda: doctor_memory.database(service.direct, clock)
    yield "connections", lambda: connections(service)
    yield "pooler", lambda: pooler(service)
    yield "signals", lambda: doctor_memory.signals(service)
    yield "attachments", lambda: attachments(service)

    async def public_address() -> Sequence[Finding]:
        accounts = {name: build(name) for name in settings.channels}
        return [doctor_channels.public_address(service.public_url, accounts)]

    yield "public_url", public_address


def _quick(name: str, check: Callable[[], Finding]) -> tuple[str, Check]:
    """One that asks this machine only: in a thread, for a disk may be slow."""

    async def checked() -> Sequence[Finding]:
        return [await asyncio.to_thread(check)]

    return name, checked


def _of_account(name: str, settings: Settings, build: Callable[[str], Channel]) -> tuple[str, Check]:
    async def checked() -> Sequence[Finding]:
        return [await doctor_channels.account(build(name), doctor_channels.example_host(settings.channels[name]))]

    return f"channel {name}", checked


def _of_webhooks(settings: Settings, http: OutgoingHttp) -> Iterator[tuple[str, Check]]:
    for name, part in settings.document.webhooks.items():
        yield _of_webhook(name, part.url, http, signed=bool(settings.webhook_secrets.get(name)))


def _of_webhook(name: str, url: str, http: OutgoingHttp, *, signed: bool) -> tuple[str, Check]:
    async def checked() -> Sequence[Finding]:
        return [await doctor_channels.webhook(name, url, http, signed=signed)]

    return f"webhook {name}", checked


async def _within_reason(name: str, check: Check) -> Sequence[Finding]:
    """Whatever happens in one check, the others are reported; an unknown error's own words may hold a secret, its name does not."""
    try:
        async with asyncio.timeout(_LONGEST):
            return await check()
    except TimeoutError:
        return [bad(name, f"no answer within {_LONGEST:g} seconds", "try again when the machine has less to do")]
    except Exception as error:  # noqa: BLE001 a check that falls is a finding
        return [bad(name, f"this check fell with {type(error).__name__}", "report it: it is a fault of huntgroup")]


# -- what is shown -----------------------------------------------------------------------------------------------------


def _print(found: Sequence[Finding], *, as_json: bool) -> None:
    if as_json:
        printed = {"ok": is_whole(found), "version": version("huntgroup"), "findings": [one.as_json() for one in found]}
        print(json.dumps(printed, ensure_ascii=False))
        return
    for one in found:
        print(one)
    counts = Counter(one.state for one in found)
    print(
        f"huntgroup {version('huntgroup')}: " + ", ".join(f"{count} {state.value}" for state, count in counts.items())
    )
