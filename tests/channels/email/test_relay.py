"""The whole house between real servers, while somebody writes under sixty strangers' addresses to have them answered."""

import json
from collections import Counter
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.channels.email.test_journey import HELP, MAIL, World, eventually, running_service
from tests.mailservers import PASSWORD, USER, PostOffice, mailbox, post_office

CLOSED = """
[service.unproven_answers]
email = 10
[hours.never]
timezone = "UTC"
every = []
[queues.night]
hours = "never"
closed = "closed"
[issues.parcel]
queue = "night"
words = { en = ["parcel"] }
[replies.closed]
en = "Dear {name}, we are closed. Your reference is {reference}."
"""
FORGED = 60

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def forged(number: int) -> bytes:
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = f'"CHEAP PILLS http://pills.example" <victim-{number}@strangers.example>'
    made["To"] = HELP
    made["Cc"] = "victim-c@strangers.example"
    made["Reply-To"] = "victim-r@strangers.example"
    made["Subject"] = "CHEAP PILLS at http://pills.example"
    made["Message-ID"] = f"<forged-{number}@strangers.example>"
    made.set_content("Where is my parcel? Buy CHEAP PILLS at http://pills.example")
    return made.as_bytes()


def said(office: PostOffice) -> list[EmailMessage]:
    """What left our house."""
    return [message_from_bytes(one.data, policy=policy.default) for one in office.taken]


async def metrics(w: World) -> str:
    async with w.session.get(f"{w.api._url}/metrics") as answer:
        return await answer.text()


async def nothing_waits(w: World) -> bool:
    return not {"queued", "sending"} & {one["status"] for one in await answers(w)}


async def answers(w: World) -> list[dict[str, Any]]:
    every = [await w.messages(one["id"]) for one in await w.conversations()]
    return [message for messages in every for message in messages if message["direction"] == "out"]


async def test_sixty_forged_mails_are_no_way_to_write_to_sixty_strangers(sqlite_url: str, tmp_path: Path) -> None:
    async with mailbox() as ours, post_office() as office:
        values: dict[str, Any] = {"address": HELP, "user": USER, "imap": ours.port, "smtp": office.port}
        more = MAIL.format(password=json.dumps(PASSWORD), **values) + CLOSED
        async with running_service(tmp_path, sqlite_url, more, ours, office) as w:
            await ours.deliver(*map(forged, range(FORGED)))

            async def settled() -> bool:
                kept_back = 'huntgroup_events_total{event="unproven_unanswered"} 50.0' in await metrics(w)
                return kept_back and len(office.taken) >= 10

            await eventually(settled, 120)
            await eventually(lambda: nothing_waits(w), 60)
            found = await answers(w)
    assert Counter(one["status"] for one in found) == {"sent": 10, "suppressed": 50}
    assert {one["error"] for one in found if one["status"] == "suppressed"} == {
        "today's automatic answers to senders whom nobody proved are used up"
    }
    assert (tmp_path / "log").read_text().count("unproven_answers_used_up") == 1
    mails = said(office)
    assert len(mails) == 10
    for mail in mails:
        words = "\n".join((*map(str, mail.values()), mail.get_content()))
        assert "PILLS" not in words.upper()
        assert (mail["Subject"].rpartition(" ")[0], mail["Cc"]) == ("Your request", None)
        assert "strangers.example" not in str(mail["Reply-To"])
        assert mail["To"].addresses[0].display_name == ""
