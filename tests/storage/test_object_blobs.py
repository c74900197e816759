"""The port `Blobs`, on a folder and on a real S3 server: one contract. What only an object store does comes after it."""

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from conversation.errors import NotFound, Refused, StoreUnavailable
from conversation.id_generator import new_id
from conversation.model.message import Attachment
from conversation.ports.storage.attachments import StoredAttachment
from ops.configuration.service import Service
from ops.diagnostics.attachments import attachments
from ops.diagnostics.check_result import State
from storage.messages.blob_store import MovableBlobs, open_blobs
from storage.messages.object_options import ObjectStoreOptions
from storage.signals.local import LocalSignals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.s3server import ObjectServer, object_server
from tests.storage.test_blobs import broken, stream

MIB = 1024 * 1024
pytestmark = pytest.mark.xdist_group("s3")


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with object_server() as running:
        yield running


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> MovableBlobs:
    if request.param == "folder":
        return open_blobs(str(tmp_path / "blobs"))
    server: ObjectServer = request.getfixturevalue("server")
    return open_blobs(server.bucket(), options=server.options)


async def test_what_was_put_is_got(blobs: MovableBlobs) -> None:
    key, digest, size = await blobs.put(stream(b"ab", b"", b"c"), limit=3)
    assert (await blobs.get(key), size, await blobs.size(key)) == (b"abc", 3, 3)
    assert digest == hashlib.sha256(b"abc").hexdigest()
    empty, _, none = await blobs.put(stream(), limit=3)
    assert (await blobs.get(empty), none) == (b"", 0)


async def test_bytes_at_hand_are_put_whole(blobs: MovableBlobs) -> None:
    key, digest, size = await blobs.put_whole(b"abc")
    assert (await blobs.get(key), digest, size) == (b"abc", hashlib.sha256(b"abc").hexdigest(), 3)


async def test_one_byte_too_many_is_refused(blobs: MovableBlobs) -> None:
    key = "0" * 32
    with pytest.raises(Refused):
        await blobs.put_as(key, stream(b"ab", b"cd"), limit=3)
    with pytest.raises(NotFound):
        await blobs.get(key)


@pytest.mark.parametrize("before", [b"half", b"x" * 6 * MIB])
async def test_a_broken_stream_leaves_nothing(blobs: MovableBlobs, before: bytes) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield before
        async for chunk in broken():
            yield chunk

    key = "1" * 32
    with pytest.raises(ConnectionResetError):
        await blobs.put_as(key, breaking(), limit=100 * MIB)
    with pytest.raises(NotFound):
        await blobs.size(key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 31, "0" * 32, "0" * 30 + "/x", "A" * 32, "\0" * 32])
async def test_a_key_not_made_here_names_nothing(blobs: MovableBlobs, key: str) -> None:
    for call in (blobs.get(key), blobs.size(key)):
        with pytest.raises(NotFound):
            await call
    await blobs.delete(key)


async def test_deleting_twice_is_harmless(blobs: MovableBlobs) -> None:
    key, _, _ = await blobs.put(stream(b"x"), limit=1)
    await blobs.delete(key)
    await blobs.delete(key)
    with pytest.raises(NotFound):
        await blobs.get(key)


async def test_a_large_file_passes_in_parts_and_memory_does_not_grow_with_it(blobs: MovableBlobs) -> None:
    async def many() -> AsyncIterator[bytes]:
        for number in range(48):
            yield bytes([number]) * MIB

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    key, digest, size = await blobs.put(many(), limit=48 * MIB)
    seen, count = hashlib.sha256(), 0
    async for chunk in blobs.chunks(key):
        seen.update(chunk)
        count += len(chunk)
    assert (count, size, seen.hexdigest()) == (48 * MIB, 48 * MIB, digest)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024  # KiB


# -- an object store only ----------------------------------------------------------------------------------------------


async def test_a_bucket_that_is_not_there_is_unavailable_without_its_address(server: ObjectServer) -> None:
    blobs = server.blobs("s3://nobody-made-this/x")
    for call in (blobs.put(stream(b"x"), limit=1), blobs.put_whole(b"x"), blobs.get("0" * 32)):
        with pytest.raises(StoreUnavailable) as failed:
            await call
        assert "nobody-made-this" not in str(failed.value)


async def test_a_server_that_is_away_is_unavailable_and_serves_again() -> None:
    with object_server() as first:
        place, options = first.bucket(), first.options
    blobs = open_blobs(place, options=options)
    async with asyncio.timeout(60):
        for call in (blobs.put_whole(b"x"), blobs.put(stream(b"x"), limit=1), blobs.get("0" * 32)):
            with pytest.raises(StoreUnavailable, match="does not answer"):
                await call


def test_the_options_do_not_show_the_keys() -> None:
    assert "hidden" not in repr(ObjectStoreOptions(access_key="hidden", secret_key="hidden"))


def _service(server: ObjectServer, place: str, **more: str) -> Service:
    keys = {"access_key": "key-of-tests", "secret_key": "hidden"}
    return Service.model_validate({"attachments": place, "s3": {"endpoint": server.endpoint, **keys}, **more})


async def test_doctor_tries_the_object_store_and_leaves_nothing(server: ObjectServer) -> None:
    (found,) = await attachments(_service(server, server.bucket()))
    assert (found.state, "can be written to and read" in found.words) == (State.OK, True)
    (found,) = await attachments(_service(server, "s3://nobody-made-this"))
    assert (found.state, "hidden" in str(found)) == (State.BAD, False)


async def test_doctor_finds_files_that_another_node_keeps_elsewhere(
    server: ObjectServer, postgres_url: str, tmp_path: Path
) -> None:
    here = _service(server, server.bucket(), database=postgres_url)
    clock = FakeClock()
    async with open_storage(postgres_url, clock=clock, signals=LocalSignals()) as store:
        for blobs in (server.blobs(here.attachments), open_blobs(str(tmp_path))):
            key, digest, size = await blobs.put_whole(b"x")
            file = Attachment(id=new_id(), name="a", type="text/plain", size=size, sha256=digest)
            async with store.begin("add") as work:
                await work.attachments.add(
                    StoredAttachment(attachment=file, key=key, owner=new_id(), created_at=clock.now())
                )
    (found,) = await attachments(here)
    assert (found.state, "1 are not here" in found.words) == (State.BAD, True)
