"""The same mailbox on Dovecot, where it is installed: TLS, pushes, folders in any script, refused tokens."""

import asyncio
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from channels.email import create
from channels.email.credentials import Password
from channels.email.imap.connection import Connection
from channels.email.settings import Server, Tls
from conversation.errors import ChannelMisconfigured
from tests.channels.email.test_account import SETTINGS
from tests.channels.email.test_imap import Kept, Store, raw
from tests.contracts.tools import Bench
from tests.fakes import FakeClock
from tests.mailservers import PASSWORD, Dovecot, dovecot
from tests.postgres import open_place

pytestmark = pytest.mark.skipif(shutil.which("dovecot") is None, reason="NO DOVECOT: apt-get install dovecot-imapd")
RIGHT = PASSWORD.replace(" ", "")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the sockets in it; and one that somebody without rights may enter."""
    made = Path(tempfile.mkdtemp(prefix="hg-dv-", dir=open_place()))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
async def running(folder: Path) -> AsyncIterator[Dovecot]:
    async with dovecot(folder) as one:
        yield one


def settings(running: Dovecot, **changed: Any) -> dict[str, Any]:
    given = {
        **SETTINGS,
        "imap": f"imaps://help@127.0.0.1:{running.port}",
        "password": RIGHT,
        "ca": str(running.authority),
        **changed,
    }
    given.pop("smtp")
    return given


async def opened(running: Dovecot, password: Password) -> Connection:
    server = Server(host="127.0.0.1", port=running.port, tls=Tls.IMPLICIT, user="help")
    return await Connection.open(
        server, "a@b.example", password, ssl.create_default_context(cafile=str(running.authority))
    )


async def test_mail_is_pushed_stored_marked_and_moved(running: Dovecot) -> None:
    store = Store()
    account = create(
        "mail", settings(running, archive="已处理", mark_seen=True), Bench(clock=FakeClock()).tools(state=Kept(store))
    )
    connection = await opened(running, Password(RIGHT))
    assert (await connection._client.create('"&XfJZBHQG-"')).result == "OK"
    running.deliver(raw(1), "1.a.b")
    listening = asyncio.ensure_future(account.listen(store))
    await store.holds(1, seconds=30)
    async with asyncio.timeout(60):
        while "read up to number 1" not in account.status_text():
            await asyncio.sleep(0.05)
    running.deliver(raw(2), "2.a.b")
    await store.holds(2, seconds=10)  # pushed: the account would look by itself after 45 s only
    async with asyncio.timeout(60):
        while len(list((running.inbox / ".&XfJZBHQG-" / "cur").glob("*:2,S"))) < 2:
            await asyncio.sleep(0.05)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    await account.stop()
    await connection.goodbye()


async def test_a_wrong_password_and_a_missing_folder_are_told_apart_from_bad_luck(running: Dovecot) -> None:
    with pytest.raises(ChannelMisconfigured, match="refused the login"):
        await opened(running, Password("wrong"))
    account = create("mail", settings(running, folder="nowhere"), Bench(clock=FakeClock()).tools())
    with pytest.raises(ChannelMisconfigured, match="cannot be opened"):
        await account.start()
    await account.stop()


async def test_a_refused_token_is_refused_at_once(running: Dovecot) -> None:
    class Token(Password):
        oauth = True
        renewed = 0

        def refused(self) -> None:
            self.renewed += 1

    token = Token("not a token")
    async with asyncio.timeout(60):
        with pytest.raises(ChannelMisconfigured, match="refused the login"):
            await opened(running, token)
    assert token.renewed == 1
