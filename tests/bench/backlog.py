"""Fills tables by set-based SQL: what a house has after a year, made in a minute."""

import asyncpg

_CUSTOMERS = """
INSERT INTO customers (id, attributes, created_at)
SELECT 'c-' || n, '{}', 1760000000000000 + n FROM generate_series(1, $1::int) n"""

_IDENTITIES = """
INSERT INTO identities (id, channel, address, customer_id, created_at)
SELECT 'i-' || n, 'app', 'old-' || n, 'c-' || n, 1760000000000000 + n FROM generate_series(1, $1::int) n"""

# priorities, queues and languages as given, mixed so that no index finds them in order
_CONVERSATIONS = """
INSERT INTO conversations (id, reference, customer_id, identity_id, state, queue, kind, channel, channels, language, issue,
  priority, labels, attributes, said, passed, last_seq, last_inbound_at, waiting_since, closed_at, created_at, updated_at)
SELECT 'v-' || n, 'R' || n, 'c-' || n, 'i-' || n, CASE WHEN n <= $2 THEN 'waiting' ELSE 'closed' END,
  ($3::text[])[1 + n % cardinality($3::text[])], 'message', 'app', '["app"]', ($4::text[])[1 + (n / 7) % cardinality($4::text[])],
  'topup', CASE WHEN n % 50 = 0 THEN 2 ELSE 1 END, '[]', '{}', '[]', '[]', 1, t, CASE WHEN n <= $2 THEN t END,
  CASE WHEN n > $2 THEN t END, t, t
FROM (SELECT n, 1760000000000000 + (n::bigint * 7919 % 1000003) * 1000000 AS t FROM generate_series(1, $1::int) n) made"""

_MESSAGES = """
INSERT INTO messages (id, conversation_id, seq, direction, channel, identity_id, external_id, author_kind, author_id, text, status,
  created_at)
SELECT 'm-' || n, 'v-' || (1 + n % $2::int), 1 + n / $2::int, 'in', 'app', 'i-' || (1 + n % $2::int), 'old-' || n, 'customer',
  'i-' || (1 + n % $2::int), repeat('x', 600), 'delivered', 1760000000000000 + n FROM generate_series(0, $1::int - 1) n"""

_OUTBOX = """
INSERT INTO outbox (id, effect, target, conversation_id, message_id, body, state, at, created_at)
SELECT 'o-' || n, 'reply', 'app', 'v-' || n, 'm-' || n, '{}', 'queued', 1760000000000000 + n, 1760000000000000 + n
FROM generate_series(1, $1::int) n"""

QUEUES = ("payments", "accounts", "cards", "claims", "complaints", "vip", "general", "safety")
LANGUAGES = ("zh", "en", "fr", "de")


async def fill(
    url: str,
    *,
    messages: int = 0,
    waiting: int = 0,
    outbox: int = 0,
    queues: tuple[str, ...] = QUEUES,
    languages: tuple[str, ...] = LANGUAGES,
) -> None:
    """So many stored messages (ten to a conversation), waiting conversations, and rows that nobody has sent yet."""
    connection = await asyncpg.connect(url)
    conversations = max(waiting, outbox, messages // 10)
    try:
        await connection.execute(_CUSTOMERS, conversations, timeout=600)
        await connection.execute(_IDENTITIES, conversations, timeout=600)
        await connection.execute(_CONVERSATIONS, conversations, waiting, list(queues), list(languages), timeout=600)
        if messages:
            await connection.execute(_MESSAGES, messages, conversations, timeout=600)
        if outbox:
            await connection.execute(_OUTBOX, outbox, timeout=600)
        await connection.execute("VACUUM ANALYZE", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
    finally:
        await connection.close()
