"""`huntgroup export`: all of one customer's data, nothing of another's, and no key to our house."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import insert, select, update

from conversation.errors import StoreUnavailable
from conversation.id_generator import new_id
from conversation.model.message import Attachment
from conversation.model.people import Identity
from conversation.ports.storage.attachments import StoredAttachment
from ops.__main__ import main
from storage.messages.blobs import FolderBlobs
from storage.schema.callbacks import callbacks
from storage.schema.conversations import decisions
from storage.schema.customers import identities, identity_aliases
from storage.schema.events import audit
from storage.signals import open_signals
from storage.store import Store, open_storage
from tests.fakes import FakeClock
from tests.ops.commands.test_check import GOOD
from tests.storage.makers import NOW, conversation, execute, meet, put, rows_of, say

NUMBER = "+4930555000199"


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Path:
    path = tmp_path / "config.toml"
    service = f'[service]\ndatabase = "{database_url}"\nattachments = "{tmp_path / "attachments"}"\n'
    path.write_text(service + GOOD)
    return path


async def _live(store: Store, blobs: FolderBlobs, address: str, words: str, *, count: int) -> Identity:
    """Somebody who wrote, sent a file and asked for a call."""
    known = await meet(store, address=address, name=f"name of {address}")
    talk = conversation(customer=known.customer, identity=known.id)
    await put(store, talk)
    said = await say(store, talk, count=count, text=words)
    key, digest, size = await blobs.put_whole(words.encode())
    file = Attachment(id=new_id(), name="../../etc/passwd", type="text/plain", size=size, sha256=digest)
    async with store.begin("test") as work:
        await work.attachments.add(StoredAttachment(attachment=file, key=key, owner=known.id, created_at=NOW))
        await work.attachments.bind([file.id], conversation=talk.id, owner=None)
    decided = {"conversation_id": talk.id, "message_id": said[0].id, "revision": "1", "decision": "{}", "at": NOW}
    await execute(store, insert(decisions).values(id=new_id(), facts='{"hint": "vip"}', **decided))
    await execute(store, update(identities).where(identities.c.id == known.id).values(reply_token=f"token-{address}"))
    also = {"channel": "site", "address": f"also-{address}", "identity_id": known.id, "created_at": NOW}
    await execute(store, insert(identity_aliases).values(also))
    return known


async def _ask_for_a_call(store: Store, known: Identity) -> None:
    async with store.read("test") as work:
        talks = await work.exports.page("conversations", known.customer, after=None, limit=1)
    asked = {"channel": "calls", "number": NUMBER, "extension": "", "matter": "", "zones": [], "state": "requested"}
    rest = {"open": True, "asked_at": NOW, "outcomes": [], "missed": False, "version": 1, "updated_at": NOW}
    await execute(store, insert(callbacks).values(id=new_id(), conversation_id=talks[0]["id"], **asked, **rest))
    async with store.begin("test") as work:
        await work.callbacks.block(NUMBER, reason="told us by mail", now=NOW)


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    clock = FakeClock()
    signals = open_signals("local", database=database_url, clock=clock)
    async with open_storage(database_url, clock=clock, signals=signals) as opened:
        yield opened


def _lines(archive: ZipFile, kind: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in archive.read(f"{kind}.jsonl").splitlines()]


async def _exported(config: Path, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["--config", str(config), "export", *arguments])


async def test_all_that_is_known_of_one_customer_is_written_and_nothing_of_another(
    config: Path, store: Store, tmp_path: Path
) -> None:
    blobs, out = FolderBlobs(tmp_path / "attachments"), tmp_path / "anna.zip"
    anna = await _live(store, blobs, "anna", "my top-up is lost", count=501)
    await _live(store, blobs, "berta", "somebody else's words", count=1)
    await _ask_for_a_call(store, anna)
    assert await _exported(config, "site:also-anna", "--out", str(out)) == 0
    with ZipFile(out) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
        said = [line["seq"] for line in _lines(archive, "messages")]
        file = _lines(archive, "attachments")[0]
        assert archive.read(str(file["file"])) == b"my top-up is lost"
        kinds = (
            "customers",
            "identities",
            "identity_aliases",
            "conversations",
            "callbacks",
            "do_not_call",
            "attachments",
        )
        assert {kind: len(_lines(archive, kind)) for kind in kinds} == dict.fromkeys(kinds, 1)
        assert _lines(archive, "decisions")[0]["facts"] == {"hint": "vip"}
        assert _lines(archive, "conversations")[0]["created_at"] == NOW.isoformat()
        assert all(name.startswith("attachments/") or "/" not in name for name in archive.namelist())
        assert not any(".." in name for name in archive.namelist())
    assert (len(said), len({*said})) == (501, 501)
    assert not any(other in whole for other in (b"berta", b"somebody else", b"token-anna"))
    assert out.stat().st_mode & 0o077 == 0


async def test_an_export_stands_in_the_audit_without_what_was_found(config: Path, store: Store, tmp_path: Path) -> None:
    anna = await _live(store, FolderBlobs(tmp_path / "attachments"), "anna", "words", count=1)
    assert await _exported(config, anna.customer, "--out", str(tmp_path / "a.zip")) == 0
    async with store.read("test") as work:
        told = await work._run(lambda c: rows_of(c, select(audit)))
    assert [(row["action"], row["subject"], row["data"]) for row in told] == [("customer.export", anna.customer, {})]


async def test_a_file_whose_bytes_are_gone_is_told(
    config: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blobs = FolderBlobs(tmp_path / "attachments")
    anna = await _live(store, blobs, "anna", "words", count=1)
    async with store.read("test") as work:
        [file] = await work.exports.page("attachments", anna.customer, after=None, limit=9)
    await blobs.delete(str(file["key"]))
    assert await _exported(config, anna.customer, "--json", "--out", str(tmp_path / "a.zip")) == 1
    assert json.loads(capsys.readouterr().out)["missing"] == [file["id"]]


async def test_half_an_export_leaves_no_file(
    config: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut(*_: object) -> bytes:
        raise StoreUnavailable("the folder went away")

    anna = await _live(store, FolderBlobs(tmp_path / "attachments"), "anna", "words", count=1)
    monkeypatch.setattr(FolderBlobs, "get", cut)
    assert await _exported(config, anna.customer, "--out", str(tmp_path / "a.zip")) == 1
    assert not (tmp_path / "a.zip").exists()


async def test_nobody_and_a_file_that_exists_are_refused(
    config: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.zip"
    assert await _exported(config, "site:nobody", "--out", str(out)) == 1
    assert (out.exists(), capsys.readouterr().err) == (False, "huntgroup: there is no such customer\n")
    known = await meet(store, address="anna")
    out.write_text("mine")
    assert await _exported(config, known.customer, "--out", str(out)) == 2
    assert (out.read_text(), "File exists" in capsys.readouterr().err) == ("mine", True)
