"""A mailbox whose password is refused for a moment, between real servers: named in health, metrics and log, and read again soon."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.channels.email.test_journey import HELP, MAIL, eventually
from tests.mailservers import PASSWORD, USER, mailbox, post_office
from tests.ports import free_port
from tests.serving import Api, Serving, admin_token, start, write_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


class World:
    """A serving house, and what it says of its mailbox."""

    def __init__(self, api: Api, serving: Serving, log: Path) -> None:
        self.api, self.serving, self.log = api, serving, log

    async def health(self) -> tuple[str, str]:
        found = await self.api.get("/api/v1/channels")
        (mail,) = [one for one in found["items"] if one["name"] == "mail"]
        return mail["state"], mail["detail"]

    async def is_up(self) -> bool:
        return (await self.health())[0] == "up"

    async def is_refused(self) -> bool:
        return (await self.health())[0] == "refused"

    async def has_read(self) -> bool:
        return len([one async for one in self.api.conversations()]) == 1

    async def levels(self) -> tuple[bool, bool]:
        """Whether it is up, and refused, in the metrics."""
        async with self.api._session.get(f"{self.api._url}/metrics") as answer:
            text = await answer.text()
        return 'channel_up{channel="mail"} 1.0' in text, 'channel_refused{channel="mail"} 1.0' in text

    def told(self) -> list[dict[str, Any]]:
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        every = [json.loads(line) for line in lines]
        return [one for one in every if one.get("event") == "channel_health" and one.get("channel") == "mail"]


@asynccontextmanager
async def running_service(folder: Path, database: str, imap: int, smtp: int) -> AsyncIterator[World]:
    more = MAIL.format(address=HELP, user=USER, imap=imap, smtp=smtp, password=json.dumps(PASSWORD))
    config = write_config(folder, database, more=more)
    token = await asyncio.to_thread(admin_token, config)
    serving = await start(config, "serve", module="ops", log=folder / "log")
    try:
        async with aiohttp.ClientSession() as session:
            yield World(Api(session, serving.url, token), serving, folder / "log")
    finally:
        assert await serving.stop() == 0


def mail() -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "anna@example.org", HELP, "Top-up"
    made["Message-ID"] = "<while-it-was-wrong@example.org>"
    made.set_content("My top up is pending.")
    return made.as_bytes()


async def refused_twice(w: World) -> bool:
    """Whether the pause has grown beyond the first one."""
    return await w.is_refused() and int((await w.health())[1].rpartition(" again in ")[2].split()[0]) > 5


async def named(w: World) -> None:
    """In health and in metrics, in the log once, without the password."""
    state, detail = await w.health()
    assert (state, detail.startswith("the mail server refused the login: ")) == ("refused", True)
    assert await w.levels() == (False, True)
    (told,) = w.told()
    assert (told["level"], told["state"]) == ("warning", "refused")
    assert PASSWORD not in w.log.read_text()


async def test_a_password_that_was_wrong_for_a_moment_is_tried_again_at_a_reload(
    sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    async with (
        post_office() as office,
        mailbox(port=port, password="another one") as wrong,
        running_service(tmp_path, sqlite_url, port, office.port) as w,
    ):
        await eventually(lambda: refused_twice(w))
        await named(w)
        await wrong.end()
        async with mailbox(port=port) as right:
            await right.deliver(mail())
            w.serving.process.send_signal(signal.SIGHUP)
            await eventually(w.is_up)
            await eventually(w.has_read)
            assert await w.levels() == (True, False)
