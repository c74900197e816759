"""Every real mail there is, through a mailbox into a store, twice: none is lost, and the second time nothing happens."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from channels.email.arrivals import external_id
from channels.email.normalize import letter
from conversation.errors import MalformedPayload
from tests.channels.email import corpora
from tests.channels.email.test_hostile import elsewhere, good, reading

TABLES = ("messages", "conversations", "customers", "identities", "attachments", "outbox", "decisions", "quarantine")


def counted(database: str) -> dict[str, int]:
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}


def kept(database: str) -> tuple[set[str], set[str]]:
    """External ids of what was stored, hashes of what was put aside."""
    with sqlite3.connect(database.removeprefix("sqlite:///")) as connection:
        stored = {row[0] for row in connection.execute("SELECT external_id FROM messages WHERE direction = 'in'")}
        return stored, {row[0] for row in connection.execute("SELECT sha256 FROM quarantine")}


def is_kept(raw: bytes, stored: set[str], aside: set[str]) -> bool:
    if sha256(raw).hexdigest() in aside:
        return True
    try:
        return external_id(letter(raw), raw) in stored
    except MalformedPayload:
        return False


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_real_mail_is_kept_and_a_second_import_changes_nothing(sqlite_url: str, tmp_path: Path) -> None:
    raws = [path.read_bytes() for path in corpora.mails()]
    raws = [raw for raw in raws if raw.strip()]  # a file without a byte cannot lie in a mailbox
    with elsewhere() as server:
        for raw in raws:
            server.add(raw)
        server.add(good("0"))
        async with reading(tmp_path, sqlite_url, server.port) as (_, inbox):
            await inbox.holds("good-0@example.org")
        once = counted(sqlite_url)
        stored, aside = kept(sqlite_url)
        assert [raw[:200] for raw in raws if not is_kept(raw, stored, aside)] == []
        server.renumber(2)
        server.add(good("1"))
        async with reading(tmp_path, sqlite_url, server.port) as (_, inbox):
            await inbox.holds("good-1@example.org")
    again = counted(sqlite_url)
    grown = {name: again[name] - once[name] for name in TABLES if again[name] != once[name]}
    print(f"\n{len(raws)} mails: {once}; by the second import {grown} of one new mail")
    assert grown.pop("messages") == 1
    assert grown.pop("decisions") == 1
    assert grown == {}
