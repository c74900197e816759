"""Which programs may serve this schema: one row, written by each upgrade."""

from sqlalchemy import Column, Table

from storage.schema.types import Name, metadata

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("oldest_program", Name, primary_key=True),  # by its newest migration
)
