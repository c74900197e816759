"""Which link of hints a word of the configuration names, and whether it is to be had."""

import asyncio

from conversation.errors import StoreUnavailable
from storage.signals.nats_options import NatsOptions
from storage.signals.postgres import over_postgresql
from storage.signals.relay import Connect, Unreachable

_PATIENCE = 8.0  # seconds for a connection that is only tried


async def reach(spec: str, *, database: str, nats: NatsOptions | None = None) -> None:
    """Connect once and let go; nobody hears of it. Raises `Unreachable`, and `ValueError` as `link_of` does."""
    connect = link_of(spec, database, nats)
    if connect is None:
        return
    try:
        async with asyncio.timeout(_PATIENCE):
            link = await connect(lambda _payload: None)
    except Unreachable:
        raise
    except StoreUnavailable as error:
        raise Unreachable(str(error)) from None
    except OSError:  # a time-out is one
        raise Unreachable("nothing answers there") from None
    except Exception as error:
        raise Unreachable(f"no connection: {type(error).__name__}") from error
    await link.close()


def link_of(spec: str, database: str, nats: NatsOptions | None = None) -> Connect | None:
    """How to connect; None for `local`, where hints stay in this process. Raises `ValueError` for what names no link."""
    if spec == "local":
        return None
    if spec == "postgres" and database.startswith("postgresql"):
        return over_postgresql(database)
    if spec.startswith(("nats://", "tls://")):
        from storage.signals.nats import over_nats  # noqa: PLC0415 its client is loaded where it is used

        return over_nats(spec, nats or NatsOptions())
    if spec == "postgres":
        raise ValueError("signals = 'postgres' needs a postgresql:// database")
    raise ValueError(f"signals must be local, postgres or nats://host:port, not {spec!r}")
