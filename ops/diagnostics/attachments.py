"""Whether attachments can be kept here, and whether this node finds what the other nodes keep."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from conversation.errors import HuntgroupError, NotFound
from ops.configuration.service import Service
from ops.diagnostics.check_result import Finding, State, bad, ok
from ops.diagnostics.machine import folder
from storage.messages.blob_store import MovableBlobs, open_blobs
from storage.messages.newest_files import newest_keys

_NAME = "attachments"
_ADVICE = "correct `attachments` and [service.s3], or start the store: what cannot be written is not acknowledged"
_SHARED = "name a folder that all nodes share, or an object store, and copy what lies apart: huntgroup attachments move"
_LOOKED_AT = 20


async def attachments(service: Service) -> Sequence[Finding]:
    """The place itself; then the newest files of all nodes, as markers: each must be found from here."""
    if service.attachments.startswith("s3://"):
        found = await _object_store(service)
    else:
        place = Path(service.attachments)
        found = await asyncio.to_thread(lambda: folder(_NAME, place, keep_free=service.keep_free))
    if found.state is State.BAD:
        return [found]
    try:
        missing = await _missing(service)
    except HuntgroupError:
        return [found]  # the database has a finding of its own
    if not missing:
        return [found]
    words = f"of the newest {_LOOKED_AT} files, {missing} are not here: another node keeps its files elsewhere"
    return [bad(_NAME, words, _SHARED)]


async def _object_store(service: Service) -> Finding:
    """A marker is written, read and taken away."""
    try:
        blobs = _blobs(service)
        key, _, _ = await blobs.put_whole(b"huntgroup doctor")
        read = await blobs.get(key)
        await blobs.delete(key)
    except HuntgroupError as error:
        return bad(_NAME, str(error), _ADVICE)
    if read != b"huntgroup doctor":
        return bad(_NAME, "the object store gives back other bytes than it was given", _ADVICE)
    return ok(_NAME, f"{service.attachments} can be written to and read")


async def _missing(service: Service) -> int:
    blobs, missing = _blobs(service), 0
    for key in await newest_keys(service.direct, count=_LOOKED_AT):
        try:
            await blobs.size(key)
        except NotFound:
            missing += 1
    return missing


def _blobs(service: Service) -> MovableBlobs:
    return open_blobs(service.attachments, options=service.s3.options())
