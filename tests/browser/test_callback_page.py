"""The page at which a call is asked for: in French while the queue is closed, with a script and without one."""

from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from playwright.async_api import expect

from channels.callback.render import page_texts
from channels.callback.site import routes
from channels.callback.time_text import when
from conversation.errors import CallbackRefused
from tests.browser.conftest import OpenContext, shoot, violations
from tests.channels.callback.doors import HALF, MORNING, FakeCalls, account, doors
from tests.fakes import FakeClock

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("script", [True, False])
async def test_a_call_is_asked_for_in_french_while_the_queue_is_closed(
    open_context: OpenContext, clock: FakeClock, script: bool
) -> None:
    calls = FakeCalls(clock)
    app = web.Application()
    phone = await account(clock, consent={"fr": "J'accepte d'être appelé."}, country="FR")
    app.add_routes(routes({"phone": phone}, doors(clock, calls)))
    watched = await open_context(locale="fr-FR", timezone_id="Europe/Paris", java_script_enabled=script)
    watched.allowed = ("422",)
    async with TestServer(app) as server:
        page = await watched.page()
        await page.goto(str(server.make_url("/callback/phone?tz=Europe/Paris")))
        await expect(page.get_by_text("Dès que possible veut dire lundi 23 novembre à 09:00")).to_be_visible()
        await expect(page.locator("label[for=slot]")).to_have_text("Heure (Europe/Paris)")
        await page.fill("#number", "112")
        await page.get_by_role("button", name="Demander l'appel").click()
        await expect(page.locator("#number-fault")).to_have_text(
            "Nous n'appelons pas les numéros d'urgence. En cas d'urgence, appelez vous-même."
        )
        if script:
            await page.select_option("#tz", "Asia/Tokyo")
            await expect(page.locator("label[for=slot]")).to_have_text("Heure (Asia/Tokyo)")
            await expect(page.locator("#slot option").first).to_have_text("17:00 · 23 novembre")
            await expect(page.locator("#slot optgroup").first).to_have_attribute("label", "lundi 23 novembre")
            await page.select_option("#slot", index=2)
            await expect(page.locator("input[name=when][value=slot]")).to_be_checked()
            await page.select_option("#tz", "Europe/London")
            await expect(page.locator("#slot option:checked")).to_have_text("09:00 · 23 novembre")  # the same instant
            await expect(page.locator("#asap-hint")).to_contain_text("lundi 23 novembre à 08:00 (Europe/London)")
            await page.select_option("#tz", "")
            await page.fill("#number", "+1 415 555 2671")
            await page.press("#number", "Tab")
            await expect(page.locator("label[for=slot]")).to_have_text("Heure (America/New_York)")
            await page.select_option("#tz", "Europe/Paris")
            await expect(page.locator("label[for=slot]")).to_have_text("Heure (Europe/Paris)")
            assert await violations(page) == []
            await shoot(page, "callback-faults")
        await page.fill("#number", "01 99 00 12 34")
        await page.check("#consent")
        await page.check("input[name=when][value=slot]")
        await page.select_option("#slot", index=0)
        await page.get_by_role("button", name="Demander l'appel").click()
        await expect(
            page.get_by_text("Nous vous appellerons lundi 23 novembre à 09:00 (Europe/Paris).")
        ).to_be_visible()
        await page.get_by_role("button", name="Annuler l'appel").click()
        await expect(page.get_by_text("L'appel est annulé.")).to_be_visible()

    assert [(one.number, one.slot, one.zones) for one in calls.requests] == [
        ("+33199001234", MORNING, ("Europe/Paris",))
    ]


_ASKS = """async ([where, bodies]) => {
  const told = [];
  for (const body of bodies) {
    const headers = { "content-type": "application/json", "idempotency-key": "k1" };
    const answer = await fetch(where, { method: "POST", headers, body: JSON.stringify(body) });
    told.push([answer.status, await answer.json()]);
  }
  const [, { id, token }] = told[0];
  const gone = await fetch(`${where}/${id}`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  return [...told.map(([status]) => status), gone.status, (await gone.json()).state];
}"""


async def test_a_page_of_another_origin_that_is_named_asks_and_cancels_with_json(
    open_context: OpenContext, clock: FakeClock
) -> None:
    calls = FakeCalls(clock)
    shop = web.Application()
    shop.router.add_get("/", _empty)
    watched = await open_context(locale="en-GB")
    watched.allowed = ("422",)
    async with TestServer(shop) as front:
        named = str(front.make_url("")).rstrip("/")
        app = web.Application()
        app.add_routes(routes({"phone": await account(clock, origins=[named])}, doors(clock, calls)))
        async with TestServer(app) as server:
            page = await watched.page()
            await page.goto(named)
            where = str(server.make_url("/callback/phone"))
            told = await page.evaluate(_ASKS, [where, [{"number": "+33199001234"}, {"number": "112"}]])

    assert told == [201, 422, 200, "cancelled"]


async def _empty(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>shop</title><link rel=icon href=data:,>", content_type="text/html")


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de", "es"])
async def test_who_asks_for_a_number_that_is_open_already_is_told_how_to_change_it(
    open_context: OpenContext, clock: FakeClock, language: str
) -> None:
    calls = FakeCalls(clock, failure=CallbackRefused("asked_already"))
    app = web.Application()
    app.add_routes(routes({"phone": await account(clock, country="FR")}, doors(clock, calls)))
    watched = await open_context(locale=language, timezone_id="Europe/Paris")
    watched.allowed = ("409",)
    async with TestServer(app) as server:
        page = await watched.page()
        await page.goto(str(server.make_url("/callback/phone")))
        await page.fill("#number", "01 99 00 12 34")
        await page.get_by_role("button", name=page_texts(language)("send")).click()
        await expect(page.locator("#number-fault")).to_have_text(page_texts(language)("asked_already"))
        assert await violations(page) == []
        await shoot(page, f"callback-asked-already-{language}")


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de", "es"])
async def test_without_a_script_the_zone_goes_by_the_number_and_a_refused_change_offers_what_is_free(
    open_context: OpenContext, clock: FakeClock, language: str
) -> None:
    words, calls = page_texts(language), FakeCalls(clock)
    app = web.Application()
    app.add_routes(routes({"phone": await account(clock, country="FR")}, doors(clock, calls)))
    watched = await open_context(locale=language, timezone_id="Asia/Tokyo", java_script_enabled=False)
    watched.allowed = ("409",)
    async with TestServer(app) as server:
        page = await watched.page()
        await page.goto(str(server.make_url("/callback/phone")))
        await expect(page.locator("#tz option:checked")).to_have_text(words("tz_number"))
        await shoot(page, f"callback-by-number-{language}")
        await page.fill("#number", "01 99 00 12 34")
        await page.get_by_role("button", name=words("send")).click()
        await page.select_option("#slot", index=3)  # the fake house has it no more
        await page.get_by_role("button", name=words("change")).click()
        await expect(page.get_by_role("alert")).to_have_text(words("slot_taken"))
        await shoot(page, f"callback-change-refused-{language}")
        await page.select_option("#slot", index=1)
        await page.get_by_role("button", name=words("change")).click()
        await expect(page.get_by_role("alert")).to_have_count(0)
        await expect(page.get_by_role("status")).to_contain_text(when(MORNING, "Europe/Paris", language))
    assert [one.zones for one in calls.requests] == [("Europe/Paris",)]


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de", "es"])
async def test_after_a_code_that_is_over_the_form_stands_as_it_was_filled_and_asks_again(
    open_context: OpenContext, clock: FakeClock, language: str
) -> None:
    words, calls = page_texts(language), FakeCalls(clock, code="123456")
    app = web.Application()
    phone = await account(clock, country="FR")
    app.add_routes(routes({"phone": phone}, doors(clock, calls)))
    watched = await open_context(locale=language, timezone_id="Europe/Paris")
    watched.allowed = ("410",)
    async with TestServer(app) as server:
        page = await watched.page()
        link = (phone.callback_links.request_link("c-1") or "").partition("?")[2]
        await page.goto(str(server.make_url("/callback/phone")) + f"?{link}")
        await expect(page.locator("#tz")).to_have_value("Europe/Paris")
        await page.fill("#number", "01 99 00 12 34")
        await page.fill("#note", "after the bell")
        await page.select_option("#tz", "Asia/Tokyo")  # not the browser's
        await expect(page.locator("#slot option").first).to_contain_text("17:00")
        await page.select_option("#slot", index=2)
        await page.get_by_role("button", name=words("send")).click()
        calls.failure = CallbackRefused("code_over")
        await page.fill("#code", "123456")
        await page.get_by_role("button", name=words("confirm"), exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text(words("code_over"))
        await expect(page.locator("#note")).to_have_value("after the bell")
        await expect(page.locator("#tz")).to_have_value("Asia/Tokyo")
        await expect(page.locator("input[name=when][value=slot]")).to_be_checked()
        assert await violations(page) == []
        await shoot(page, f"callback-code-over-{language}")
        calls.failure = None
        await page.get_by_role("button", name=words("send")).click()
        await expect(page.locator("#code")).to_be_focused()
    first, second = calls.waiting.values()
    assert (first.token, first.slot) == ("c-1", MORNING + 2 * HALF)
    assert second == replace(first, external_id=second.external_id)
