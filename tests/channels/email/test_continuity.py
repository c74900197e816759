"""A chat that goes on by mail: a visitor who left an address, a real IMAP and a real SMTP server, the whole house between."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from ops.commands.serve import Options, serve
from ops.composition.infrastructure import Replacements
from ops.system_clock import SystemClock
from tests.channels.email.test_journey import ANNA, HELP, MAIL, World
from tests.mailservers import PASSWORD, USER, mailbox, post_office
from tests.serving import SECRET, Api, furnished, write_config

IDENTITY = "the secret of the operator's own site"
CHAT = f"""
[channels.site]
kind = "webchat"
follow_up = "mail"
follow_up_after = "60s"
identity_secret = "{IDENTITY}"
"""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Shifted(SystemClock):
    """The time, and what was added to it: nobody waits for minutes to pass."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Visitor:
    """What the page does over HTTP; it has no socket open, so nobody is there."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = f"{url}/chat/site"
        self._bearer: dict[str, str] = {}

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        async with self._session.request(method, f"{self._url}/{path}", json=body, headers=self._bearer) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def enter(self, **body: Any) -> None:
        self._bearer = {"Authorization": f"Bearer {(await self.call('POST', 'sessions', body))['token']}"}

    async def say(self, text: str) -> str:
        said = await self.call("POST", "messages", {"id": text.replace(" ", "-"), "text": text})
        return str(said["conversation"])

    async def texts(self) -> list[str]:
        return [one["text"] for one in (await self.call("GET", "messages"))["items"]]


@asynccontextmanager
async def running_service(folder: Path, database: str, clock: Shifted) -> AsyncIterator[tuple[World, Visitor]]:
    token = await furnished(database)
    async with mailbox() as ours, mailbox() as theirs, post_office({HELP: ours, ANNA: theirs}) as office:
        values = {"address": HELP, "user": USER, "imap": ours.port, "smtp": office.port}
        more = MAIL.format(password=json.dumps(PASSWORD), **values) + CHAT
        options = Options(
            config=write_config(folder, database, more=more), environment={"FAULT_SECRET": f"whsec_{SECRET}"}
        )
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(
            serve(
                options, replaced=Replacements(clock=clock), ready=lambda _running_service, url: ready.set_result(url)
            )
        )
        try:
            both: set[asyncio.Future[Any]] = {serving, ready}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            assert ready.done(), serving.result()
            async with aiohttp.ClientSession() as session:
                world = World(theirs, office, session, Api(session, ready.result(), token))
                yield world, Visitor(session, ready.result())
        finally:
            signal.raise_signal(signal.SIGTERM)  # as an operator ends it
            assert await serving == 0


async def test_who_left_an_address_gets_the_answer_by_mail_and_answers_it(sqlite_url: str, tmp_path: Path) -> None:
    clock = Shifted()
    async with running_service(tmp_path, sqlite_url, clock) as (w, visitor):
        await visitor.enter(language="de")
        conversation = await visitor.say("Die Aufladung fehlt seit gestern")
        assert await visitor.call("PUT", "address", {"email": ANNA}) == {"email": ANNA}
        await w.answer(conversation, "Wie hoch war der Betrag?")
        clock.ahead += timedelta(seconds=61)
        first = await w.arrived(1)
        words = first.get_content().replace("\r\n", "\n")
        assert words.startswith("Wie hoch war der Betrag?\n\nSie haben uns im Chat geschrieben")
        assert "Aufladung fehlt" not in words  # typed, and vouched for by nobody
        assert first["Subject"].startswith("Unsere Antwort im Chat [")

        await w.write("Es waren 50 Euro.", answering=first, subject=f"Re: {first['Subject']}")
        await _said(w, conversation, "Es waren 50 Euro.")
        await w.answer(conversation, "Danke, ist unterwegs.")
        second = await w.arrived(2)
        assert (second["In-Reply-To"] is not None, second.get_content().strip()) == (True, "Danke, ist unterwegs.")
        assert len(await w.conversations()) == 1
        assert await visitor.texts() == ["Die Aufladung fehlt seit gestern", "Wie hoch war der Betrag?"]

        # somebody to whom the mail was passed on gets no further than a conversation of their own
        await w.write("Was ist das?", answering=first, sender="bob@example.org")
        async with asyncio.timeout(60):
            while len(await w.conversations()) < 2:
                await asyncio.sleep(0.1)
        assert len(await w.messages(conversation)) == 5


async def test_whom_the_site_vouches_for_is_told_what_was_said_before(sqlite_url: str, tmp_path: Path) -> None:
    clock = Shifted()
    claims = {"aud": "site", "exp": 4_000_000_000, "sub": "42", "email": ANNA, "name": "Anna"}
    async with running_service(tmp_path, sqlite_url, clock) as (w, visitor):
        await visitor.enter(identity=jwt.encode(claims, IDENTITY, algorithm="HS256"))
        conversation = await visitor.say("My top up is missing since yesterday")
        await w.answer(conversation, "Please tell us the amount.")
        clock.ahead += timedelta(seconds=61)
        found = await w.arrived(1)
        told = found.get_content().replace("\r\n", "\n")
        assert "UTC, You:\n> My top up is missing since yesterday" in told.partition("What was said before:")[2]
        assert found["To"].addresses[0].display_name == ""  # the address's name may have been given by a stranger


async def _said(w: World, conversation: str, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in [m["text"] for m in await w.messages(conversation)]:
            await asyncio.sleep(0.1)
