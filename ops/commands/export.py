"""`huntgroup export`: everything that is stored about one customer, as a zip of JSON lines and their files."""

import argparse
import json
import mimetypes
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from conversation.errors import NotFound
from conversation.ports.channel import Blobs
from conversation.ports.storage.exports import Record
from ops.cli.database_session import Doing, actor, run_on_store
from ops.configuration.settings import Settings
from ops.system_clock import SystemClock
from storage.messages.blob_store import open_blobs
from storage.store import Store

_AT_ONCE = 500
_FILES = "attachments"
# they grant access or name a place of ours, and hold nothing about the customer
_OURS = {"identities": {"reply_token"}, "visitor_sessions": {"digest"}, _FILES: {"key"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`export CUSTOMER [--out FILE] [--json]`."""
    parser.add_argument(
        "customer", metavar="CUSTOMER", help="a customer's id, or CHANNEL:ADDRESS as a channel knows them"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file (default: customer-ID.zip)")
    parser.add_argument("--json", action="store_true", help="print what was written as one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 written, 1 no such customer, a file is missing or the database cannot be used, 2 the file cannot be made."""
    return run_on_store(args, _export(args))


def _export(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        customer = await _customer(store, args.customer)
        path: Path = args.out or Path(f"customer-{customer}.zip")
        try:
            with _archive(path) as archive:
                blobs = open_blobs(settings.service.attachments, options=settings.service.s3.options())
                counts, missing = await _write(store, blobs, customer, archive)
        except OSError as error:
            print(f"huntgroup export: {path}: {error.strerror}", file=sys.stderr)
            return 2
        _print_result(path, counts, missing, as_json=args.json)
        return 1 if missing else 0

    return doing


@contextmanager
def _archive(path: Path) -> Iterator[ZipFile]:
    """A new file that only its maker may read, whole or not there. Raises `OSError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, ZipFile(file, "w", ZIP_DEFLATED) as archive:
            yield archive
    except BaseException:
        path.unlink(missing_ok=True)  # half of what is known must not pass for all of it
        raise


async def _customer(store: Store, wanted: str) -> str:
    """The id of whom `wanted` names; from here on the audit says that their data went out. Raises `NotFound`."""
    async with store.begin("export.find") as work:
        customer = (await work.customers.get(await work.exports.named(wanted))).id
        now = SystemClock().now()
        await work.rulebooks.audit(actor=actor(), action="customer.export", subject=customer, data={}, now=now)
    return customer


async def _write(store: Store, blobs: Blobs, customer: str, archive: ZipFile) -> tuple[dict[str, int], list[str]]:
    """How many records of each kind there are, and the files whose bytes are gone."""
    async with store.read("export.kinds") as work:
        counts = dict.fromkeys(work.exports.kinds(), 0)
    for kind in counts:
        with archive.open(f"{kind}.jsonl", "w", force_zip64=True) as out:
            async for record in _records(store, kind, customer):
                line = json.dumps(_exported(kind, record), ensure_ascii=False, default=_instant)
                out.write(line.encode() + b"\n")
                counts[kind] += 1
    missing = []
    async for record in _records(store, _FILES, customer):
        try:
            archive.writestr(_file(record), await blobs.get(str(record["key"])))
        except NotFound:
            missing.append(str(record["id"]))
    return counts, missing


async def _records(store: Store, kind: str, customer: str) -> AsyncIterator[Record]:
    last: Record | None = None
    while True:
        async with store.read("export.page") as work:
            page = await work.exports.page(kind, customer, after=last, limit=_AT_ONCE)
        for record in page:
            yield record
        if len(page) < _AT_ONCE:
            return
        last = page[-1]


def _exported(kind: str, record: Record) -> Record:
    kept = {name: value for name, value in record.items() if name not in _OURS.get(kind, ())}
    return kept | {"file": _file(record)} if kind == _FILES else kept


def _file(record: Record) -> str:
    """Named by us: what a customer called it must not choose a place on somebody's disk."""
    return f"{_FILES}/{record['id']}{mimetypes.guess_extension(str(record['type'])) or ''}"


def _instant(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _print_result(path: Path, counts: dict[str, int], missing: list[str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"file": str(path), "records": counts, "missing": missing}, ensure_ascii=False))
        return
    for attachment in missing:
        print(f"huntgroup export: the bytes of attachment {attachment} are gone", file=sys.stderr)
    found = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items() if count)
    print(f"{path}: {found}")
