"""Which schemas a program can serve: from the oldest that it understands to every newer one that says so. Pure.

Each migration names the oldest program that may still serve after it (`oldest_program`, by that program's newest migration), and
the database keeps that name. So the previous release serves on the new schema while nodes are replaced one by one, and again
after a way back.
"""

from dataclasses import dataclass

OLDEST = "0009"  # raised when something older needs a `contract` to be served


@dataclass(frozen=True, slots=True)
class SchemaState:
    """`revision` is the migration that the database stands at, None before the first; `oldest_program` None before 0010."""

    revision: str | None
    oldest_program: str | None = None


def fault_of(state: SchemaState, newest: str | None, *, oldest: str = OLDEST) -> str | None:
    """Why a program that knows the migrations up to `newest` cannot serve this schema, and what to do; None where it can."""
    stands, program = state.revision or "", newest or ""
    if stands < oldest:
        return f"the schema is at {state.revision}, this program needs {oldest} or newer: run `huntgroup migrate` first"
    if stands <= program or (state.oldest_program is not None and state.oldest_program <= program):
        return None
    needed = state.oldest_program or stands
    return f"the schema is at {stands}, newer than this program ({program}): it needs a huntgroup that knows {needed}"
