"""`huntgroup attachments move URL`: copy all files to another place; the operator then names it in the configuration."""

import argparse
import json
import sys
from dataclasses import dataclass

from conversation.errors import NotFound, Refused
from ops.cli.database_session import Doing, run_on_store
from ops.configuration.s3_settings import place
from ops.configuration.settings import Settings
from storage.messages.attachments import FileRecord
from storage.messages.blob_store import MovableBlobs, open_blobs
from storage.store import Store

_PAGE = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`attachments move URL [--from PLACE] [--verify] [--json]`."""
    commands = parser.add_subparsers(dest="action", metavar="COMMAND", required=True)
    move = commands.add_parser(
        "move", help="copy all files to a folder or to s3://bucket/prefix; again copies what is new"
    )
    move.add_argument("to", metavar="URL", help="a folder, or s3://bucket/prefix with the keys of [service.s3]")
    move.add_argument("--from", dest="origin", metavar="PLACE", help="instead of the configuration's `attachments`")
    move.add_argument("--verify", action="store_true", help="read again what was copied before, and compare its hash")
    move.add_argument("--json", action="store_true", help="print one JSON object")


@dataclass(slots=True)
class Moved:
    """How many files were copied, were there already, are gone from the old place, or are damaged there."""

    copied: int = 0
    there: int = 0
    missing: int = 0
    damaged: int = 0


def run(args: argparse.Namespace) -> int:
    """0 all files are at the new place, 1 some are missing or damaged, or a place cannot be used, 2 wrong usage."""
    try:
        place(args.to)
    except ValueError as error:
        print(f"huntgroup attachments: {error}", file=sys.stderr)
        return 2
    return run_on_store(args, _move(args))


def _move(args: argparse.Namespace) -> Doing:
    async def doing(store: Store, settings: Settings) -> int:
        options = settings.service.s3.options()
        origin = args.origin or settings.service.attachments
        if origin.rstrip("/") == args.to.rstrip("/"):
            print("huntgroup attachments: both places are the same", file=sys.stderr)
            return 2
        old, new = open_blobs(origin, options=options), open_blobs(args.to, options=options)
        moved, after = Moved(), ""
        while page := await _page(store, after):
            for file in page:
                await _one(file, old, new, moved, verify=args.verify)
            after = page[-1].id
            _print_progress(moved)
        _print_result(moved, args.to, as_json=args.json)
        return 1 if moved.missing or moved.damaged else 0

    return doing


async def _page(store: Store, after: str) -> list[FileRecord]:
    async with store.read("attachments.move") as work:
        return await work.attachments.files(after=after, limit=_PAGE)


async def _one(file: FileRecord, old: MovableBlobs, new: MovableBlobs, moved: Moved, *, verify: bool) -> None:
    """A copy that differs from what was recorded does not stay."""
    if await _is_there(file, new, verify=verify):
        moved.there += 1
        return
    try:
        digest, size = await new.put_as(file.key, old.chunks(file.key), limit=file.size)
    except NotFound:
        moved.missing += 1
        print(f"{file.id}: its bytes are gone", file=sys.stderr)
        return
    except Refused:
        digest, size = "", -1
    if size == file.size and digest == (file.sha256 or digest):
        moved.copied += 1
        return
    await new.delete(file.key)
    moved.damaged += 1
    print(f"{file.id}: its bytes are not those that were stored", file=sys.stderr)


async def _is_there(file: FileRecord, new: MovableBlobs, *, verify: bool) -> bool:
    """Whole objects only appear, so the size says enough; `verify` reads them."""
    try:
        if await new.size(file.key) != file.size:
            return False
    except NotFound:
        return False
    return not verify or await new.sha256(file.key) == file.sha256


def _print_progress(moved: Moved) -> None:
    done = moved.copied + moved.there + moved.missing + moved.damaged
    print(f"files {done}: copied {moved.copied}, there already {moved.there}", file=sys.stderr, flush=True)


def _print_result(moved: Moved, to: str, *, as_json: bool) -> None:
    counts = {"copied": moved.copied, "there": moved.there, "missing": moved.missing, "damaged": moved.damaged}
    if as_json:
        print(json.dumps(counts))
        return
    print(", ".join(f"{name} {count}" for name, count in counts.items()))
    print(
        f'now write attachments = "{to}" in [service] of every node, restart them, and run this once more with --from'
    )
