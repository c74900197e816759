"""The first schema: everything the service remembers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

ID = sa.String(36).with_variant(sa.Text(collation="C"), "postgresql")
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def _people() -> None:
    op.create_table(
        "customers",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("language", NAME, nullable=True),
        sa.Column("language_source", NAME, nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )

    op.create_table(
        "identities",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("address", NAME, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("feed_seq", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("seen_seq", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("channel", "address", name=op.f("uq_identities_channel_address")),
    )
    op.create_index(op.f("ix_identities_customer_id"), "identities", ["customer_id"], unique=False)


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", NAME, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_offered_at", sa.BigInteger(), nullable=True),
        sa.Column("idle_since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("email", name=op.f("uq_agents_email")),
    )

    op.create_table(
        "agent_languages",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("language", NAME, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "language", name=op.f("pk_agent_languages")),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_agent_languages_level")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_agent_languages_agent_id"), ondelete="CASCADE"
        ),
    )

    op.create_table(
        "agent_skills",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("skill", NAME, nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "skill", name=op.f("pk_agent_skills")),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name=op.f("ck_agent_skills_level")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_skills_agent_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "agent_queues",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "queue", name=op.f("pk_agent_queues")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_queues_agent_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "agent_load",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("held", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "kind", name=op.f("pk_agent_load")),
        sa.CheckConstraint("cap >= 0", name=op.f("ck_agent_load_cap")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_agent_load_held")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_load_agent_id"), ondelete="CASCADE"),
    )

    op.create_table(
        "agent_presence",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("presence", NAME, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agent_presence")),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name=op.f("fk_agent_presence_agent_id"), ondelete="CASCADE"
        ),
    )

    op.create_table(
        "agent_tokens",
        sa.Column("digest", NAME, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_agent_tokens")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.id"], name=op.f("fk_agent_tokens_agent_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_agent_tokens_agent_id"), "agent_tokens", ["agent_id"], unique=False)

    op.create_table(
        "conversation_reads",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "conversation_id", name=op.f("pk_conversation_reads")),
    )


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", ID, nullable=False),
        sa.Column("reference", NAME, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("identity_id", ID, nullable=True),
        sa.Column("state", NAME, nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("offered_to", ID, nullable=True),
        sa.Column("offer_until", sa.BigInteger(), nullable=True),
        sa.Column("held_since", sa.BigInteger(), nullable=True),
        sa.Column("language", NAME, nullable=True),
        sa.Column("language_confidence", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("issue", NAME, nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("said", JSON, nullable=False),
        sa.Column("passed", JSON, nullable=False),
        sa.Column("linked_id", ID, nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("last_inbound_at", sa.BigInteger(), nullable=True),
        sa.Column("owner_wrote_at", sa.BigInteger(), nullable=True),
        sa.Column("waiting_since", sa.BigInteger(), nullable=True),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.CheckConstraint("state <> 'assigned' OR owner_id IS NOT NULL", name=op.f("ck_conversations_assigned")),
        sa.CheckConstraint("(state = 'offered') = (offered_to IS NOT NULL)", name=op.f("ck_conversations_offered")),
        sa.CheckConstraint(
            "state IN ('waiting', 'offered', 'assigned', 'snoozed', 'closed')", name=op.f("ck_conversations_state")
        ),
        sa.CheckConstraint(
            "state NOT IN ('waiting', 'offered', 'closed') OR owner_id IS NULL", name=op.f("ck_conversations_unowned")
        ),
        sa.UniqueConstraint("reference", name=op.f("uq_conversations_reference")),
    )
    op.create_index(
        op.f("ix_conversations_customer"), "conversations", ["customer_id", sa.text("updated_at DESC")], unique=False
    )
    op.create_index(
        op.f("ix_conversations_offered"),
        "conversations",
        ["offered_to"],
        unique=False,
        postgresql_where=sa.text("offered_to IS NOT NULL"),
        sqlite_where=sa.text("offered_to IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_conversations_owner"),
        "conversations",
        ["owner_id"],
        unique=False,
        postgresql_where=sa.text("owner_id IS NOT NULL"),
        sqlite_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_conversations_snoozed"),
        "conversations",
        ["snoozed_until"],
        unique=False,
        postgresql_where=sa.text("state = 'snoozed'"),
        sqlite_where=sa.text("state = 'snoozed'"),
    )
    op.create_index(op.f("ix_conversations_updated"), "conversations", [sa.text("updated_at DESC"), "id"], unique=False)
    op.create_index(
        op.f("ix_conversations_waiting"),
        "conversations",
        ["queue", sa.text("priority DESC"), "waiting_since", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )

    op.create_table(
        "messages",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("direction", NAME, nullable=False),
        sa.Column("channel", NAME, nullable=True),
        sa.Column("identity_id", ID, nullable=True),
        sa.Column("external_id", NAME, nullable=True),
        sa.Column("client_id", NAME, nullable=True),
        sa.Column("body_hash", NAME, nullable=True),
        sa.Column("author_kind", NAME, nullable=False),
        sa.Column("author_id", ID, nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=True),
        sa.Column("attachments", JSON, nullable=True),
        sa.Column("status", NAME, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("feed_seq", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("conversation_id", "seq", name=op.f("uq_messages_conversation_id_seq")),
    )
    op.create_index(
        op.f("uq_messages_channel_external_id"),
        "messages",
        ["channel", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id IS NOT NULL"),
        sqlite_where=sa.text("external_id IS NOT NULL"),
    )
    op.create_index(
        op.f("uq_messages_conversation_id_client_id"),
        "messages",
        ["conversation_id", "client_id"],
        unique=True,
        postgresql_where=sa.text("client_id IS NOT NULL"),
        sqlite_where=sa.text("client_id IS NOT NULL"),
    )
    op.create_index(
        op.f("uq_messages_identity_id_feed_seq"),
        "messages",
        ["identity_id", "feed_seq"],
        unique=True,
        postgresql_where=sa.text("feed_seq IS NOT NULL"),
        sqlite_where=sa.text("feed_seq IS NOT NULL"),
    )

    op.create_table(
        "early_reports",
        sa.Column("channel", NAME, nullable=False),
        sa.Column("external_id", NAME, nullable=False),
        sa.Column("status", NAME, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", "external_id", name=op.f("pk_early_reports")),
    )

    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("revision", ID, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("decision", JSON, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_conversation"), "decisions", ["conversation_id", "id"], unique=False)


def _leaving() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, nullable=False),
        sa.Column("effect", NAME, nullable=False),
        sa.Column("target", NAME, nullable=False),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("body", JSON, nullable=False),
        sa.Column("state", NAME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("give_up_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", NAME, nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("sent", JSON, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'failed', 'uncertain', 'parked')", name=op.f("ck_outbox_state")
        ),
    )
    op.create_index(
        op.f("ix_outbox_due"),
        "outbox",
        ["target", "at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'queued'"),
        sqlite_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        op.f("ix_outbox_head"),
        "outbox",
        ["conversation_id", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'sending', 'uncertain', 'parked')"),
        sqlite_where=sa.text("state IN ('queued', 'sending', 'uncertain', 'parked')"),
    )
    op.create_index(
        op.f("ix_outbox_lease"),
        "outbox",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'sending'"),
        sqlite_where=sa.text("state = 'sending'"),
    )
    op.create_index(op.f("ix_outbox_message"), "outbox", ["message_id"], unique=False)

    op.create_table(
        "counters",
        sa.Column("name", NAME, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )

    op.create_table(
        "events",
        sa.Column("cursor", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("message_id", ID, nullable=True),
        sa.Column("queue", NAME, nullable=True),
        sa.Column("was_queue", NAME, nullable=True),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("data", JSON, nullable=False),
        sa.PrimaryKeyConstraint("cursor", name=op.f("pk_events")),
    )


def _configuration() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("sha256", NAME, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("code", NAME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("replayed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("channel", "sha256", name=op.f("uq_quarantine_channel_sha256")),
    )

    op.create_table(
        "rulebooks",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", NAME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rulebooks")),
        sa.UniqueConstraint("digest", name=op.f("uq_rulebooks_digest")),
    )
    op.create_index(
        op.f("uq_rulebooks_active"),
        "rulebooks",
        ["active"],
        unique=True,
        postgresql_where=sa.text("active"),
        sqlite_where=sa.text("active"),
    )

    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", NAME, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )

    op.create_table(
        "visitor_sessions",
        sa.Column("digest", NAME, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", NAME, nullable=False),
        sa.Column("identity_id", ID, nullable=False),
        sa.Column("language", NAME, nullable=True),
        sa.Column("claims", JSON, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_visitor_sessions")),
    )
    op.create_index(op.f("ix_visitor_sessions_identity_id"), "visitor_sessions", ["identity_id"], unique=False)

    op.create_table(
        "attachments",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("sha256", NAME, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", NAME, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("owner", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index(op.f("ix_attachments_conversation_id"), "attachments", ["conversation_id"], unique=False)

    op.create_table(
        "leases",
        sa.Column("name", NAME, nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )

    op.create_table(
        "cursors",
        sa.Column("channel", NAME, nullable=False),
        sa.Column("cursor", JSON, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_cursors")),
    )

    op.create_table(
        "relabels",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("language", NAME, nullable=True),
        sa.Column("issue", NAME, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relabels")),
    )
    op.create_index(op.f("ix_relabels_conversation_id"), "relabels", ["conversation_id"], unique=False)


def upgrade() -> None:
    _people()
    _agents()
    _conversations()
    _leaving()
    _configuration()
    op.execute("INSERT INTO counters (name, value) VALUES ('feed', 0)")


def downgrade() -> None:
    for name in (
        "agent_tokens",
        "agent_skills",
        "agent_queues",
        "agent_presence",
        "agent_load",
        "agent_languages",
        "visitor_sessions",
        "rulebooks",
        "relabels",
        "quarantine",
        "outbox",
        "messages",
        "leases",
        "identities",
        "events",
        "early_reports",
        "decisions",
        "customers",
        "cursors",
        "counters",
        "conversations",
        "conversation_reads",
        "audit",
        "attachments",
        "agents",
    ):
        op.drop_table(name)
