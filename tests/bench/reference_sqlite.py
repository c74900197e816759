"""Reference S: the standard library's sqlite3, WAL, synchronous=FULL, batches of 200 in one transaction."""

import json
import sqlite3
from pathlib import Path

from tests.bench.workload import Plain

SCHEMA = """
CREATE TABLE contacts (id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, address TEXT NOT NULL, UNIQUE (channel, address));
CREATE TABLE conversations (id INTEGER PRIMARY KEY, contact_id INTEGER NOT NULL, queue INTEGER NOT NULL, status TEXT NOT NULL DEFAULT 'queued',
  priority INTEGER NOT NULL DEFAULT 1, messages INTEGER NOT NULL DEFAULT 0, waiting_since INTEGER NOT NULL DEFAULT 0, updated_at INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX one_open ON conversations (contact_id) WHERE status <> 'closed';
CREATE INDEX waiting ON conversations (queue, priority DESC, waiting_since, id) WHERE status = 'queued';
CREATE TABLE messages (id INTEGER PRIMARY KEY, conversation_id INTEGER NOT NULL, channel INTEGER NOT NULL, external_id TEXT NOT NULL,
  body TEXT NOT NULL, meta TEXT NOT NULL, created_at INTEGER NOT NULL DEFAULT 0, UNIQUE (channel, external_id));
CREATE INDEX of_conversation ON messages (conversation_id);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'new', created_at INTEGER NOT NULL DEFAULT 0);
"""


def make(path: Path) -> sqlite3.Connection:
    """A durable file with the reference's tables."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(SCHEMA)
    return connection


def store(connection: sqlite3.Connection, batch: list[Plain]) -> None:
    """One batch, one transaction, the same rows as reference L."""
    run = connection.execute
    run("BEGIN IMMEDIATE")
    try:
        for row in batch:
            if run(
                "SELECT 1 FROM messages WHERE channel = ? AND external_id = ?", (row.channel, row.external_id)
            ).fetchone():
                continue
            run(
                "INSERT INTO contacts (channel, address) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (row.channel, row.address),
            )
            (contact,) = run(
                "SELECT id FROM contacts WHERE channel = ? AND address = ?", (row.channel, row.address)
            ).fetchone()
            (conversation,) = run(
                "INSERT INTO conversations (contact_id, queue, messages) VALUES (?, ?, 1) ON CONFLICT (contact_id) WHERE status <> 'closed'"
                " DO UPDATE SET messages = messages + 1, queue = excluded.queue, updated_at = updated_at + 1 RETURNING id",
                (contact, row.queue),
            ).fetchone()
            message = run(
                "INSERT INTO messages (conversation_id, channel, external_id, body, meta) VALUES (?, ?, ?, ?, ?)",
                (conversation, row.channel, row.external_id, row.body, json.dumps(row.meta)),
            ).lastrowid
            run("INSERT INTO outbox (message_id) VALUES (?)", (message,))
    except BaseException:
        run("ROLLBACK")
        raise
    run("COMMIT")
