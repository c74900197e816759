"""Alembic migrations, numbered; they see `storage.schema` only."""
