"""`huntgroup attachments move`: all of them, compared with what was recorded, and no work twice."""

import asyncio
import json
from pathlib import Path

import pytest

from conversation.id_generator import new_id
from conversation.model.message import Attachment
from conversation.ports.storage.attachments import StoredAttachment
from ops.__main__ import main
from storage.messages.blob_store import MovableBlobs, open_blobs
from storage.signals.local import LocalSignals
from storage.store import open_storage
from tests.fakes import FakeClock
from tests.s3server import object_server
from tests.serving import environment, write_config

pytestmark = pytest.mark.xdist_group("s3")


async def _kept(url: str, blobs: MovableBlobs, *bodies: bytes) -> list[str]:
    """Files with these bytes: their keys."""
    clock, keys = FakeClock(), []
    async with open_storage(url, clock=clock, signals=LocalSignals()) as store:
        for body in bodies:
            key, digest, size = await blobs.put_whole(body)
            file = Attachment(id=new_id(), name="a", type="text/plain", size=size, sha256=digest)
            stored = StoredAttachment(attachment=file, key=key, owner=new_id(), created_at=clock.now())
            async with store.begin("add") as work:
                await work.attachments.add(stored)
            keys.append(key)
    return keys


@pytest.fixture(params=["folder", "s3"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_files_are_copied_once_and_compared(
    kind: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    old = tmp_path / "files"
    with object_server() as server:
        to = server.bucket() if kind == "s3" else str(tmp_path / "new")
        config = write_config(tmp_path, sqlite_url)
        table = f'[service.s3]\nendpoint = "{server.endpoint}"\naccess_key = "k"\nsecret_key = "hidden"\n'
        config.write_text(config.read_text("utf-8").replace("[languages]", f"{table}[languages]"), encoding="utf-8")
        keys = asyncio.run(_kept(sqlite_url, open_blobs(str(old)), b"one", b"two", b"three", b"", b"x" * 6_000_000))
        (old / keys[1][:2] / keys[1]).write_bytes(b"TWO")
        (old / keys[2][:2] / keys[2]).unlink()

        def move(*more: str) -> tuple[int, dict[str, int]]:
            code = main(["--config", str(config), "attachments", "move", to, "--json", *more])
            return code, json.loads(capsys.readouterr().out)

        assert move() == (1, {"copied": 3, "there": 0, "missing": 1, "damaged": 1})
        assert move() == (1, {"copied": 0, "there": 3, "missing": 1, "damaged": 1})
        (old / keys[1][:2] / keys[1]).write_bytes(b"two")
        (old / keys[2][:2] / keys[2]).write_bytes(b"three")
        assert move("--verify") == (0, {"copied": 2, "there": 3, "missing": 0, "damaged": 0})
        new = open_blobs(to, options=server.options)
        assert asyncio.run(new.get(keys[4])) == b"x" * 6_000_000
        assert main(["--config", str(config), "attachments", "move", str(old)]) == 2
        assert main(["--config", str(config), "attachments", "move", "s3://"]) == 2
