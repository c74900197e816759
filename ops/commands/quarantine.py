"""`huntgroup quarantine`: what could not be read, its raw bytes, and trying again."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from channels import registry as kinds
from conversation.errors import MalformedPayload, NotFound
from conversation.model.message import Accepted, InboundEvent, Malformed
from conversation.ports.channel import Channel, Request
from conversation.ports.storage.quarantine import Quarantined
from ops.cli.database_session import Doing, run_on_store
from ops.composition.callbacks import callback_links
from ops.composition.channels import accounts_of
from ops.composition.infrastructure import Replacements, open_infrastructure
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="newest first")
    listing.add_argument("--json", action="store_true")
    show = verbs.add_parser("show", help="why, and the raw bytes on standard output")
    show.add_argument("id")
    replay = verbs.add_parser("replay", help="read the bytes again, as today's program and rules do")
    replay.add_argument("id")


def run(args: argparse.Namespace) -> int:
    """Do what the verb says; 1 when a replay is still not readable."""
    verbs: dict[str, Callable[[argparse.Namespace], Doing]] = {"list": _list, "show": _show, "replay": _replay}
    return run_on_store(args, verbs[args.verb](args), need_secrets=args.verb == "replay")


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        cursor = None
        while True:
            async with store.read("quarantine") as work:
                rows, cursor = await work.quarantine.page(cursor=cursor, limit=200)
            for row in rows:
                print(json.dumps(_as_json(row), ensure_ascii=False) if args.json else _as_line(row))
            if cursor is None:
                return 0

    return doing


def _as_line(row: Quarantined) -> str:
    times = "replayed" if row.replayed_at else f"x{row.times}"
    return f"{row.id}  {row.last_at:%Y-%m-%d %H:%M:%S}Z  {row.channel:12} {times:9} {row.size:>8} B  {row.code}: {row.reason}"


def _as_json(row: Quarantined) -> dict[str, object]:
    return {
        "id": row.id,
        "channel": row.channel,
        "sha256": row.sha256,
        "size": row.size,
        "code": row.code,
        "reason": row.reason,
        "first_at": row.first_at.isoformat(),
        "last_at": row.last_at.isoformat(),
        "times": row.times,
        "replayed_at": row.replayed_at.isoformat() if row.replayed_at else None,
    }


def _show(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("quarantine") as work:
            row = await work.quarantine.get(args.id)
        print(_as_line(row), file=sys.stderr)
        sys.stdout.buffer.write(row.raw)
        sys.stdout.buffer.flush()
        return 0

    return doing


def _replay(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        async with store.read("quarantine") as work:
            row = await work.quarantine.get(args.id)
        if row.channel not in settings.channels:
            raise NotFound(f"the channel {row.channel} is not configured any more")
        replaced = Replacements()
        async with open_infrastructure(settings, replaced, os.environ) as infrastructure:
            account = {row.channel: settings.channels[row.channel]}
            channel = kinds.build(account, infrastructure.tools)[row.channel]
            try:
                events = _reread(channel, row)
            except MalformedPayload as error:
                print(f"still not readable: {error.detail}", file=sys.stderr)
                return 1
            accounts = accounts_of({row.channel: channel})
            inbox = infrastructure.inbox(accounts.cans, callback_links(accounts), replaced)
            accepted = await _while(inbox.run, lambda: inbox.accept(events))
        async with store.begin("quarantine.replay") as work:
            await work.quarantine.mark_replayed(row.id, SystemClock().now())
        for one in accepted:
            print(json.dumps({"conversation": one.conversation, "message": one.message, "duplicate": one.duplicate}))
        return 0

    return doing


def _reread(channel: Channel, row: Quarantined) -> list[InboundEvent]:
    """The events in the kept bytes. Raises `MalformedPayload` where any of them still cannot be read."""
    normalize = getattr(channel, "normalize", None)
    if normalize is None:
        raise MalformedPayload("this kind of channel takes no payloads")
    request = Request("POST", f"/hooks/{row.channel}", {}, row.headers, row.raw, row.first_at)
    events = list(normalize(request))
    for event in events:
        if isinstance(event, Malformed):
            raise MalformedPayload(event.reason)
    return events


async def _while(
    running: Callable[[], Awaitable[None]], doing: Callable[[], Awaitable[list[Accepted]]]
) -> list[Accepted]:
    """Do it while something runs in the background."""
    background = asyncio.ensure_future(running())
    try:
        return await doing()
    finally:
        background.cancel()
        with suppress(asyncio.CancelledError):
            await background
