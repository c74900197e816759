"""Bytes in a folder."""

import hashlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversation.errors import NotFound, Refused
from storage.blobs import FolderBlobs


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
