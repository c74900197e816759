"""The whole house between a real IMAP server and a real SMTP server: asked, answered, asked again, and a letter that came back."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import pytest

from tests.mailservers import PASSWORD, USER, Maildir, dovecot, mailbox, post_office, postfix
from tests.postgres import open_place
from tests.serving import Api, admin_token, start, write_config

HELP = "help@wallet.example"
ANNA = "anna@example.org"
MAIL = """
[channels.mail]
kind = "email"
address = "{address}"
name = "Wallet Support"
imap = "imap+plain://{user}@127.0.0.1:{imap}"
smtp = "smtp+plain://127.0.0.1:{smtp}"
password = {password}
signing_key = "a signing key of the tests"
plus_address = true
"""


class Mails(Protocol):
    """What lies in a mailbox, oldest first."""

    async def mails(self) -> list[bytes]: ...


class Office(Protocol):
    """Where mail programs hand in what they send."""

    async def write(self, raw: bytes, *, sender: str, to: str) -> None: ...


@dataclass(slots=True)
class World:
    """A customer's mailbox, ours, the post between them, and the house."""

    anna: Mails
    office: Office
    session: aiohttp.ClientSession
    api: Api

    async def write(
        self,
        text: str,
        *,
        answering: EmailMessage | None = None,
        sender: str = ANNA,
        subject: str = "Top-up",
        file: bytes | None = None,
    ) -> None:
        """As mail programs do: an answer goes where Reply-To says and names what it answers."""
        made = EmailMessage(policy=policy.SMTP)
        made["From"] = sender
        made["To"] = (answering["Reply-To"] or answering["From"]) if answering is not None else HELP
        made["Subject"] = subject
        made["Message-ID"] = f"<{abs(hash((text, sender)))}@example.org>"
        if answering is not None:
            made["In-Reply-To"] = answering["Message-ID"]
            made["References"] = f"{answering['References'] or ''} {answering['Message-ID']}".strip()
        made.set_content(text)
        if file is not None:
            made.add_attachment(file, maintype="application", subtype="pdf", filename="../receipt.pdf")
        to = made["To"].addresses[0].addr_spec
        await self.office.write(made.as_bytes(), sender=sender, to=to)

    async def conversations(self) -> list[Mapping[str, Any]]:
        return [one async for one in self.api.conversations()]

    async def answer(self, conversation: str, text: str) -> None:
        status, said = await self.api.send(
            "POST", f"/api/v1/conversations/{conversation}/messages", {"text": text, "id": text}
        )
        assert status == 201, said

    async def messages(self, conversation: str) -> list[dict[str, Any]]:
        return await self.api.messages(conversation)

    async def arrived(self, number: int) -> EmailMessage:
        """The customer's n-th mail from us."""

        async def look() -> bool:
            return len(await self.anna.mails()) >= number

        await eventually(look)
        found = message_from_bytes((await self.anna.mails())[number - 1], policy=policy.default)
        assert isinstance(found, EmailMessage)
        return found


async def eventually(look: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.1)


@asynccontextmanager
async def world(folder: Path, database: str) -> AsyncIterator[World]:
    async with mailbox() as ours, mailbox() as theirs, post_office({HELP: ours, ANNA: theirs}) as office:
        values = {"address": HELP, "user": USER, "imap": ours.port, "smtp": office.port}
        async with running_service(
            folder, database, MAIL.format(password=json.dumps(PASSWORD), **values), theirs, office
        ) as w:
            yield w


@asynccontextmanager
async def running_service(folder: Path, database: str, more: str, anna: Mails, office: Office) -> AsyncIterator[World]:
    """A serving process with that mailbox."""
    config = write_config(folder, database, more=more)
    token = await asyncio.to_thread(admin_token, config)
    serving = await start(config, "serve", module="ops", log=folder / "log")
    try:
        async with aiohttp.ClientSession() as session:
            yield World(anna, office, session, Api(session, serving.url, token))
    finally:
        assert await serving.stop() == 0


async def test_a_letter_is_answered_in_its_thread_and_a_bounce_is_seen(sqlite_url: str, tmp_path: Path) -> None:
    async with world(tmp_path, sqlite_url) as w:
        await answered(w)


@pytest.mark.skipif(
    not (shutil.which("dovecot") and shutil.which("postfix") and os.geteuid() == 0),
    reason="NO DOVECOT AND POSTFIX: apt-get install dovecot-imapd postfix, as root",
)
async def test_the_same_between_dovecot_and_postfix(sqlite_url: str, tmp_path: Path, short_folder: Path) -> None:
    (short_folder / "post").mkdir()
    boxes = {HELP: "../imap/mail", ANNA: "anna"}
    (short_folder / "imap").mkdir()
    async with dovecot(short_folder / "imap") as inbox, postfix(short_folder / "post", boxes, "nobody") as office:
        more = MAIL.format(
            address=HELP, user="help", imap=0, smtp=office.port, password=json.dumps(PASSWORD.replace(" ", ""))
        ).replace("imap+plain://help@127.0.0.1:0", f"imaps://help@127.0.0.1:{inbox.port}")
        more += f"ca = {json.dumps(str(inbox.authority))}\n"
        async with running_service(tmp_path, sqlite_url, more, Maildir(short_folder / "post" / "anna"), office) as w:
            await answered(w)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Short, for the sockets in it; and one that somebody without rights may enter."""
    made = Path(tempfile.mkdtemp(prefix="hg-mx-", dir=open_place()))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


async def answered(w: World) -> None:
    """Asked, routed, answered in the thread, asked again; then a letter that comes back."""
    await w.write("My top up is still pending since yesterday.")
    await eventually(lambda: _count(w, 1))
    (conversation,) = await w.conversations()
    assert (conversation["queue"], conversation["channel"]) == ("payments", "mail")
    await w.answer(conversation["id"], "Please tell us the amount.")

    first = await w.arrived(1)
    assert first["Subject"] == f"Re: Top-up [{conversation['reference']}]"
    assert first["From"].addresses[0].addr_spec == HELP
    assert "+hg" in first["Reply-To"]
    assert first["In-Reply-To"] in first["References"]
    assert first.get_content().strip() == "Please tell us the amount."

    await w.write("It was 50 euros.", answering=first, subject="Re: Top-up")
    await eventually(lambda: _messages(w, conversation["id"], 3))
    assert len(await w.conversations()) == 1
    assert [m["text"] for m in await w.messages(conversation["id"])][2] == "It was 50 euros."

    # whoever got it forwarded is somebody else
    await w.write("I would like to know as well", answering=first, sender="bob@example.org")
    await eventually(lambda: _count(w, 2))
    assert len(await w.messages(conversation["id"])) == 3

    await bounced(w)


async def test_files_come_with_letters_and_are_opened_by_agents(sqlite_url: str, tmp_path: Path) -> None:
    async with world(tmp_path, sqlite_url) as w:
        await w.write("The receipt of my top up", file=b"%PDF-1.4 " + bytes(range(256)) * 2000)
        await eventually(lambda: _count(w, 1))
        (conversation,) = await w.conversations()
        (message,) = await w.messages(conversation["id"])
        (attachment,) = message["attachments"]
        assert (attachment["name"], attachment["type"], attachment["size"]) == (
            "receipt.pdf",
            "application/pdf",
            512_009,
        )
        url = f"{w.api._url}/api/v1/attachments/{attachment['id']}"
        async with w.session.get(url, headers=w.api._headers) as answer:
            assert await answer.read() == b"%PDF-1.4 " + bytes(range(256)) * 2000
            assert answer.headers["Content-Disposition"].startswith("attachment")


async def bounced(w: World) -> None:
    await w.write("Where is my top up?", sender="gone@example.org", subject="From an address that ends")
    await eventually(lambda: _count(w, 3))
    doomed = next(c for c in await w.conversations() if "address that ends" in json.dumps(c))
    await w.answer(doomed["id"], "This will not arrive.")

    async def failed() -> bool:
        return bool((await w.messages(doomed["id"]))[-1]["status"] == "failed")

    await eventually(failed)
    message = (await w.messages(doomed["id"]))[-1]
    assert message["error"].startswith("unknown_recipient: there is no such address")
    assert len(await w.conversations()) == 3


async def _count(w: World, number: int) -> bool:
    return len(await w.conversations()) == number


async def _messages(w: World, conversation: str, number: int) -> bool:
    return len(await w.messages(conversation)) == number


pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
