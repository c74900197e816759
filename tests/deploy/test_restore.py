"""deploy/backup and deploy/restore on both databases: a serving node, a backup, a disaster, a node on what was restored."""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import aiohttp
import pytest

from tests.channels.email.test_journey import ANNA, HELP, MAIL, eventually
from tests.deploy.programs import DEPLOY, run
from tests.mailservers import PASSWORD, USER, Mailbox, mailbox, post_office
from tests.postgres import Postgres, binaries
from tests.serving import Api, Serving, furnished, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def letter(text: str) -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = ANNA, HELP, "Top-up"
    made["Message-ID"] = f"<{text.replace(' ', '.')}@example.org>"
    made.set_content(text)
    return made.as_bytes()


def tool(name: str, *arguments: str | Path) -> tuple[int, str]:
    """A script of deploy/, with PostgreSQL's programs and this checkout's command."""
    bin_folders = [str(Path(sys.executable).parent), *([str(folder)] if (folder := binaries()) else [])]
    path = os.pathsep.join([*bin_folders, os.environ["PATH"]])
    return run("env", f"PATH={path}", str(DEPLOY / name), *map(str, arguments), timeout=120)


class Site:
    """One installation: its folder, its configuration and the mail servers that it knows."""

    def __init__(self, folder: Path, ours: Mailbox, smtp: int) -> None:
        self.folder, self.smtp, self.ours = folder, smtp, ours
        folder.mkdir()

    def configured(self, database: str) -> Path:
        values = {"address": HELP, "user": USER, "imap": self.ours.port, "smtp": self.smtp}
        more = MAIL.format(password=json.dumps(PASSWORD), **values)
        return write_config(self.folder, database, more=more)

    async def serve(self, database: str) -> Serving:
        return await start(self.configured(database), "serve", module="ops", log=self.folder / "log")


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A database, and an empty place to restore it into."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/restored/new.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create(), server.create()


async def texts(session: aiohttp.ClientSession, serving: Serving, token: str) -> dict[str, str]:
    """Of every message, each once: its status."""
    api, found = Api(session, serving.url, token), {}
    async for conversation in api.conversations():
        for one in await api.messages(conversation["id"]):
            text = one["text"].strip().splitlines()[-1]  # of a mail the subject stands above
            assert text not in found, "stored twice"
            found[text] = one["status"]
    return found


async def test_everything_is_there_again_and_nothing_is_sent_twice(urls: tuple[str, str], tmp_path: Path) -> None:
    old, new = urls
    token = await furnished(old)
    async with AsyncExitStack() as stack:
        ours, theirs = [await stack.enter_async_context(mailbox()) for _ in range(2)]
        office = await stack.enter_async_context(post_office({ANNA: theirs}))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        site, again = Site(tmp_path / "old", ours, 1), Site(tmp_path / "again", ours, office.port)  # no SMTP at first
        serving = await site.serve(old)
        api = Api(session, serving.url, token)
        await ours.deliver(letter("the first mail"))

        async def read() -> bool:
            return "the first mail" in await texts(session, serving, token)

        await eventually(read)
        file = await api.upload("receipt.txt", b"12.50 EUR")
        (conversation,) = [one["id"] async for one in api.conversations()]
        said = {"id": "r1", "text": "an answer that waits", "attachments": [file]}
        assert (await api.send("POST", f"/api/v1/conversations/{conversation}/messages", said))[0] == 201
        code, printed = await asyncio.to_thread(tool, "backup", old, site.folder / "files", tmp_path / "backup")
        assert code == 0, printed
        await ours.deliver(letter("a mail after the backup"))
        await serving.kill()  # the disaster, after the answer may have left

        code, printed = await asyncio.to_thread(
            tool, "restore", tmp_path / "backup", new, again.folder / "files", again.configured(new)
        )
        assert (code, "1 messages waited" in printed) == (0, True), printed
        serving = await again.serve(new)
        await eventually(lambda: _has(session, serving, token, "a mail after the backup"))
        found = await texts(session, serving, token)
        restored = Api(session, serving.url, token)
        await asyncio.sleep(3)  # it would leave within two seconds
        assert found == {
            "the first mail": "received",
            "an answer that waits": "uncertain",
            "a mail after the backup": "received",
        }
        assert await restored.file(f"/api/v1/attachments/{file}") == b"12.50 EUR"
        assert (office.taken, await theirs.mails()) == ([], [])
        assert await serving.stop() == 0


async def _has(session: aiohttp.ClientSession, serving: Serving, token: str, text: str) -> bool:
    return text in await texts(session, serving, token)


async def test_nothing_is_restored_over_what_is_there(urls: tuple[str, str], tmp_path: Path) -> None:
    old, _ = urls
    await furnished(old)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/one").write_bytes(b"1")
    assert tool("backup", old, tmp_path / "files", tmp_path / "backup")[0] == 0

    assert tool("backup", old, tmp_path / "files", tmp_path / "backup")[0] == 1
    assert tool("restore", tmp_path / "backup", old, tmp_path / "elsewhere")[0] == 1
    assert tool("restore", tmp_path / "backup", f"sqlite:///{tmp_path}/n.db", tmp_path / "files")[0] == 1
