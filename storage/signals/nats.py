"""Hints over NATS: a plain subject, nothing kept, for it is only a hint."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoServersError

from storage.signals.nats_credentials import read_credentials
from storage.signals.nats_options import NatsOptions
from storage.signals.relay import Connect, Link, Unreachable

_TIMEOUT = 5
_BETWEEN = 1  # seconds between the driver's own tries; the pauses that grow are the relay's
_REFUSED = ("authorization", "authentication", "permissions violation")


class _Client(Client):
    """Where TLS is asked for, credentials do not leave before it: the driver would go on in the clear where no server asks for it."""

    def __init__(self, *, encrypted: bool) -> None:
        super().__init__()
        self._encrypted = encrypted

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._encrypted and not info.get("tls_required"):
            raise Unreachable("the server offers no TLS, and the address begins with tls://")
        await super()._process_info(info, initial_connection)


class _Subject:
    """A link over one connection of nats-py; when it is lost the relay makes another."""

    def __init__(self, client: Client, lost: asyncio.Event, subject: str) -> None:
        self._client = client
        self._subject = subject
        self.lost = lost

    async def send(self, payload: str) -> None:
        await self._client.publish(self._subject, payload.encode())
        await _arrived(self._client)

    async def close(self) -> None:
        await _let_go(self._client)


async def _let_go(client: Client) -> None:
    """After a failed TLS handshake the driver would wait for ever for the end of a connection that it has replaced."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_BETWEEN):
            await client.close()


async def _arrived(client: Client) -> None:
    """Until the server has taken everything. The driver's first ping may overtake what was said before it; a second one cannot."""
    await client.flush(_TIMEOUT)
    await client.flush(_TIMEOUT)


def over_nats(servers: str, options: NatsOptions) -> Connect:
    """How to connect to the other nodes through one of these servers of one cluster, named with commas between them."""
    addresses = servers.split(",")
    encrypted = all(address.startswith("tls://") for address in addresses)
    subject = f"{options.prefix}.hints"

    async def connect(heard: Callable[[str], None]) -> Link:
        client, lost = _Client(encrypted=encrypted), asyncio.Event()
        try:
            trust = await asyncio.to_thread(_trust, options) if encrypted else {}
            how = {"servers": addresses, **trust, **_identity(options)}
            await _listen(client, subject, lost, heard, how)
        except BaseException as error:
            await _let_go(client)  # whoever is refused would leave a socket behind at every try
            known = _meaning(error)
            if known is error:
                raise
            raise known from error
        return _Subject(client, lost, subject)

    return connect


def _trust(options: NatsOptions) -> dict[str, ssl.SSLContext]:
    """Read at every connection: an authority that was replaced is found without a restart."""
    return {"tls": ssl.create_default_context(cafile=options.ca)}


def _identity(options: NatsOptions) -> dict[str, Any]:
    given = {"user": options.user, "password": options.password, "token": options.token}
    if options.credentials is None:
        return {key: value for key, value in given.items() if value is not None}
    credentials = read_credentials(options.credentials)
    return {"user_jwt_cb": lambda: bytearray(credentials.jwt.encode()), "signature_cb": credentials.signature}


def _meaning(error: BaseException) -> BaseException:
    """In words that hold no address and no secret, where people can mend it."""
    if isinstance(error, NoServersError):
        return ConnectionError("no NATS server answers")
    if isinstance(error, ssl.SSLError):
        return Unreachable("the server's certificate is not trusted, or TLS fails: `ca` in [service.nats]")
    if isinstance(error, NatsError) and any(words in str(error).lower() for words in _REFUSED):
        return Unreachable("our credentials are refused")
    return error


async def _listen(
    client: Client, subject: str, lost: asyncio.Event, heard: Callable[[str], None], how: dict[str, Any]
) -> None:
    async def on_lost() -> None:
        lost.set()

    async def on_error(_error: Exception) -> None:
        """The relay logs what matters."""

    async def on_message(message: Msg) -> None:
        heard(message.data.decode(errors="replace"))

    await client.connect(
        allow_reconnect=False,
        connect_timeout=_TIMEOUT,
        max_reconnect_attempts=1,  # 0 would be without end, and nobody would know
        reconnect_time_wait=_BETWEEN,
        closed_cb=on_lost,
        disconnected_cb=on_lost,
        error_cb=on_error,
        **how,
    )
    await client.subscribe(subject, cb=on_message)
    await _arrived(client)
