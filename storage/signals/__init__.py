"""Hints between nodes: something changed. Never the truth; whoever hears one reads the store."""

from conversation.ports import Clock, Signals
from storage.signals.local import LocalSignals
from storage.signals.postgres import over_postgresql
from storage.signals.relay import RelayedSignals


def open_signals(spec: str, *, database: str, clock: Clock) -> Signals:  # noqa: ARG001 no link needs the clock today
    """`local`, `postgres` (over `database`), or `nats://host:port`. Raises `ValueError` for anything else."""
    if spec == "local":
        return LocalSignals()
    if spec == "postgres" and database.startswith("postgresql"):
        return RelayedSignals(over_postgresql(database), "postgres")
    if spec.startswith(("nats://", "tls://")):
        from storage.signals.nats import over_nats  # noqa: PLC0415 its client is loaded where it is used

        return RelayedSignals(over_nats(spec), "nats")
    if spec == "postgres":
        raise ValueError("signals = 'postgres' needs a postgresql:// database")
    raise ValueError(f"signals must be local, postgres or nats://host:port, not {spec!r}")
