"""One account of the `email` kind: reads a folder from where it left off, and sends replies."""

import asyncio
import hashlib
import logging
import ssl
from contextlib import suppress
from datetime import timedelta

from channels.account_files import bytes_of
from channels.base_account import BaseAccount
from channels.email.arrivals import UNVERIFIED, Account
from channels.email.auto_reply_limit import AutoReplyLimit
from channels.email.credentials import Credentials, credentials_of
from channels.email.imap.connection import Connection
from channels.email.imap.mailbox import LEASE, Mailbox
from channels.email.mime.parsed_mail import UNPARSABLE
from channels.email.parser_process import Reader
from channels.email.render import From, mail
from channels.email.settings import Settings
from channels.email.smtp import Mailer
from channels.email.thread_ids import Threads
from channels.rate_limits import RateLimit
from conversation.errors import (
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    StoreError,
    TransientFailure,
)
from conversation.model.capabilities import Can
from conversation.model.email_address import folded
from conversation.model.outbound import OutboundMessage, Receipt
from conversation.model.people import WorkKind
from conversation.ports.channel import Inbox, Tools

log = logging.getLogger(__name__)

IDLE = 45.0  # a connection that died silently is noticed within this and one call
_BETWEEN_AUTOMATIC = timedelta(days=1)


class EmailAccount(BaseAccount):
    """Implements the port `Channel`. `idle` is how long silence is believed."""

    def __init__(self, name: str, settings: Settings, tools: Tools, *, idle: float = IDLE) -> None:
        super().__init__(name, tools, _can(settings))
        self.settings = settings
        self._idle = idle
        self._owner = tools.owner
        self._threads = Threads(settings.key(), settings.address, tag=settings.plus_address)
        self.account = _account(name, settings, self._threads)
        self.reader = Reader()
        self._own = From(address=settings.address, name=settings.name, templates=settings.template_of())
        self._credentials: Credentials | None = credentials_of(settings, tools.http, tools.clock)
        self._connection: Connection | None = None
        self._mailer: Mailer | None = None
        self._holds = False
        self._proven = False
        self._rate_limit = RateLimit(tools.clock, settings.pace)
        self._detail = ""
        self._domains = AutoReplyLimit(tools.clock)
        self._nothing_waited: float | None = tools.clock.monotonic()

    def status_text(self) -> str:
        """The progress of reading, for the operators' page: what waits, and since when the newest mail has been here."""
        return self._detail

    def set_status(self, detail: str) -> None:
        """Set what `status_text` returns from now on."""
        self._detail = detail

    def lag(self) -> float | None:
        """Seconds since the whole folder had been read, whatever keeps us from it; None where another node reads."""
        since = self._nothing_waited
        return None if since is None or self.settings.imap is None else self.tools.clock.monotonic() - since

    def caught_up(self) -> None:
        """Nothing waits in the folder now."""
        self._nothing_waited = self.tools.clock.monotonic()

    async def start(self) -> None:
        """Log in at the mailbox, and once at the server that mail leaves by."""
        if self.settings.smtp_server is not None and not self._proven:
            await self._prove_sending()
        for key, words in self.settings.warnings():
            log.warning("setting_doubtful", extra={"channel": self._name, "key": key, "detail": words})
        if self.settings.imap_server is not None:
            await self._open()

    async def prove(self) -> str | None:
        """Log in at both servers. None where that would use up the refresh token of a running service."""
        oauth, proven = self.settings.oauth, []
        if oauth is not None and oauth.keep is not None:
            return None
        if (leaves_by := self.settings.smtp_server) is not None:
            await self._sending().prove()
            proven.append(f"{leaves_by.host} lets us send")
        if (comes_by := self.settings.imap_server) is not None:
            await self._open()
            proven.append(f"{comes_by.host} lets us read {self.settings.folder}")
        return " and ".join(proven)

    async def _open(self) -> None:
        self._connection = await self._connected()
        await self._connection.select(self.settings.folder)

    async def _prove_sending(self) -> None:
        """A sending server that is unavailable does not keep us from reading. One that refuses our login is reported at once."""
        try:
            await self._sending().prove()
        except (TransientFailure, RateLimited) as error:
            log.warning("smtp_not_proven", extra={"channel": self._name, "detail": error.detail})
            if self.settings.imap_server is None:
                raise
        else:
            self._proven = True

    async def listen(self, inbox: Inbox) -> None:
        """Read until cancelled; of several nodes one does, the others wait for its end."""
        if self.settings.imap_server is None:
            await super().listen(inbox)
        while not await self.holds():
            self.set_status("another node reads this mailbox")
            self._nothing_waited = None
            await self._let_go()
            await asyncio.sleep(LEASE.total_seconds() / 6)
        if self._nothing_waited is None:
            self.caught_up()  # whoever read before us had; from here on it is ours
        self._connection = self._connection or await self._connected()
        try:
            await Mailbox(self, self._connection, inbox, idle=self._idle).read()
        finally:
            await self._let_go()

    async def stop(self) -> None:
        """Let go of the connections and of the process that reads mail."""
        await self._let_go()
        if self._holds:
            with suppress(StoreError):  # it runs out by itself
                await self.tools.state.release("mailbox", self._owner)
            self._holds = False
        await self.reader.stop()
        if self._mailer is not None:
            await self._mailer.close()

    # -- out -----------------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> Receipt:
        """One mail, with the same Message-ID at every try."""
        if message.to.address.startswith((f"{UNVERIFIED}:", f"{UNPARSABLE}:")):
            words = "the sender of that mail was forged or unreadable: an answer would reach a stranger, or nobody"
            raise PermanentFailure(words, code="unknown_recipient")
        most = self.settings.attachment_bytes
        files = [(one, await bytes_of(self.tools, one, limit=most)) for one in message.attachments]
        made = mail(message, self._threads, self._own, now=self.tools.clock.now(), files=files)
        if message.automatic:
            await self._once_a_day(message, made.to)
        await self._rate_limit.turn()
        await self._sending().send(made)
        return Receipt(external_ids=(made.message_id,))

    async def _once_a_day(self, message: OutboundMessage, to: str) -> None:
        """Two machines that answer one another must come to an end. Another try of the same message is let through."""
        local, _, domain = folded(to).rpartition("@")
        digest = hashlib.sha256(f"{local.partition('+')[0]}@{domain}".encode()).hexdigest()[:32]
        if await self.tools.state.lease(f"automatic/{digest}", message.id, _BETWEEN_AUTOMATIC) is None:
            raise PermanentFailure("an automatic answer went to this address within the last day", code="suppressed")
        if not self._domains.takes(domain, message.id):
            raise PermanentFailure(
                f"{self._domains.most} automatic answers went to {domain} within the hour", code="suppressed"
            )

    def _sending(self) -> Mailer:
        server = self.settings.smtp_server
        if server is None:
            raise PermanentFailure("this account only receives", code="no_reply_url")
        if self._mailer is None:
            self._mailer = Mailer(server, self.settings.address, self._credentials, self._tls(), self.tools.clock)
        return self._mailer

    # -- in ------------------------------------------------------------------------------------------------------------

    async def _connected(self) -> Connection:
        server = self.settings.imap_server
        if server is None or self._credentials is None:
            raise ChannelMisconfigured("no mailbox, or no password for it", credentials=False)
        return await Connection.open(server, self.settings.address, self._credentials, self._tls())

    async def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _tls(self) -> ssl.SSLContext:
        try:
            return self.settings.tls()
        except (OSError, ssl.SSLError) as error:
            raise ChannelMisconfigured(f"'ca': {error.strerror or error}", credentials=False) from None

    async def holds(self) -> bool:
        """Whether this node is the one that reads; renews the lease."""
        self._holds = await self.tools.state.lease("mailbox", self._owner, LEASE) is not None
        return self._holds


def _account(name: str, settings: Settings, threads: Threads) -> Account:
    return Account(
        channel=name,
        threads=threads,
        trusted=frozenset(settings.trusted_servers),
        aliases=tuple(settings.aliases),
        apart=settings.apart,
        believes=settings.believe_senders,
    )


def _can(settings: Settings) -> Can:
    return Can(
        work=WorkKind.EMAIL,
        receive=settings.imap is not None,
        send=settings.smtp is not None,
        threads=True,
        attachments=True,
        attachment_bytes=settings.attachment_bytes,
        second_try=True,
        answers_unproven=not settings.trusted_servers,
    )
