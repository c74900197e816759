"""Alembic migrations, numbered; they see `storage.tables` only."""
