"""Bytes in a folder."""

import hashlib
import os
import shutil
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conversation.errors import DiskFull, NotFound, Refused
from storage.messages.blobs import FolderBlobs


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken() -> AsyncIterator[bytes]:
    yield b"half"
    raise ConnectionResetError


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_was_put_is_got(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "made" / "here")
    key, digest, size = await blobs.put(stream(b"ab", b"", b"c"), limit=3)
    assert (await blobs.get(key), size) == (b"abc", 3)
    assert digest == hashlib.sha256(b"abc").hexdigest()
    assert stat.S_IMODE(files(tmp_path)[0].parent.stat().st_mode) == 0o700


async def test_bytes_at_hand_are_put_whole(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    key, digest, size = await blobs.put_whole(b"abc")
    assert (await blobs.get(key), digest, size) == (b"abc", hashlib.sha256(b"abc").hexdigest(), 3)
    assert len(files(tmp_path)) == 1


async def test_one_byte_too_many_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        await FolderBlobs(tmp_path).put(stream(b"ab", b"cd"), limit=3)
    assert files(tmp_path) == []


async def test_a_broken_stream_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        await FolderBlobs(tmp_path).put(broken(), limit=10)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "..", "0" * 31, "0" * 32, "0" * 30 + "/x", "A" * 32, "\0" * 32]
)
async def test_a_key_not_made_here_names_nothing(tmp_path: Path, key: str) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    with pytest.raises(NotFound):
        await blobs.get(key)
    await blobs.delete(key)


async def test_deleting_twice_is_harmless(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    key, _, _ = await blobs.put(stream(b"x"), limit=1)
    await blobs.delete(key)
    await blobs.delete(key)
    with pytest.raises(NotFound):
        await blobs.get(key)


class Disk:
    """A disk with so many bytes free; writing what was read takes some away."""

    def __init__(self, free: int) -> None:
        self.free = free

    def usage(self, _path: object) -> shutil._ntuple_diskusage:
        return shutil._ntuple_diskusage(1 << 40, 0, self.free)

    async def filled_by(self, *chunks: bytes) -> AsyncIterator[bytes]:
        for chunk in chunks:
            self.free -= len(chunk)
            yield chunk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(5_000_000)
    monkeypatch.setattr("storage.messages.blobs.shutil.disk_usage", disk.usage)
    return disk


async def test_below_its_mark_the_disk_takes_no_uploads(tmp_path: Path, disk: Disk) -> None:
    blobs = FolderBlobs(tmp_path / "new", keep_free=5_000_001)
    read = disk.filled_by(b"x")
    with pytest.raises(DiskFull):
        await blobs.put(read, limit=10)
    assert disk.free == 5_000_000  # nothing was read
    with pytest.raises(DiskFull):
        await blobs.check_free_space()
    assert files(tmp_path) == []
    disk.free += 2
    assert (await blobs.put(read, limit=10))[2] == 1


async def test_a_disk_that_fills_meanwhile_keeps_no_half_file(tmp_path: Path, disk: Disk) -> None:
    blobs = FolderBlobs(tmp_path, keep_free=3_000_000)
    with pytest.raises(DiskFull):
        await blobs.put(disk.filled_by(*[b"x" * 500_000] * 8), limit=10_000_000)
    assert files(tmp_path) == []
    assert disk.free >= 3_000_000 - 2 * 500_000 - 1024 * 1024


async def test_what_comes_with_a_message_is_kept_below_the_mark(tmp_path: Path, disk: Disk) -> None:
    blobs = FolderBlobs(tmp_path, keep_free=9_000_000)
    assert (await blobs.put_whole(b"a mail's file"))[2] == 13
    await FolderBlobs(tmp_path).check_free_space()  # without a mark there is no limit


async def test_half_files_that_a_crash_left_are_swept_and_those_under_way_are_not(tmp_path: Path) -> None:
    blobs, now = FolderBlobs(tmp_path), datetime.now(UTC)
    assert await blobs.sweep(now) == 0
    key, _, _ = await blobs.put_whole(b"whole")
    for name, age in (("0" * 32, 61), ("1" * 32, 59)):
        half = tmp_path / "incoming" / name
        half.write_bytes(b"half")
        written = (now - timedelta(minutes=age)).timestamp()
        os.utime(half, (written, written))
    assert await blobs.sweep(now - timedelta(hours=1)) == 1
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["1" * 32]
    assert await blobs.get(key) == b"whole"
