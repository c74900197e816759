"""Reference L: hand-written set-based SQL on asyncpg, one statement a table and batch; and the bare claim of P6.

Rows a message: contact (a quarter inserted), conversation (inserted or updated), message, outbox; nine indexes.
"""

import json

import asyncpg

from tests.bench.workload import Plain

SCHEMA = """
CREATE TABLE contacts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, channel int NOT NULL, address text NOT NULL,
  UNIQUE (channel, address));
CREATE TABLE conversations (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, contact_id bigint NOT NULL, queue int NOT NULL,
  status text NOT NULL DEFAULT 'queued', priority int NOT NULL DEFAULT 1, messages int NOT NULL DEFAULT 0,
  waiting_since timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE UNIQUE INDEX one_open ON conversations (contact_id) WHERE status <> 'closed';
CREATE INDEX waiting ON conversations (queue, priority DESC, waiting_since, id) WHERE status = 'queued';
CREATE TABLE messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, conversation_id bigint NOT NULL, channel int NOT NULL,
  external_id text NOT NULL, body text NOT NULL, meta jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (channel, external_id));
CREATE INDEX of_conversation ON messages (conversation_id);
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id bigint NOT NULL, state text NOT NULL DEFAULT 'new',
  created_at timestamptz NOT NULL DEFAULT now());
"""

BATCH = """
WITH incoming AS (
  SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::int[])
    AS t(channel, address, external_id, body, meta, queue)
), fresh AS (
  SELECT i.* FROM incoming i WHERE NOT EXISTS (
    SELECT 1 FROM messages m WHERE m.channel = i.channel AND m.external_id = i.external_id)
), made AS (
  INSERT INTO contacts (channel, address) SELECT DISTINCT channel, address FROM fresh f WHERE NOT EXISTS (
    SELECT 1 FROM contacts c WHERE c.channel = f.channel AND c.address = f.address)
  ON CONFLICT DO NOTHING RETURNING id, channel, address
), contact AS (
  SELECT id, channel, address FROM made UNION ALL
  SELECT c.id, c.channel, c.address FROM contacts c JOIN (SELECT DISTINCT channel, address FROM fresh) f USING (channel, address)
), counted AS (
  SELECT contact.id AS contact_id, min(fresh.queue) AS queue, count(*) AS n FROM fresh JOIN contact USING (channel, address) GROUP BY 1
), opened AS (
  INSERT INTO conversations (contact_id, queue, messages) SELECT contact_id, queue, n FROM counted
  ON CONFLICT (contact_id) WHERE status <> 'closed'
  DO UPDATE SET messages = conversations.messages + excluded.messages, queue = excluded.queue, updated_at = now()
  RETURNING id, contact_id
), stored AS (
  INSERT INTO messages (conversation_id, channel, external_id, body, meta)
  SELECT opened.id, fresh.channel, fresh.external_id, fresh.body, fresh.meta
  FROM fresh JOIN contact USING (channel, address) JOIN opened ON opened.contact_id = contact.id
  ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO outbox (message_id) SELECT id FROM stored
"""

CLAIM = """
UPDATE conversations SET status = 'assigned', updated_at = now()
WHERE id = (SELECT id FROM conversations WHERE queue = $1 AND status = 'queued'
            ORDER BY priority DESC, waiting_since, id FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id
"""


async def connect(dsn: str) -> asyncpg.Connection:
    """A connection of its own."""
    return await asyncpg.connect(dsn)


async def make(connection: asyncpg.Connection) -> None:
    """The reference's tables."""
    await connection.execute(SCHEMA)


async def store(connection: asyncpg.Connection, batch: list[Plain]) -> None:
    """One batch, one transaction, one statement, prepared once."""
    await connection.execute(
        BATCH,
        [row.channel for row in batch],
        [row.address for row in batch],
        [row.external_id for row in batch],
        [row.body for row in batch],
        [json.dumps(row.meta) for row in batch],
        [row.queue for row in batch],
    )
