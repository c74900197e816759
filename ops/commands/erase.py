"""`huntgroup erase`: one customer's words, files, addresses and numbers, gone."""

import argparse
import json
import sys

from conversation.model.people import Customer, Identity
from conversation.ports.storage.erasure import Erased
from ops.cli.database_session import Doing, actor, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from router.flows.maintenance.erasure import Eraser
from storage.messages.blob_store import open_blobs
from storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`erase CUSTOMER [--yes] [--json]`."""
    parser.add_argument(
        "customer", metavar="CUSTOMER", help="a customer's id, or CHANNEL:ADDRESS as a channel knows them"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="print what was erased as one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 erased, 1 no such customer, they are on the telephone, not confirmed, or the database cannot be used, 2 wrong usage."""
    if not args.yes and not sys.stdin.isatty():
        print("huntgroup erase: nobody can be asked here; say --yes", file=sys.stderr)
        return 2
    return run_on_store(args, _erase(args))


def _erase(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        async with store.read("erase.find") as work:
            customer = await work.customers.get(await work.exports.named(args.customer))
            known = await work.customers.identities(customer.id)
        if not args.yes and not _confirmed(customer, known):
            print("huntgroup erase: nothing was erased", file=sys.stderr)
            return 1
        blobs = open_blobs(settings.service.attachments, options=settings.service.s3.options())
        erased = await Eraser(store, blobs, SystemClock()).erase(customer.id, actor=actor())
        _print_result(customer.id, erased, as_json=args.json)
        return 0

    return doing


def _confirmed(customer: Customer, known: list[Identity]) -> bool:
    """Typed, so that it is not done by a stray key."""
    where = ", ".join(f"{one.channel}:{one.address}" for one in known)
    print(f"{customer.name or 'a customer without a name'} ({where})", file=sys.stderr)
    print("Their words, files, addresses and numbers go for good, and open conversations are closed.", file=sys.stderr)
    print(f"Type {customer.id} to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == customer.id


def _print_result(customer: str, erased: Erased, *, as_json: bool) -> None:
    counts = {name: count for name, count in erased.rows.items() if count}
    if as_json:
        print(json.dumps({"customer": customer, "erased": counts}))
        return
    found = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    print(f"{customer} is erased: {found or 'there was nothing besides'}")
