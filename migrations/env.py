"""Alembic's environment. The connection is handed over by `storage.migration.upgrade`; nothing here opens one.

A connection that is in a transaction already, as on SQLite, keeps all migrations in that one.
"""

from alembic import context

from storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
    render_as_batch=True,
    on_version_apply=context.config.attributes.get("applied"),
)
with context.begin_transaction():
    context.run_migrations()
