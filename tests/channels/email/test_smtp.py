"""Every step of a transaction x every answer: the right error, and one Message-ID for ever."""

import ssl
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import trustme

from channels.email.credentials import Password
from channels.email.render import Mail
from channels.email.settings import Server, Tls
from channels.email.smtp import Mailer, Patience
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)
from tests.channels.email.scripted import DROP, HANG, scripted_smtp
from tests.fakes import FakeClock
from tests.mailservers import PASSWORD, USER, let_in, post_office

ID = "<hg.1@wallet.example>"
MAIL = Mail(
    sender="help@wallet.example", to="anna@example.org", message_id=ID, data=b"Subject: x\r\n\r\n.dot\r\nhi\r\n"
)


def mailer(
    port: int,
    *,
    tls: Tls = Tls.NONE,
    user: str | None = "u",
    context: ssl.SSLContext | None = None,
    patience: Patience | None = None,
) -> Mailer:
    server = Server(host="127.0.0.1", port=port, tls=tls, user=user)
    password = Password(PASSWORD) if user else None
    tls_context = context or ssl.create_default_context()
    return Mailer(server, "help@wallet.example", password, tls_context, FakeClock(), patience=patience)


def patience_with(step: str, answer: str) -> Patience:
    """Short where the server hangs, and only there: elsewhere a busy machine would be taken for a broken server."""
    if answer != HANG:
        return Patience()
    return Patience(final=0.3) if step == "dot" else Patience(connect=0.3, command=0.3, before=0.8)


FAULTS: Sequence[tuple[str, str, type[ChannelError]]] = (
    *((step, HANG, TransientFailure) for step in ("banner", "ehlo", "auth", "mail", "rcpt", "data")),
    *((step, DROP, TransientFailure) for step in ("banner", "ehlo", "auth", "mail", "rcpt", "data")),
    *((step, "421 4.3.2 closing", TransientFailure) for step in ("banner", "auth", "mail", "rcpt", "data", "dot")),
    *((step, "451 4.3.0 later", TransientFailure) for step in ("auth", "mail", "rcpt", "data", "dot")),
    *((step, "421 4.7.0 too many messages", RateLimited) for step in ("mail", "rcpt", "dot")),
    ("rcpt", "450 4.2.0 greylisted", TransientFailure),
    ("rcpt", "452 4.2.2 mailbox full", TransientFailure),
    *((step, "550 5.7.1 no", PermanentFailure) for step in ("mail", "rcpt", "data", "dot")),
    ("banner", "554 no service here", PermanentFailure),
    ("ehlo", "550 5.7.1 not you", PermanentFailure),
    ("auth", "535 5.7.8 no", PermanentFailure),
    ("mail", "530 5.7.0 log in first", PermanentFailure),
    ("dot", HANG, Unknown),
    ("dot", DROP, Unknown),
)


@pytest.mark.parametrize(("step", "answer", "wanted"), FAULTS)
async def test_each_fault_at_each_step_is_told_apart(step: str, answer: str, wanted: type[ChannelError]) -> None:
    async with scripted_smtp(**{step: answer}) as server:
        sending = mailer(server.port, patience=patience_with(step, answer))
        with pytest.raises(ChannelError) as caught:
            await sending.send(MAIL)
        assert type(caught.value) is wanted, caught.value
        assert PASSWORD not in str(caught.value)
        assert caught.value.sent == ((ID,) if wanted is Unknown else ())
        server.script.clear()
        sending._patience = Patience()
        await sending.send(MAIL)
        assert server.taken[-1] == b"Subject: x\r\n\r\n..dot\r\nhi\r\n.\r\n"
        await sending.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("550 5.1.1 no such user", "unknown_recipient"),
        ("550 no such user", "unknown_recipient"),
        ("551 5.1.6 moved", "unknown_recipient"),
        ("552 5.3.4 too big", "too_large"),
        ("550 5.7.1 we do not like you", "refused"),
    ],
)
async def test_a_refusal_has_a_code_that_agents_can_act_on(answer: str, code: str) -> None:
    async with scripted_smtp(rcpt=answer) as server:
        with pytest.raises(PermanentFailure) as caught:
            await mailer(server.port).send(MAIL)
    assert caught.value.code == code
    assert answer.partition(" ")[2] in caught.value.detail


async def test_a_provider_that_is_too_busy_slows_the_account() -> None:
    async with scripted_smtp(mail="450 4.7.1 rate limit exceeded") as server:
        with pytest.raises(RateLimited) as caught:
            await mailer(server.port).send(MAIL)
    assert caught.value.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("step", "answer", "wanted"),
    [
        ("banner", "554 no service here", TransientFailure),
        ("ehlo", "550 5.7.1 not you", TransientFailure),
        ("auth", "535 5.7.8 no", ChannelMisconfigured),
    ],
)
async def test_what_is_refused_when_the_account_starts_stops_it_for_a_wrong_password_only(
    step: str, answer: str, wanted: type[ChannelError]
) -> None:
    async with scripted_smtp(**{step: answer}) as server:
        with pytest.raises(wanted) as caught:
            await mailer(server.port).prove()
        assert answer.split(maxsplit=1)[0] in caught.value.detail


async def test_connections_are_used_again_and_stale_ones_are_not() -> None:
    async with scripted_smtp() as server:
        sending = mailer(server.port)
        for _ in range(3):
            await sending.send(MAIL)
        assert (server.connections, len(server.taken)) == (1, 3)
        server.script["rset"] = DROP
        await sending.send(MAIL)
        assert (server.connections, len(server.taken)) == (2, 4)
        await sending.close()


async def test_automatic_mail_has_the_null_sender() -> None:
    async with scripted_smtp() as server:
        await mailer(server.port).send(
            Mail(sender="", to="anna@example.org", message_id=ID, data=b"Subject: x\r\n\r\n")
        )
    assert server.envelopes[0].startswith("MAIL FROM:<>")


async def test_no_server_is_transient() -> None:
    with pytest.raises(TransientFailure):
        await mailer(9).send(MAIL)


# -- TLS ---------------------------------------------------------------------------------------------------------------


def contexts(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's, the client's)"""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


async def test_starttls_is_used_before_the_password_is_told() -> None:
    server, client = contexts("127.0.0.1")
    how: dict[str, Any] = {
        "tls_context": server,
        "require_starttls": True,
        "authenticator": let_in,
        "auth_required": True,
    }
    async with post_office(**how) as office:
        sending = mailer(office.port, tls=Tls.STARTTLS, user=USER, context=client)
        await sending.prove()
        await sending.send(MAIL)
        await sending.close()
    assert [taken.recipients for taken in office.taken] == [["anna@example.org"]]


async def test_a_server_without_starttls_is_told_nothing() -> None:
    async with scripted_smtp() as server:
        with pytest.raises(ChannelError):
            await mailer(server.port, tls=Tls.STARTTLS).send(MAIL)
    assert server.envelopes == []


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_certificate_that_is_not_trusted_stops_the_account(tls: Tls) -> None:
    server, _ = contexts("127.0.0.1")
    how: dict[str, Any] = {"tls_context": server} if tls is Tls.STARTTLS else {"ssl_context": server}
    async with post_office(**how) as office:
        with pytest.raises(ChannelMisconfigured, match="certificate"):
            await mailer(office.port, tls=tls, user=USER).send(MAIL)
    assert office.taken == []


async def test_a_certificate_of_another_host_stops_the_account() -> None:
    server, client = contexts("elsewhere.example")
    async with post_office(tls_context=server) as office:
        with pytest.raises(ChannelMisconfigured, match="certificate"):
            await mailer(office.port, tls=Tls.STARTTLS, user=USER, context=client).send(MAIL)
