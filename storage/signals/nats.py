"""Hints over NATS: a plain subject, nothing kept, for it is only a hint."""

import asyncio
import contextlib
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoServersError

from storage.signals.relay import Connect, Link

_SUBJECT = "huntgroup.hints"
_TIMEOUT = 5
_BETWEEN = 1  # seconds between the driver's own tries; the pauses that grow are the relay's


class _Subject:
    """A link over one connection of nats-py; when it is lost the relay makes another."""

    def __init__(self, client: Client, lost: asyncio.Event) -> None:
        self._client = client
        self.lost = lost

    async def send(self, payload: str) -> None:
        await self._client.publish(_SUBJECT, payload.encode())
        await _arrived(self._client)

    async def close(self) -> None:
        await _let_go(self._client)


async def _let_go(client: Client) -> None:
    with contextlib.suppress(Exception):
        await client.close()


async def _arrived(client: Client) -> None:
    """Until the server has taken everything. The driver's first ping may overtake what was said before it; a second one cannot."""
    await client.flush(_TIMEOUT)
    await client.flush(_TIMEOUT)


def over_nats(server: str) -> Connect:
    """How to connect to the other nodes through a NATS server."""

    async def connect(heard: Callable[[str], None]) -> Link:
        client, lost = Client(), asyncio.Event()
        try:
            await _listen(client, server, lost, heard)
        except NoServersError as error:
            raise ConnectionError("no NATS server answers") from error
        except BaseException:
            await _let_go(client)  # whoever is refused would leave a socket behind at every try
            raise
        return _Subject(client, lost)

    return connect


async def _listen(client: Client, server: str, lost: asyncio.Event, heard: Callable[[str], None]) -> None:
    async def on_lost() -> None:
        lost.set()

    async def on_error(_error: Exception) -> None:
        """The relay logs what matters."""

    async def on_message(message: Msg) -> None:
        heard(message.data.decode(errors="replace"))

    await client.connect(
        server,
        allow_reconnect=False,
        connect_timeout=_TIMEOUT,
        max_reconnect_attempts=1,  # 0 would be without end, and nobody would know
        reconnect_time_wait=_BETWEEN,
        closed_cb=on_lost,
        disconnected_cb=on_lost,
        error_cb=on_error,
    )
    await client.subscribe(_SUBJECT, cb=on_message)
    await _arrived(client)
