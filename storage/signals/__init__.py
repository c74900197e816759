"""Hints between nodes: something changed. Never the truth; whoever hears one reads the store."""

from conversation.ports.channel import Clock, Signals
from storage.signals.links import link_of
from storage.signals.local import LocalSignals
from storage.signals.nats_options import NatsOptions
from storage.signals.relay import RelayedSignals


def open_signals(
    spec: str,
    *,
    database: str,
    clock: Clock,  # noqa: ARG001 no link needs the clock today
    nats: NatsOptions | None = None,
) -> Signals:
    """`local`, `postgres` (over `database`), or `nats://host:port`, several with commas. Raises `ValueError` for anything else."""
    connect = link_of(spec, database, nats)
    return LocalSignals() if connect is None else RelayedSignals(connect, "postgres" if spec == "postgres" else "nats")
