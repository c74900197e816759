"""`parse`: what raw payloads of a kind of channel would become, one JSON object a file. Nothing is stored, nothing is connected."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from channels import registry as kinds
from conversation.decision_json import plain
from conversation.errors import MalformedPayload, SignatureRejected
from conversation.model.message import (
    Accepted,
    Attachment,
    CallbackRequested,
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    Malformed,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
)
from conversation.model.people import Identity
from conversation.ports.channel import Channel, Request, Tools, Webhook
from conversation.ports.metrics import no_account_count
from ops.configuration.settings import load
from ops.configuration.sources import SettingsFaults
from ops.system_clock import SystemClock
from router.rules.faults import did_you_mean

_TYPES: Mapping[type, str] = {
    MessageReceived: "message",
    MessageEdited: "edit",
    MessageRetracted: "retraction",
    MessageReacted: "reaction",
    MessageEchoed: "echo",
    ContactChanged: "contact",
    DeliveryReported: "delivery",
    CallbackRequested: "callback",
    Malformed: "malformed",
}


class WrongUsage(Exception):
    """What was asked for does not exist; the message is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How payloads are read. `webhook` is a configured account, whose signatures are checked; else only the bytes are read.

    `describe` is set for kinds whose raw payload has more than its events, such as a mail: it is printed instead.
    """

    channel: str
    normalize: Callable[[Request], Sequence[InboundEvent]]
    webhook: Webhook | None = None
    describe: Callable[[bytes], Mapping[str, Any]] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`parse KIND FILE... [--header NAME:VALUE] [--channel NAME] [--at TIME]`."""
    parser.add_argument("kind", metavar="KIND", help=f"the kind of channel: {', '.join(kinds.names())}")
    parser.add_argument("files", nargs="+", metavar="FILE", help="raw payloads; - is standard input")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="a header they came with")
    parser.add_argument("--channel", metavar="NAME", help="a configured account: its signature is checked, too")
    parser.add_argument(
        "--at", metavar="TIME", help="when they arrived (default: now), for example 2026-11-23T03:00:00Z"
    )
    parser.add_argument("--json", action="store_true", help="the output is JSON in any case")


def run(args: argparse.Namespace) -> int:
    """0 all read, 1 one is malformed or its signature is wrong, 2 wrong usage or unreadable configuration."""
    try:
        reader = _reader(args)
        headers = dict(_header(pair) for pair in args.header)
        at = _instant(args.at)
    except SettingsFaults as faults:
        print(faults, file=sys.stderr)
        return 2
    except WrongUsage as error:
        print(f"huntgroup parse: {error}", file=sys.stderr)
        return 2
    wrong = False
    for name in args.files:
        parsed = parse_file(name, reader, headers, at)
        wrong = wrong or parsed["malformed"] is not None
        _print(parsed)
    return 1 if wrong else 0


def parse_file(name: str, reader: Reader, headers: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """What one file would become: its events, what would be answered, and why not where it is malformed."""
    try:
        body = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        return _parsed(name, [], None, f"cannot be read: {error.strerror}")
    request = Request("POST", f"/hooks/{reader.channel}", {}, headers, body, at)
    try:
        return _read(name, reader, request)
    except SignatureRejected as error:
        return _parsed(name, [], {"status": 401}, f"signature rejected: {error}")
    except MalformedPayload as error:
        return _parsed(name, [], {"status": 400}, f"{error.code}: {error.detail}")
    except Exception as error:  # noqa: BLE001 a bug of a kind is a reason, too, and the next file is read
        return _parsed(name, [], {"status": 500}, f"bug: {type(error).__name__}: {error}")


def _read(name: str, reader: Reader, request: Request) -> dict[str, Any]:
    if reader.describe is not None:
        return {"file": name, **reader.describe(request.body)}
    if reader.webhook is not None:
        reader.webhook.verify(request)
    events = list(reader.normalize(request))
    bad = [event.reason for event in events if isinstance(event, Malformed)]
    return _parsed(name, events, _answer(reader, request, events), "; ".join(bad) or None)


def _print(parsed: Mapping[str, Any]) -> None:
    """One line, with escapes where the terminal cannot show a letter or a file's name is no text."""
    line = json.dumps(parsed, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(parsed)
    print(line)


def event_as_json(event: InboundEvent) -> dict[str, Any]:
    """One event, its raw bytes left out. What every event has comes first, empty where this one does not say it."""
    parsed: dict[str, Any] = {"type": _TYPES[type(event)], "external_id": event.external_id}
    parsed |= {"from": None, "name": None, "text": "", "attachments": [], "sent_at": None}
    sender = getattr(event, "sender", None)
    if sender is not None:
        person = _person(sender)
        parsed |= {"from": person.pop("address"), **person}
    if isinstance(event, CallbackRequested):
        parsed["text"] = event.note or ""
    return parsed | {name: value for name, value in _fields(event).items() if name != "sender"}


def _person(identity: Identity) -> dict[str, Any]:
    names = ("address", "name", "email", "phone", "verified")
    return {**{name: getattr(identity, name) for name in names}, "also": list(identity.also)}


def _file(attachment: Attachment) -> dict[str, Any]:
    return {name: getattr(attachment, name) for name in ("name", "type", "size", "inline", "url")}


def _fields(data: Any) -> dict[str, Any]:
    return {one.name: _json(getattr(data, one.name)) for one in fields(data) if one.name != "raw"}


def _json(value: Any) -> Any:
    """The value in JSON's own types, data classes as objects."""
    if isinstance(value, Identity):
        return _person(value)
    if isinstance(value, Attachment):
        return _file(value)
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {str(key): _json(one) for key, one in value.items()}
    return [_json(one) for one in value] if isinstance(value, list | tuple) else plain(value)


def _parsed(
    name: str, events: Sequence[InboundEvent], answer: Mapping[str, Any] | None, malformed: str | None
) -> dict[str, Any]:
    return {
        "file": name,
        "events": [event_as_json(event) for event in events],
        "answer": answer,
        "malformed": malformed,
    }


def _answer(reader: Reader, request: Request, events: Sequence[InboundEvent]) -> dict[str, Any]:
    """The request to the provider; ids that only the database gives are null."""
    if reader.webhook is None:
        return {"status": 200}
    accepted = [_accepted(event) for event in events]
    reply = reader.webhook.answer(request, accepted)
    return {"status": reply.status, "type": reply.type, "body": reply.body.decode("utf-8", "replace")}


def _accepted(event: InboundEvent) -> Accepted:
    aside = "-" if isinstance(event, Malformed) else None
    return Accepted(external_id=event.external_id, conversation=None, message=None, queue=None, quarantined=aside)


# -- how to read -------------------------------------------------------------------------------------------------------


def _reader(args: argparse.Namespace) -> Reader:
    if args.kind not in kinds.names():
        meant = did_you_mean(args.kind, kinds.names())
        raise WrongUsage(f"there is no kind of channel '{args.kind}'{meant}; installed: {', '.join(kinds.names())}")
    return _bare(args.kind) if args.channel is None else _configured(args)


def _bare(kind: str) -> Reader:
    """The kind's `parse_output.to_dict` or `normalize.events`, which are pure: no account is needed."""
    package = kinds.create_of(kind).__module__
    describe = _found(f"{package}.parse_output", "to_dict")
    if describe is not None:
        return Reader(channel=kind, normalize=lambda _: (), describe=describe)
    read = _found(f"{package}.normalize", "events")
    if read is None:
        raise WrongUsage(f"the kind '{kind}' has no raw payloads to parse")

    def normalize(request: Request) -> Sequence[InboundEvent]:
        return cast("Sequence[InboundEvent]", read(request.body, channel=kind, received_at=request.received_at))

    return Reader(channel=kind, normalize=normalize)


def _found(module: str, name: str) -> Callable[..., Any] | None:
    return getattr(import_module(module), name, None) if find_spec(module) else None


def _configured(args: argparse.Namespace) -> Reader:
    settings = load(args.config, os.environ, make_secrets=False)
    account = settings.channels.get(args.channel)
    if account is None:
        raise WrongUsage(f"there is no channel '{args.channel}'{did_you_mean(args.channel, settings.channels)}")
    if account["kind"] != args.kind:
        raise WrongUsage(f"the channel '{args.channel}' is of kind '{account['kind']}', not '{args.kind}'")
    channel = kinds.build({args.channel: account}, lambda _: _tools(settings.service.public_url or ""))[args.channel]
    if not _is_webhook(channel):
        normalize = getattr(channel, "normalize", None)
        return Reader(channel=args.channel, normalize=normalize) if normalize else _bare(args.kind)
    webhook = cast("Webhook", channel)
    return Reader(channel=args.channel, normalize=webhook.normalize, webhook=webhook)


def _is_webhook(channel: Channel) -> bool:
    return all(hasattr(channel, verb) for verb in ("verify", "normalize", "answer"))


def _tools(public_url: str) -> Tools:
    """An account that only reads needs the time and nothing else: whatever else it reached for would fail at once."""
    nothing = cast("Any", None)
    return Tools(
        clock=SystemClock(),
        owner="",
        state=nothing,
        http=nothing,
        blobs=nothing,
        files=nothing,
        signals=nothing,
        public_url=public_url,
        count=no_account_count,
    )


def _header(pair: str) -> tuple[str, str]:
    name, colon, value = pair.partition(":")
    if not colon or not name.strip():
        raise WrongUsage(f"--header {pair}: write NAME:VALUE")
    return name.strip().lower(), value.strip()


def _instant(text: str | None) -> datetime:
    if text is None:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise WrongUsage(f"--at {text}: write a time with its zone, for example 2026-11-23T03:00:00Z")
    return at
