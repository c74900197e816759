"""Mail out: one transaction at a time on a connection, and its outcome by the step at which it ended."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from channels.email.credentials import Credentials, without
from channels.email.render import Mail
from channels.email.settings import Server, Tls
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)
from conversation.ports.channel import Clock

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECTIONS = 3
_REST = 25.0  # seconds that a connection may be idle and still be used again: servers give it at least 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for each step; `before` for all of them until the mail itself, which has `final`.

    Together less than the outbox gives a sending: whether the mail had left when time was up must be known.
    """

    connect: float = 12.0
    command: float = 8.0
    before: float = 20.0
    final: float = 18.0


class NotLetIn(ChannelMisconfigured):
    """A 5xx to the login, or for want of one."""


@dataclass(slots=True)
class _Idle:
    client: SMTP
    since: float


class Mailer:
    """Sends over at most three connections, kept for a while."""

    def __init__(
        self,
        server: Server,
        address: str,
        credentials: Credentials | None,
        tls: ssl.SSLContext,
        clock: Clock,
        *,
        patience: Patience | None = None,
    ) -> None:
        self._server = server
        self._user = server.user or (address if server.tls is not Tls.NONE else None)
        self._domain = address.rpartition("@")[2]
        self._credentials = credentials
        self._tls = tls
        self._clock = clock
        self._patience = patience or Patience()
        self._idle: list[_Idle] = []
        self._turns = asyncio.Semaphore(CONNECTIONS)

    def __repr__(self) -> str:
        return f"Mailer({self._server.host!r})"

    async def prove(self) -> None:
        """Connect and log in once. Raises `ChannelError`; a server that does not take us in today may do so tomorrow."""
        try:
            async with self._connection() as client:
                await self._step(client.rset(), self._patience.command, "RSET")
        except PermanentFailure as error:
            raise TransientFailure(error.detail) from None

    async def send(self, mail: Mail) -> None:
        """Return when the server took it. Raises the `ChannelError` by which the next step is decided.

        A 5xx ends it at once, whatever it is about: whoever wrote the answer must learn of it while it matters.
        """
        try:
            async with asyncio.timeout(self._patience.before) as budget, self._turns, self._connection() as client:
                await self._envelope(client, mail)
                budget.reschedule(None)
                await self._data(client, mail)
        except TimeoutError:
            raise TransientFailure("the mail server did not answer in time") from None
        except NotLetIn as error:
            raise PermanentFailure(error.detail, code="refused") from None

    async def close(self) -> None:
        """Close whatever is open with QUIT."""
        idle, self._idle = self._idle, []
        for one in idle:
            await _goodbye(one.client)

    # -- connections ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[SMTP]:
        """A kept connection that still answers, or a new one; kept on only after everything went well."""
        client = await self._rested() or await self._connected()
        try:
            yield client
        except BaseException:
            client.close()
            raise
        if client.is_connected:
            self._idle.append(_Idle(client, self._clock.monotonic()))

    async def _rested(self) -> SMTP | None:
        while self._idle:
            one = self._idle.pop()
            if one.client.is_connected and self._clock.monotonic() - one.since < _REST:
                with suppress(SMTPException, OSError, ValueError):
                    await one.client.rset(timeout=self._patience.command)
                    return one.client
            one.client.close()
        return None

    async def _connected(self) -> SMTP:
        try:
            return await self._login(await self._opened())
        except ChannelMisconfigured:
            if self._credentials is None or not self._credentials.oauth:
                raise
            self._credentials.refused()  # the token may have been withdrawn early: once more, with a new one
            return await self._login(await self._opened())

    async def _opened(self) -> SMTP:
        client = SMTP(
            hostname=self._server.host,
            port=self._server.port,
            use_tls=self._server.tls is Tls.IMPLICIT,
            start_tls=self._server.tls is Tls.STARTTLS,
            tls_context=self._tls if self._server.tls is not Tls.NONE else None,
            local_hostname=self._domain,
            timeout=self._patience.connect,
        )
        try:
            async with asyncio.timeout(self._patience.connect):
                await client.connect()
        except ssl.SSLCertVerificationError as error:
            raise self._distrusted(error) from None
        except (SMTPException, OSError) as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise self._distrusted(error.__cause__) from None
            raise _before_data(error, "connecting") from None
        try:
            await self._greet(client)
        except ChannelError:
            client.close()
            raise
        return client

    def _distrusted(self, error: ssl.SSLCertVerificationError) -> ChannelMisconfigured:
        return ChannelMisconfigured(
            f"the certificate of {self._server.host}: {error.verify_message}", credentials=False
        )

    async def _greet(self, client: SMTP) -> None:
        """The library would do it at the next step; what the server then refuses would look like that step's fault."""
        if not client.is_ehlo_or_helo_needed:
            return
        try:
            await self._step(client.ehlo(), self._patience.command, "EHLO")
        except (TransientFailure, PermanentFailure) as error:
            if not client.is_connected:
                raise
            try:
                await self._step(client.helo(), self._patience.command, "EHLO")
            except PermanentFailure:
                raise error from None

    async def _login(self, client: SMTP) -> SMTP:
        if self._credentials is None or self._user is None:
            return client
        secret = await self._credentials.secret()
        log_in = client.auth_xoauth2 if self._credentials.oauth else client.login
        try:
            await self._step(log_in(self._user, secret), self._patience.connect, "AUTH", auth=True)
        except ChannelError as error:
            client.close()
            error.detail = without(secret, error.detail)
            error.args = (error.detail,)
            raise
        return client

    # -- one transaction -----------------------------------------------------------------------------------------------

    async def _envelope(self, client: SMTP, mail: Mail) -> None:
        patience = self._patience.command
        await self._step(client.mail(mail.sender), patience, "MAIL FROM")
        await self._step(client.rcpt(mail.to), patience, "RCPT TO")
        code, words = await self._step(client.execute_command(b"DATA"), patience, "DATA")
        if code != 354:  # noqa: PLR2004 start mail input
            raise _refused(code, words, "DATA")

    async def _data(self, client: SMTP, mail: Mail) -> None:
        """The library does not reveal whether silence came before or after the mail had left, so it is sent here."""
        protocol = client.protocol
        if protocol is None:
            raise TransientFailure("the connection was lost before the mail was sent")
        try:
            async with asyncio.timeout(self._patience.final):
                protocol.write(_stuffed(mail.data))
                code, words = await protocol.read_response()
        except (SMTPException, OSError, TimeoutError) as error:
            raise Unknown(
                f"the mail server did not say whether it took the mail ({_words(error)})", sent=(mail.message_id,)
            ) from None
        if not 200 <= code < 300:  # noqa: PLR2004 completed, whatever follows the two
            raise _refused(code, words, "the mail")

    async def _step(self, call: Awaitable[T], seconds: float, what: str, *, auth: bool = False) -> T:
        try:
            async with asyncio.timeout(seconds):
                return await call
        except SMTPAuthenticationError as error:
            raise _not_let_in(error) from None
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            if auth and type(error) is SMTPException:
                raise ChannelMisconfigured(f"logging in: {error.message}") from None
            raise _before_data(error, what) from None


def _stuffed(data: bytes) -> bytes:
    """As it goes over the wire: whole lines, dots doubled, and the final dot."""
    whole = data if data.endswith(b"\r\n") else data + b"\r\n"
    return (b"\r\n" + whole).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _not_let_in(error: SMTPAuthenticationError) -> ChannelError:
    if 400 <= error.code < 500:  # noqa: PLR2004
        return _refused(error.code, error.message, "AUTH")
    return NotLetIn(f"the mail server refused the login: {error.code} {_line(error.message)}")


def _before_data(error: BaseException, what: str) -> ChannelError:
    """Nothing was sent."""
    if isinstance(error, SMTPResponseException):
        return _refused(error.code, error.message, what)
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return PermanentFailure("this address cannot be written to", code="unknown_recipient")
    return TransientFailure(f"{what}: {_words(error)}")


def _words(error: BaseException) -> str:
    if isinstance(error, SMTPTimeoutError | TimeoutError):
        return "no answer in time"
    if isinstance(error, SMTPServerDisconnected):
        return "the connection was lost"
    return _line(str(error)) or type(error).__name__


_NOBODY = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.4.4", "5.2.1")
_CODES: Sequence[tuple[tuple[str, ...], str]] = (
    (_NOBODY, "unknown_recipient"),
    (("5.3.4", "5.2.3"), "too_large"),
    (("5.7.", "5.6."), "refused"),
)
_NOT_IN = (530, 534, 535, 538)
_SLOWER = ("rate", "too many", "too fast", "throttl", "limit")


def _refused(code: int, message: str, what: str) -> ChannelError:
    """By the class of the answer. A greylisting or a full mailbox is one recipient's matter and slows nobody else."""
    words = f"{what}: {code} {_line(message)}"
    if code < 500:  # noqa: PLR2004
        everybody = code in (421, 450, 451, 452, 454) and any(word in message.lower() for word in _SLOWER)
        return RateLimited(words, retry_after=timedelta(minutes=2)) if everybody else TransientFailure(words)
    if code in _NOT_IN and what != "connecting":
        return NotLetIn(words)
    return PermanentFailure(words, code=_code_of(code, message, what))


def _code_of(code: int, message: str, what: str) -> str:
    enhanced = message.split(maxsplit=1)[0] if message else ""
    for beginnings, name in _CODES:
        if enhanced in beginnings or any(part.endswith(".") and enhanced.startswith(part) for part in beginnings):
            return name
    if code == 552:  # noqa: PLR2004
        return "too_large"
    return "unknown_recipient" if what == "RCPT TO" and code in (550, 551, 553) else "refused"


def _line(message: str) -> str:
    """A server's words in one short line."""
    return " ".join("".join(c if c.isprintable() else " " for c in message).split())[:300]


async def _goodbye(client: SMTP) -> None:
    with suppress(SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(2):
            await client.quit()
    client.close()
