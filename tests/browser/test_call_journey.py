"""A call from the request to its end in a real browser, against a served house whose clock the test puts forward.

A customer asks in French, while the queue is closed, for the first slot of Monday; an agent is offered the call at that slot, records
that nobody answered, is offered it again at the configured distance, and reaches the customer. The conversation tells it all.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from playwright.async_api import Page, expect

from ops.system_clock import SystemClock
from tests.browser.conftest import OpenContext
from tests.browser.test_journey import PASSWORD
from tests.faults.ledger import post
from tests.ports import free_port
from tests.serving import Api, admin_token, huntgroup, start, write_config

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
OUTPUT = Path(__file__).parents[2] / "test-output" / "call-journey"
PARIS = ZoneInfo("Europe/Paris")

MORE = """
[hours.paris]
timezone = "Europe/Paris"
mon-fri = ["09:00-17:00"]

[queues.calls]
hours = "paris"

[channels.site]
kind = "webchat"
calls = true

[channels.phone]
kind = "callback"
queue = "calls"
country = "FR"
consent = { fr = "J'accepte d'être appelé." }
lawful = { every = ["08:00-20:00"] }
retry = { no_answer = ["20m"] }
"""


@dataclass(slots=True)
class House:
    """A serving house, its clock, and the pictures taken of it."""

    url: str
    api: Api
    name: str
    moved: Path
    shots: int = 0

    def put_clock(self, at: datetime) -> None:
        """To this moment; from there it goes on."""
        ahead = (at - SystemClock().now()).total_seconds()
        written = self.moved.with_suffix(".new")
        written.write_text(str(ahead))
        written.replace(self.moved)

    async def picture(self, page: Page, what: str) -> None:
        self.shots += 1
        folder = OUTPUT / self.name
        folder.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=folder / f"{self.shots:02}-{what}.png", full_page=True)


def monday() -> datetime:
    """Nine o'clock in Paris on the Monday after next: the house was closed on the Saturday before."""
    today = SystemClock().now().astimezone(PARIS)
    day = today.date() + timedelta(days=14 - today.weekday())
    return datetime(day.year, day.month, day.day, 9, tzinfo=PARIS).astimezone(UTC)


@pytest.fixture
async def house(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    listen = f"127.0.0.1:{free_port()}"
    config = write_config(tmp_path, database_url, more=MORE, listen=listen)
    token = admin_token(config)
    who = ["agent", "add", "lea@example.com", "--name", "Léa", "--languages", "fr:5,en:3", "--capacity", "callback:1"]
    huntgroup(config, *who, "--password-stdin", stdin=PASSWORD + "\n")
    moved = tmp_path / "moved"
    moved.write_text("0")
    async with aiohttp.ClientSession() as session:
        made = House("", Api(session, "", token), request.node.callspec.params["database_url"], moved)
        made.put_clock(monday() - timedelta(days=1, hours=12))
        serving = await start(config, "--clock", str(moved), log=tmp_path / "serve.log")
        made.url, made.api = serving.url, Api(session, serving.url, token)
        yield made
    assert await serving.stop() == 0


async def ask(page: Page, house: House) -> str:
    """On the page, in French, for the first slot there is; what the page answers."""
    await page.goto(f"{house.url}/callback/phone")
    await expect(page.locator("label[for=slot]")).to_have_text("Heure (Europe/Paris)")
    await page.fill("#number", "01 99 00 12 34")
    await page.fill("#name", "Anne Dupont")
    await page.check("#consent")
    await page.check("input[name=when][value=slot]")
    await expect(page.locator("#slot optgroup").first).to_have_attribute("label", re.compile(r"^lundi \d"))
    await expect(page.locator("#slot option").first).to_have_text(re.compile(r"^09:00 · \d+ "))
    await house.picture(page, "asked")
    await page.select_option("#slot", index=0)
    await page.get_by_role("button", name="Demander l'appel").click()
    told = page.get_by_text("Nous vous appellerons lundi")
    await expect(told).to_be_visible()
    await house.picture(page, "promised")
    return await told.inner_text()


async def at_work(page: Page, house: House) -> None:
    await page.goto(f"{house.url}/desk/")
    await page.get_by_label("E-mail").fill("lea@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("radio", name="Online").click()
    await expect(page.get_by_role("radio", name="Online")).to_be_checked()


async def until(page: Page, house: House, at: datetime) -> None:
    """The clock goes on to this moment. Who was not heard of for so long is offline: a click, as after a night's sleep."""
    house.put_clock(at - timedelta(seconds=20))
    await page.get_by_role("button", name="Go online").click()
    await expect(page.get_by_role("radio", name="Online")).to_be_checked()
    await expect(page.locator("li.offer")).to_have_count(0)
    house.put_clock(at)


async def try_the_call(page: Page, house: House, outcome: str, note: str, shot: str) -> None:
    """Take what is offered, dial by hand, and write down what came of it."""
    await page.locator("li.offer").get_by_role("button", name="Accept").click()
    panel = page.get_by_role("region", name="Call asked for")
    await expect(panel.locator(".number")).to_have_text("+33199001234")
    await expect(panel.locator(".number a")).to_have_count(0)  # what is not written down is not dialed
    await panel.get_by_role("button", name="Call", exact=True).click()
    await expect(panel.locator(".number a")).to_have_attribute("href", "tel:+33199001234")
    await panel.get_by_label("Note about the call").fill(note)
    await house.picture(page, f"{shot}-dialing")
    await panel.get_by_role("button", name=outcome).click()
    await expect(panel.locator(".tries li").last).to_contain_text(f"{outcome}{note}")


async def test_a_call_is_asked_for_in_french_offered_at_its_slot_tried_twice_and_done(
    house: House, open_context: OpenContext
) -> None:
    opening = monday()
    customer = await (await open_context(locale="fr-FR", timezone_id="Europe/Paris")).page()
    lea = await (await open_context()).page()
    assert "à 09:00 (Europe/Paris)" in await ask(customer, house)

    house.put_clock(opening - timedelta(minutes=10))
    await at_work(lea, house)
    await expect(lea.locator(".list")).to_contain_text("snoozed")  # until its slot
    await until(lea, house, opening)
    await expect(lea.locator("li.offer")).to_contain_text("Anne Dupont")
    await house.picture(lea, "offered-at-the-slot")
    await try_the_call(lea, house, "No answer", "Rang for a minute", "first")

    (call,) = [one async for one in house.api.conversations()]
    told = await house.api.get(f"/api/v1/conversations/{call['id']}/callback")
    again = datetime.fromisoformat(told["next"])
    assert timedelta(minutes=20) <= again - opening < timedelta(minutes=23)
    await until(lea, house, again)
    await try_the_call(lea, house, "Spoke with them", "The top-up has arrived", "second")

    await expect(lea.locator("#thread")).to_contain_text("Call 1: no answer. Again today at 9:2")
    await expect(lea.locator("#thread")).to_contain_text("Call 2: spoke with them.")
    await house.picture(lea, "done")
    told = await house.api.get(f"/api/v1/conversations/{call['id']}/callback")
    assert (told["state"], [one["outcome"] for one in told["attempts"]]) == ("done", ["no_answer", "done"])


async def test_an_agent_arranges_a_call_in_a_conversation_that_began_elsewhere(
    house: House, open_context: OpenContext
) -> None:
    house.put_clock(monday() + timedelta(minutes=1))
    context = await open_context(timezone_id="Europe/Paris")
    context.allowed = ("409",)  # the browser tells of the refusal too
    lea = await context.page()
    await at_work(lea, house)
    async with aiohttp.ClientSession() as session:
        body = {
            "id": "m1",
            "from": {"id": "anne", "name": "Anne Dupont"},
            "text": "Bonjour, appelez-moi s'il vous plaît",
        }
        assert (await post(session, house.url, body, ahead=float(house.moved.read_text())))[0] == 200
    await lea.locator("li.offer").get_by_role("button", name="Accept").click()
    async with context.context.expect_page() as opened:
        await lea.get_by_role("button", name="Arrange a call").click()
    form = await opened.value
    await form.fill("#number", "+33 1 99 00 12 34")
    await form.check("#consent")
    await form.locator("form button[type=submit]").last.click()
    await expect(form.locator("main")).to_contain_text("We will call you")
    panel = lea.get_by_role("region", name="Call asked for")
    await expect(panel.locator(".number")).to_have_text("+33199001234")
    await house.picture(lea, "arranged")
    (only,) = [one async for one in house.api.conversations()]
    assert (only["channels"], only["customer"]["name"]) == (["app", "phone"], "Anne Dupont")
    await moved_and_cancelled(lea, house)
    assert (await house.api.get(f"/api/v1/conversations/{only['id']}"))["state"] == "closed"


async def moved_and_cancelled(page: Page, house: House) -> None:
    """The chat goes on while its call is moved; closing it asks about the call first, and goes on when that is cancelled."""
    panel = page.get_by_role("region", name="Call asked for")
    await panel.get_by_role("button", name="Move", exact=True).click()
    when = panel.get_by_label("New time (Europe/Paris)")
    await expect(when.locator("optgroup").nth(5)).to_be_attached()  # the whole week
    await when.select_option(index=2)
    await panel.get_by_role("button", name="Move the call").click()
    await expect(panel).to_contain_text("scheduled")
    await expect(page.locator("#thread .note")).to_contain_text("The call was moved: today at ")
    await house.picture(page, "moved")
    await page.get_by_role("button", name="Close", exact=True).click()
    sheet = page.get_by_role("dialog", name="Call asked for")
    await expect(sheet).to_contain_text("say what came of it, or cancel it")
    await sheet.get_by_role("button", name="Cancel the call").click()
    await sheet.get_by_role("button", name="Yes, cancel it").click()
    await expect(panel).to_contain_text("cancelled")
    await expect(page.locator("#thread .note").last).to_have_text(re.compile("^You.*The call was cancelled."))
    await expect(page.get_by_role("status").filter(has_text="is closed")).to_be_visible()
    await house.picture(page, "cancelled-and-closed")


async def test_a_visitor_of_the_chat_asks_to_be_called_about_what_they_wrote(
    house: House, open_context: OpenContext
) -> None:
    context = await open_context(locale="de-DE", timezone_id="Europe/Berlin")
    page = await context.page()
    await page.goto(f"{house.url}/chat/site?language=de")
    await expect(page.locator("#text")).to_be_visible()
    await expect(page.locator("#call")).to_be_hidden()  # there is nothing to be called about yet
    await page.locator("#text").fill("Meine Karte ist weg")
    await page.locator("#send").click()
    await expect(page.locator(".message.mine")).to_have_count(1)
    await house.picture(page, "chat-with-a-button")
    async with context.context.expect_page() as opened:
        await page.get_by_role("button", name="Anruf wünschen").click()
    form = await opened.value
    await form.fill("#number", "+33 1 99 00 12 34")
    await form.check("#consent")
    await form.get_by_role("button", name="Rückruf wünschen").click()
    await expect(form.locator("main")).to_contain_text("Ihr Zeichen ist")
    (only,) = [one async for one in house.api.conversations()]
    told = await house.api.get(f"/api/v1/conversations/{only['id']}/callback")
    assert (only["channels"], told["number"]) == (["site", "phone"], "+33199001234")
