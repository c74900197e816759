"""Alembic migrations, numbered; they see `storage.schema.tables` only."""
