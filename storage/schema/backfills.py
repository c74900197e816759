"""How far each backfill has come: a table is read in the order of its key, until a whole pass finds nothing to change."""

from sqlalchemy import BigInteger, Column, Integer, Table

from storage.schema.types import Instant, Name, metadata

backfills = Table(
    "backfills",
    metadata,
    Column("name", Name, primary_key=True),
    Column("cursor", Name, nullable=False),  # the last key of the last batch, empty before the first one of a pass
    Column("passes", Integer, nullable=False),  # that were finished
    Column("total", BigInteger),  # rows of the table, as far as the database knew when the pass began
    Column("examined", BigInteger, nullable=False),  # in this pass
    Column("changed", BigInteger, nullable=False),  # in this pass
    Column("batch_at", Instant, nullable=False),
    Column("finished_at", Instant),
)
