"""`huntgroup webhook`: calls of webhooks that nobody has acknowledged, and those that never leave by themselves."""

import argparse
import json
from datetime import timedelta

from conversation.model.outbound import WebhookCall
from ops.cli.database_session import Doing, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from router.policy.delivery_result import state_of_call
from storage.store import Store

_MOST = 1_000
_SINCE = timedelta(days=7)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`webhook list`."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser(
        "list", help="calls without a 2xx: still tried first, then what came to nothing in seven days"
    )
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """0 listed, whatever there is; 1 the database cannot be used."""
    return run_on_store(args, _list(args))


def _list(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, _: Settings) -> int:
        async with store.read("webhook.list") as work:
            calls = await work.outbox.unacknowledged(_MOST)
            calls += await work.outbox.failed_calls(SystemClock().now() - _SINCE, _MOST)
            found = await work.conversations.find(sorted({one.conversation for one in calls if one.conversation}))
        references = {one.id: one.reference for one in found.values()}
        for call in calls:
            call_json = _as_json(call, references.get(call.conversation or ""))
            print(json.dumps(call_json, ensure_ascii=False) if args.json else _as_line(call_json))
        return 0

    return doing


def _as_json(call: WebhookCall, reference: str | None) -> dict[str, object]:
    return {
        "id": call.id,
        "webhook": call.webhook,
        "type": call.type,
        "conversation": call.conversation,
        "reference": reference,
        "state": state_of_call(call),
        "created_at": call.created_at.isoformat(),
        "attempts": call.attempts,
        "error": call.error,
    }


def _as_line(call_json: dict[str, object]) -> str:
    head = f"{str(call_json['created_at'])[:19]}Z  {call_json['webhook']:16} {call_json['state']:8} {call_json['reference'] or '-':10} {call_json['type']}"
    return f"{head}  attempts {call_json['attempts']}: {call_json['error'] or 'not tried yet'}"
