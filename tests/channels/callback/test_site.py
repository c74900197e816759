"""The customers' door: page, slots, requests, links; with a browser's form and with an application's JSON."""

import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.callback.numbers import NumberRefused, Policy, read
from channels.callback.problems import STATUS
from channels.callback.render import page_texts
from channels.callback.request_fields import BODY_LIMIT
from channels.callback.site import routes
from channels.callback.zones import zones_of
from conversation.errors import CallbackRefused, Overloaded, Refused
from conversation.model.trusted_proxies import Proxies
from conversation.wording import Texts
from tests.channels.callback.doors import HALF, MORNING, FakeCalls, account, doors
from tests.fakes import FakeClock

GOOD = {"number": "+33199001234", "consent": "yes"}
HTML = {"Accept": "text/html"}


@asynccontextmanager
async def serving(
    calls: FakeCalls, *, proxies: Sequence[str] = (), **settings: Any
) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    house = replace(doors(calls.clock, calls), proxies=Proxies(tuple(ip_network(one) for one in proxies)))
    app.add_routes(routes({"phone": await account(calls.clock, **settings)}, house))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def calls(clock: FakeClock) -> FakeCalls:
    return FakeCalls(clock)


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_the_page_speaks_the_customers_language_and_needs_no_script(calls: FakeCalls, language: str) -> None:
    async with serving(calls, consent={"en": "I agree <b>", "fr": "D'accord"}) as client:
        answer = await client.get("/callback/phone", headers={"Accept-Language": f"xx, {language}-XX;q=0.9"})
        text = await answer.text()

    assert answer.status == 200
    assert f'<html lang="{language}">' in text
    assert page_texts(language)("title") in text
    assert "<script>" not in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert ("Card &lt;lost&gt;" in text) == (language != "fr")
    for name in ("number", "note", "issue", "language", "tz", "slot", "consent"):
        assert f'id="{name}"' in text


async def test_while_closed_the_page_says_what_as_soon_as_possible_means(calls: FakeCalls) -> None:
    async with serving(calls) as client:
        text = await (await client.get("/callback/phone?language=fr&tz=Europe/Paris")).text()

    assert "Dès que possible veut dire lundi 23 novembre à 09:00 (Europe/Paris)." in text


async def test_slots_are_told_in_the_zone_they_state_else_in_the_numbers(calls: FakeCalls) -> None:
    async with serving(calls) as client:
        stated = await (await client.get("/callback/phone/slots", params={"tz": "Asia/Tokyo"})).json()
        number = await (
            await client.get("/callback/phone/slots", params={"number": "+33199001234", "issue": "card"})
        ).json()
        bad = await client.get("/callback/phone/slots", params={"nonsense": "1"})

    assert stated["items"][0] == {
        "start": "2026-11-23T08:00:00+00:00",
        "end": "2026-11-23T08:30:00+00:00",
        "local": "2026-11-23T17:00",
    }
    assert (number["timezone"], number["items"][0]["local"]) == ("Europe/Paris", "2026-11-23T09:00")
    assert calls.queries[-1].issue == "card"
    assert bad.status == 422


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_without_a_stated_zone_the_page_goes_by_the_number(calls: FakeCalls, language: str) -> None:
    query = f"?language={language}"
    async with serving(calls, country="FR") as client:
        fresh = unescape(await (await client.get(f"/callback/phone{query}")).text())
        form = {"number": "+1 415 555 2671", "tz": _chosen(fresh, "tz")}
        shown = unescape(await (await client.post(f"/callback/phone{query}", data={**form, "show": "1"})).text())
        made = await client.post(f"/callback/phone{query}", data=form)
        stated = await (await client.get(f"/callback/phone{query}&tz=Asia/Tokyo")).text()

    assert f'<option value="" selected>{page_texts(language)("tz_number")}</option>' in fresh
    assert page_texts(language)("slot", zone="Europe/Paris") in fresh  # the account's, while there is no number
    assert page_texts(language)("slot", zone="America/New_York") in shown
    assert (_chosen(shown, "tz"), _chosen(stated, "tz"), made.status) == ("", "Asia/Tokyo", 201)
    assert calls.requests[0].zones == zones_of("US", stated=None)


async def test_times_are_offered_by_all_the_zones_that_a_request_would_have(calls: FakeCalls) -> None:
    number = {"number": "(415) 555-2671", "country": "US"}
    async with serving(calls) as client:
        told = await (await client.get("/callback/phone/slots", params=number)).json()
        await client.post("/callback/phone", data={**number, "show": "1"})
        await client.post("/callback/phone", json={**number, "consent": True})

    everywhere = zones_of("US", stated=None)
    assert len(everywhere) > 20
    assert [query.zones for query in calls.queries] == [everywhere] * 3  # /slots, and the page's slots and next call
    assert calls.requests[0].zones == everywhere
    assert (told["timezone"], told["items"][0]["local"]) == ("America/New_York", "2026-11-23T03:00")


async def test_an_application_asks_changes_and_cancels(calls: FakeCalls) -> None:
    async with serving(calls) as client:
        body = {
            "number": "+33199001234",
            "slot": MORNING.isoformat(),
            "language": "fr",
            "issue": "card",
            "consent": True,
        }
        made = await client.post("/callback/phone", json=body, headers={"Idempotency-Key": "k1"})
        again = await client.post("/callback/phone", json=body, headers={"Idempotency-Key": "k1"})
        told, repeated = await made.json(), await again.json()
        where = f"/callback/phone/{told['id']}"
        bearer = {"Authorization": f"Bearer {told['token']}"}
        looked = await (await client.get(where, headers=bearer)).json()
        moved = await (await client.post(f"{where}/slot", json={"slot": None}, headers=bearer)).json()
        nobody = await client.delete(where)
        gone = await (await client.delete(where, params={"token": told["token"]})).json()

    assert (made.status, told["state"], told["reference"]) == (201, "scheduled", "7K3M-9QFX")
    assert told["id"] == repeated["id"]
    assert looked["slot"]["start"] == MORNING.isoformat()
    assert (moved["state"], moved["slot"]) == ("requested", None)
    assert nobody.status == 403
    assert gone["state"] == "cancelled"


@pytest.mark.parametrize(
    "other",
    [
        {"slot": None},
        {"issue": "card"},
        {"note": "other"},
        {"name": "Li"},
        {"slot": (MORNING + HALF).isoformat()},
        {"language": "de"},
        {"tz": "Asia/Tokyo"},
    ],
    ids=lambda other: "-".join(other),
)
@pytest.mark.parametrize("code", [None, "123456"])
async def test_another_request_under_a_used_key_is_refused_and_gets_no_token(
    calls: FakeCalls, other: dict[str, str | None], code: str | None
) -> None:
    calls.code, taken = code, 202 if code else 201
    body = {"number": "+33199001234", "slot": MORNING.isoformat(), "name": "Mei", "note": "the card", "language": "fr"}
    key = {"Idempotency-Key": "k1"}
    async with serving(calls) as client:
        first = await client.post("/callback/phone", json=body, headers=key)
        second = await client.post("/callback/phone", json=body | other, headers=key)
        same = await client.post("/callback/phone", json=body, headers=key)
        told = await second.json()

        assert (first.status, second.status, same.status) == (taken, 409, taken)
        assert (told["code"], "token" in told) == ("idempotency", False)
        assert await same.json() == await first.json()
    assert len(calls.requests) + len(calls.waiting) == 1  # what came again asked nobody


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_a_form_that_was_changed_after_it_was_sent_may_be_sent_as_another_one(
    calls: FakeCalls, language: str
) -> None:
    where = f"/callback/phone?language={language}"
    async with serving(calls) as client:
        form = GOOD | {"id": _hidden(await (await client.get(where)).text(), "id")}
        status = [(await client.post(where, data=form)).status for _ in range(2)]
        changed = await client.post(where, data=form | {"note": "the card"})
        text = unescape(await changed.text())
        again = await client.post(where, data=form | {"note": "the card", "id": _hidden(text, "id")})

    assert (status, changed.status, again.status) == ([201, 201], 409, 201)
    assert page_texts(language)("idempotency") in text
    assert len(calls.requests) == 2


async def test_a_taken_slot_is_answered_with_the_next_free_ones(calls: FakeCalls) -> None:
    body = {"number": "+33199001234", "slot": "2026-11-23T12:00:00Z"}
    async with serving(calls) as client:
        answer = await client.post("/callback/phone", json=body)
        told = await answer.json()
        form = await client.post(
            "/callback/phone?language=de", data={**GOOD, "when": "slot", "slot": body["slot"]}, headers=HTML
        )

        assert (answer.status, told["code"], len(told["items"])) == (409, "slot_taken", 2)
        assert form.status == 409
        assert page_texts("de")("slot_taken") in await form.text()


async def test_a_form_without_a_script_asks_and_its_page_changes_and_cancels(calls: FakeCalls) -> None:
    async with serving(calls) as client:
        shown = await client.post(
            "/callback/phone?language=fr", data={**GOOD, "tz": "Asia/Tokyo", "show": "1"}, headers=HTML
        )
        assert "17:00" in await shown.text()
        made = await client.post(
            "/callback/phone?language=fr", data={**GOOD, "when": "asap", "tz": "Europe/Paris"}, headers=HTML
        )
        text = await made.text()
        (one,) = calls.kept
        token = text.partition('name="token" value="')[2].partition('"')[0]
        changed = await client.post(
            f"/callback/phone/{one}/slot?language=fr", data={"token": token, "slot": MORNING.isoformat()}
        )
        changed_text = await changed.text()
        cancelled = await client.post(f"/callback/phone/{one}/cancel?language=fr", data={"token": token})

        assert made.status == 201
        assert "Nous sommes fermés et vous appellerons lundi 23 novembre à 09:00 (Europe/Paris)." in text
        assert "Vous êtes le numéro 2." in text
        assert "lundi 23 novembre à 09:00" in changed_text
        assert "appel est annulé." in await cancelled.text()


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_a_change_that_is_refused_shows_the_request_with_the_reason_and_the_free_times(
    calls: FakeCalls, language: str
) -> None:
    query = f"?language={language}"
    async with serving(calls) as client:
        made = await (await client.post(f"/callback/phone{query}", data={**GOOD, "tz": "Europe/Paris"})).text()
        (one,), token = calls.kept, _hidden(made, "token")
        where = f"/callback/phone/{one}/slot{query}"
        taken = await client.post(where, data={"token": token, "slot": "2026-11-23T12:00:00+00:00"})
        unreadable = await client.post(where, data={"token": token, "slot": "soon"})
        application = await client.post(where, json={"token": token, "slot": "2026-11-23T12:00:00Z"})
        again = await client.post(where, data={"token": token, "slot": (MORNING + HALF).isoformat()})

        assert (taken.status, unreadable.status, application.status, again.status) == (409, 422, 409, 200)
        assert len((await application.json())["items"]) == 2
        for answer, fault in ((taken, "slot_taken"), (unreadable, "slot_unreadable")):
            text = unescape(await answer.text())
            assert f'role="alert" class="fault">{page_texts(language)(fault)}' in text
            assert page_texts(language)("reference", reference="7K3M-9QFX") in text
            assert (MORNING + HALF).isoformat() in text
            assert _hidden(text, "token") == token
    assert calls.kept[one].callback.slot_at == MORNING + HALF


async def test_every_slot_of_a_month_can_be_chosen_by_its_day_on_both_pages_and_over_the_api(calls: FakeCalls) -> None:
    calls.many = 30 * 48
    form = GOOD | {"tz": "Europe/Paris"}
    async with serving(calls) as client:
        fresh = await (await client.get("/callback/phone?language=en&tz=Europe/Paris")).text()
        made = await (await client.post("/callback/phone?language=en", data=form)).text()
        told = await (await client.get("/callback/phone/slots", params={"tz": "Europe/Paris"})).json()

    starts = [(MORNING + number * HALF).isoformat() for number in range(calls.many)]
    assert [one["start"] for one in told["items"]] == starts
    for page in (fresh, made):
        times = page.partition('<select id="slot"')[2].partition("</select>")[0]
        assert [one for one in re.findall(r'<option value="([^"]*)"', times) if one] == starts
        days = re.findall(r'<optgroup label="([^"]*)">', times)
        assert (days[0], days[-1], len(days)) == ("Monday, 23 November", "Wednesday, 23 December", 31)
        assert f'<option value="{starts[0]}">09:00 · 23 November</option>' in times.replace(" selected", "")


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_no_other_time_stands_in_the_place_of_one_that_was_taken(calls: FakeCalls, language: str) -> None:
    calls.full = {MORNING}
    calls.failure = CallbackRefused("slot_taken")
    form = GOOD | {"when": "slot", "slot": MORNING.isoformat()}
    async with serving(calls) as client:
        taken = unescape(await (await client.post(f"/callback/phone?language={language}", data=form)).text())
        unchosen = await client.post("/callback/phone", data=form | {"slot": _chosen(taken, "slot")})
        text = await unchosen.text()

    assert f'<option value="" selected>{page_texts(language)("slot_missing")}</option>' in taken
    assert (unchosen.status, 'id="slot-fault"' in text) == (422, True)


@pytest.mark.parametrize("slot", [MORNING, None])
async def test_the_change_of_a_time_stands_on_the_one_that_is_promised_also_where_nobody_else_could_have_it(
    calls: FakeCalls, slot: datetime | None
) -> None:
    form = GOOD | ({"when": "slot", "slot": slot.isoformat()} if slot else {})
    async with serving(calls) as client:
        first = await (await client.post("/callback/phone", data=form)).text()
        (one,) = calls.kept
        calls.full = {MORNING, MORNING + HALF}
        where = f"/callback/phone/{one}"
        page = await (await client.get(where, params={"token": _hidden(first, "token")}, headers=HTML)).text()
        untouched = {"token": _hidden(page, "token"), "slot": _chosen(page, "slot")}
        await client.post(f"{where}/slot", data=untouched)

    assert untouched["slot"] == (slot.isoformat() if slot else "")
    assert ((MORNING + HALF).isoformat() in page, (MORNING + 2 * HALF).isoformat() in page) == (False, True)
    assert calls.kept[one].callback.slot_at == slot


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_every_field_at_fault_is_named_beside_it_in_the_persons_language(calls: FakeCalls, language: str) -> None:
    async with serving(calls, consent={"en": "I agree"}) as client:
        form = {"number": "112", "country": "FR", "when": "slot", "slot": "", "issue": "nonsense"}
        answer = await client.post(f"/callback/phone?language={language}", data=form, headers=HTML)
        text = await answer.text()
        told = await (await client.post("/callback/phone", json={"number": "112", "country": "FR"})).json()

    said = page_texts(language)
    assert answer.status == 422
    for code in ("number_emergency", "slot_missing", "consent_needed", "unknown_choice"):
        assert said(code).replace("'", "&#x27;") in text
    assert 'aria-invalid="true" aria-describedby="number-fault"' in text
    assert [(e["field"], e["code"]) for e in told["errors"]] == [
        ("number", "number_emergency"),
        ("consent", "consent_needed"),
    ]
    assert calls.requests == []


async def test_a_number_may_not_be_bombed_with_requests(calls: FakeCalls) -> None:
    async with serving(calls, per_number=2) as client:
        codes = [(await client.post("/callback/phone", json={"number": "+33199001234"})).status for _ in range(4)]
        other = await client.post("/callback/phone", json={"number": "+33199001235"})

    assert codes == [201, 201, 429, 429]
    assert other.status == 201


async def test_a_network_address_may_ask_so_often_in_an_hour(calls: FakeCalls, clock: FakeClock) -> None:
    async def ask(number: int) -> int:
        told = {"X-Forwarded-For": "198.51.100.1"}
        answer = await client.post("/callback/phone", json={"number": f"+3319900{number:04}"}, headers=told)
        return answer.status

    async with serving(calls, proxies=["127.0.0.0/8"], per_address=2) as client:
        codes = [await ask(number) for number in range(4)]
        clock.advance(timedelta(minutes=30))
        later = [await ask(number) for number in range(4, 6)]

    assert (codes, later) == ([201, 201, 429, 429], [201, 429])
    assert len(calls.requests) == 3


async def test_customers_behind_a_proxy_that_is_known_are_told_apart_and_cannot_pretend(calls: FakeCalls) -> None:
    async def ask(number: int, forwarded: str) -> int:
        told = {"X-Forwarded-For": forwarded} if forwarded else {}
        answer = await client.post("/callback/phone", json={"number": f"+3319900{number:04}"}, headers=told)
        return answer.status

    async with serving(calls, proxies=["127.0.0.0/8"], per_address=1) as client:
        one = [await ask(1, "198.51.100.1"), await ask(2, "198.51.100.1"), await ask(3, "203.0.113.9, 198.51.100.1")]
        other = [await ask(4, "198.51.100.2"), await ask(5, "198.51.100.2, 127.0.0.2")]
        itself = [await ask(6, ""), await ask(7, "")]

    assert (one, other, itself) == ([201, 429, 429], [201, 429], [201, 201])


async def test_a_time_that_was_taken_does_not_count_as_a_request_for_the_number(calls: FakeCalls) -> None:
    asked = {"number": "+33199001234"}
    taken = asked | {"slot": "2026-11-23T12:00:00Z"}
    async with serving(calls, per_number=2) as client:
        bodies = [taken, taken, taken, asked, {"number": "112"}, taken, asked, asked, taken]
        codes = [(await client.post("/callback/phone", json=body)).status for body in bodies]

    assert codes == [409, 409, 409, 201, 422, 409, 201, 429, 429]


async def test_a_link_proves_its_conversation_and_a_made_up_one_does_not(calls: FakeCalls) -> None:
    made = await account(calls.clock)
    token = (made.callback_links.request_link("c-1") or "").partition("?t=")[2]
    app = web.Application()
    app.add_routes(routes({"phone": made}, doors(calls.clock, calls)))
    async with TestClient(TestServer(app)) as client:
        page = await (await client.get("/callback/phone", params={"t": token})).text()
        good = await client.post("/callback/phone", data={**GOOD, "t": token}, headers=HTML)
        bad = await client.post("/callback/phone", json={**GOOD, "consent": True, "t": token[:-2] + "AA"})

    assert f'name="t" value="{token}"' in page
    assert good.status == 201
    assert [asked.token for asked in calls.requests] == ["c-1"]
    assert bad.status == 403


@pytest.mark.parametrize(
    ("failure", "status"),
    [(Overloaded("full"), 503), (CallbackRefused("do_not_call"), 422), (CallbackRefused("asked_already"), 409)],
)
async def test_what_the_house_refuses_is_told(calls: FakeCalls, failure: Exception, status: int) -> None:
    calls.failure = failure
    async with serving(calls) as client:
        assert (await client.post("/callback/phone", json={"number": "+33199001234"})).status == status
        assert (await client.post("/callback/phone", data=GOOD, headers=HTML)).status == status


async def test_another_pages_form_is_refused_and_one_that_is_named_is_not(calls: FakeCalls) -> None:
    async with serving(calls, origins=["https://shop.example"]) as client:
        evil = await client.post(
            "/callback/phone", json={"number": "+33199001234"}, headers={"Origin": "https://evil.example"}
        )
        shop = await client.post(
            "/callback/phone", json={"number": "+33199001234"}, headers={"Origin": "https://shop.example"}
        )

    assert (evil.status, shop.status) == (403, 201)
    assert shop.headers["Access-Control-Allow-Origin"] == "https://shop.example"


@pytest.mark.parametrize("path", ["", "/slots", "/some-id", "/some-id/slot"])
async def test_a_named_pages_browser_may_ask_what_it_may_send_and_another_pages_may_not(
    calls: FakeCalls, path: str
) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with serving(calls, origins=["https://shop.example/"]) as client:
        where = f"/callback/phone{path}"
        shop = await client.options(where, headers=asks | {"Origin": "https://shop.example"})
        evil = await client.options(where, headers=asks | {"Origin": "https://evil.example"})
        nobody = await client.options(where, headers=asks)

    assert (shop.status, evil.status, nobody.status) == (204, 403, 403)
    assert shop.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert shop.headers["Access-Control-Allow-Methods"] == "GET, POST, DELETE"
    assert shop.headers["Access-Control-Allow-Headers"] == "content-type, authorization, idempotency-key"
    assert int(shop.headers["Access-Control-Max-Age"]) > 0
    for answer in (evil, nobody):
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_every_refusal_has_words_for_an_application_and_for_a_browser(calls: FakeCalls, language: str) -> None:
    asks: list[tuple[str, str, dict[str, Any]]] = [
        ("invalid", "", {"json": {"number": "112"}}),
        ("bad_body", "", {"json": []}),
        ("too_large", "", {"data": b"{" + b" " * BODY_LIMIT}),
        ("link_bad", "/some-id/slot", {"json": {"token": "x"}}),
        ("signature", "/voice", {"json": {}}),
        ("origin", "", {"json": {}, "headers": {"Origin": "https://evil.example"}}),
        ("refused", "", {"json": {"number": "+33199001234"}}),
    ]
    calls.failure, words = Refused("refused"), page_texts(language)
    async with serving(calls) as client:
        for code, path, sent in asks:
            where = f"/callback/phone{path}?language={language}"
            told = await (await client.post(where, **sent)).json(content_type="application/problem+json")
            page = await client.post(where, **sent | {"headers": HTML | sent.get("headers", {})})
            assert (told["code"], told["title"]) == (code, words(code))
            assert (page.content_type, words(code) in unescape(await page.text())) == ("text/html", True)


def test_no_refusal_is_without_words() -> None:
    written = "".join(path.read_text("utf-8") for path in Path("channels/callback").glob("*.py"))
    codes = set(re.findall(r'Problem\(\d+, "(\w+)"', written)) | set(STATUS)
    assert {"not_found", "later", "code_missing", "slot_taken"} < codes <= page_texts("en").messages.keys()


@pytest.mark.slow
async def test_two_thousand_hostile_forms_are_refused_for_their_numbers_in_words_and_a_good_one_is_taken(
    calls: FakeCalls,
) -> None:
    draw, statuses, good = random.Random(6), Counter[int](), 0
    async with serving(calls, consent={"en": "yes?"}, per_number=10_000, per_address=10_000) as client:
        for turn in range(2_000):
            language = draw.choice(["en", "fr", "de", "zh", "es"])
            data = _hostile(draw) | {"consent": "yes"}
            if turn % 4 == 0:
                data["number"] = "+33 899 70 00 00"
            if turn % 97 == 0:
                data, good = GOOD | {"note": _noise(draw, 90)}, good + 1
            sent: dict[str, Any] = {"data": data} if turn % 2 else {"json": data}
            headers = HTML if turn % 2 else {}
            answer = await client.post(f"/callback/phone?language={language}", headers=headers, **sent)
            text = await answer.text()
            statuses[answer.status] += 1
            assert "<script>" not in text
            said = page_texts(language)
            assert (said(_fault_of(data)) if turn % 97 else _taken(said, turn)) in unescape(text), (data, text)

    assert statuses == {201: good, 422: 2_000 - good}
    assert len(calls.requests) == good > 20
    assert {asked.number for asked in calls.requests} == {"+33199001234"}


async def test_a_hundred_bodies_that_are_no_request_are_refused_in_words(calls: FakeCalls) -> None:
    draw = random.Random(7)
    async with serving(calls) as client:
        for _ in range(100):
            language = draw.choice(["en", "fr", "de", "zh", "es"])
            raw = _noise(draw, 200).encode()
            answer = await client.post(f"/callback/phone?language={language}", headers=HTML, data=raw)
            assert (answer.status, page_texts(language)("bad_body") in unescape(await answer.text())) == (400, True)
    assert calls.requests == []


async def test_a_field_that_is_too_long_loses_none_of_the_others(calls: FakeCalls) -> None:
    form = GOOD | {"name": "Mei", "note": "n" * 2_001}
    async with serving(calls) as client:
        answer = await client.post("/callback/phone?language=de", data=form, headers=HTML)
        text = await answer.text()
    assert answer.status == 422
    assert page_texts("de")("too_long") in text.partition('id="note-fault"')[2]
    assert 'value="Mei"' in text


def _noise(draw: random.Random, most: int) -> str:
    letters = "0123456789+ ()\x00\u202e<script>&\"'%=é中😀\n"
    return "".join(draw.choice(letters) for _ in range(draw.randrange(most)))


def _hostile(draw: random.Random) -> dict[str, str]:
    lengths = {
        "number": 80,
        "name": 100,
        "note": 90,
        "slot": 40,
        "tz": 60,
        "issue": 90,
        "language": 35,
        "when": 10,
        "t": 90,
    }
    names = draw.sample([*lengths, "x"], 4)
    return {name: _noise(draw, lengths.get(name, 90)) for name in names}


def _fault_of(data: dict[str, str]) -> str:
    """What is wrong with it, seen from outside: no such field, or a number that is not called."""
    if "x" in data:
        return "unknown_field"
    if not data.get("number", "").strip():
        return "number_missing"
    with pytest.raises(NumberRefused) as refused:
        read(data["number"], Policy())
    return f"number_{refused.value.code}"


def _taken(said: Texts, turn: int) -> str:
    return said("done") if turn % 2 else "7K3M-9QFX"


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_a_form_whose_request_needs_a_code_asks_for_it_without_a_script(calls: FakeCalls, language: str) -> None:
    calls.code, words, query = "123456", page_texts(language), f"?language={language}"
    async with serving(calls) as client:
        form = await (await client.get(f"/callback/phone{query}", headers=HTML)).text()
        hidden = _hidden(form, "id")
        sent = await client.post(f"/callback/phone{query}", data={**GOOD, "id": hidden}, headers=HTML)
        page = await sent.text()
        await client.post(f"/callback/phone{query}", data={**GOOD, "id": hidden}, headers=HTML)  # the page loaded again
        (one,) = calls.waiting
        token, where = _hidden(page, "token"), f"/callback/phone/{one}/code"
        other = await client.post(where + query, data={"token": token, "again": "1"})
        wrong = await client.post(where + query, data={"token": token, "code": "1"})
        missing = await client.post(where + query, data={"token": token, "code": " "})
        looked = await client.get(where + query, params={"token": token}, headers=HTML)
        stranger = await client.post(where + query, data={"token": token[:-1], "code": "123456"})
        nothing_yet = list(calls.kept)
        taken = await client.post(where + query, data={"token": token, "code": "123456"})

        assert (sent.status, other.status, looked.status, calls.codes) == (202, 202, 200, 2)
        assert words("code_sent", number="+33199001234") in unescape(page)
        assert 'autocomplete="one-time-code"' in page
        assert f'<html lang="{language}">' in page
        for answer, said in ((wrong, "code_wrong"), (missing, "code_missing")):
            assert (answer.status, words(said) in unescape(await answer.text())) == (422, True)
        assert (stranger.status, nothing_yet) == (403, [])
        assert (taken.status, list(calls.kept)) == (201, [one])
        assert words("done") in await taken.text()


async def test_an_application_hands_the_code_in(calls: FakeCalls) -> None:
    calls.code = "123456"
    async with serving(calls) as client:
        answer = await client.post("/callback/phone", json={"number": "+33199001234"})
        told = await answer.json()
        where, bearer = f"/callback/phone/{told['id']}/code", {"Authorization": f"Bearer {told['token']}"}
        again = await client.post(where, json={"again": "yes"}, headers=bearer)
        wrong = await client.post(where, json={"code": "1"}, headers=bearer)
        taken = await client.post(where, json={"code": "123456"}, headers=bearer)
        calls.code = None
        over = await client.post(where, json={"code": "123456"}, headers=bearer)
        change = await client.get(f"/callback/phone/{told['id']}", headers=bearer)

        assert (answer.status, told["code"]["to"]) == (202, "+33199001234")
        assert (again.status, await again.json()) == (202, told)
        assert (wrong.status, (await wrong.json())["code"]) == (422, "code_wrong")
        assert (taken.status, (await taken.json())["state"]) == (201, "requested")
        assert (over.status, (await over.json())["code"]) == (410, "code_over")
        assert change.status == 403  # the code's token is good for the code only


WAITED = {"number": "+33199001234;ext=12", "name": "Mei", "note": "the <card>", "language": "fr", "issue": "card"}
WAITED |= {"tz": "Asia/Tokyo", "when": "slot", "slot": MORNING.isoformat(), "consent": "yes"}


@pytest.mark.parametrize("code", ["code_over", "slot_taken", "no_time", "asked_already", "do_not_call", "code_no_way"])
@pytest.mark.parametrize("language", ["en", "fr", "de", "zh", "es"])
async def test_a_code_that_leads_nowhere_leads_to_the_form_as_it_was_filled_and_the_form_asks_again(
    calls: FakeCalls, language: str, code: str
) -> None:
    calls.code, query = "123456", f"?language={language}"
    place = await account(calls.clock, consent={"en": "I agree"})
    link = (place.callback_links.request_link("c-1") or "").partition("?t=")[2]
    app = web.Application()
    app.add_routes(routes({"phone": place}, doors(calls.clock, calls)))
    async with TestClient(TestServer(app)) as client:
        page = await (await client.post(f"/callback/phone{query}", data={**WAITED, "t": link, "id": "k1"})).text()
        (one,) = calls.waiting
        calls.failure = CallbackRefused(code)
        form = {"token": _hidden(page, "token"), "code": "123456"}
        answer = await client.post(f"/callback/phone/{one}/code{query}", data=form)
        text = unescape(await answer.text())
        application = await client.post(f"/callback/phone/{one}/code", json=form)
        calls.failure = None
        again = {"t": _hidden(text, "t"), "id": _hidden(text, "id"), "number": _value(text, "number")}
        asked = await client.post(f"/callback/phone{query}", data={**WAITED, **again})

    assert (answer.status, asked.status) == (application.status, 202)
    assert page_texts(language)(code) in text
    assert f'<html lang="{language}">' in text
    assert (_value(text, "number"), _value(text, "name"), again["t"]) == (WAITED["number"], "Mei", link)
    assert again["id"] not in ("", "k1", one)
    assert "<textarea" in text
    assert "the <card></textarea>" in text
    assert [_chosen(text, name) for name in ("language", "issue", "tz", "slot")] == [
        WAITED[name] for name in ("language", "issue", "tz", "slot")
    ]
    assert 'name="when" value="slot" checked' in text
    assert 'name="consent" value="yes" required checked' in text
    first, second = calls.waiting.values()
    assert second == replace(first, external_id=second.external_id)


async def test_a_code_of_a_request_that_is_forgotten_is_told_to_be_over(calls: FakeCalls) -> None:
    calls.code = "123456"
    async with serving(calls) as client:
        page = await (await client.post("/callback/phone?language=de", data=GOOD, headers=HTML)).text()
        (one,) = calls.waiting
        calls.code = None
        calls.waiting.clear()
        form = {"token": _hidden(page, "token"), "code": "123456"}
        answer = await client.post(f"/callback/phone/{one}/code?language=de", data=form)
        text = await answer.text()
    assert answer.status == 410
    assert page_texts("de")("code_over") in text
    assert 'href="/callback/phone?language=de"' in text


async def test_an_agents_link_vouches_for_the_customer_and_a_customers_does_not(calls: FakeCalls) -> None:
    calls.code = "123456"
    place = await account(calls.clock)
    app = web.Application()
    app.add_routes(routes({"phone": place}, doors(calls.clock, calls)))
    async with TestClient(TestServer(app)) as client:
        status = []
        for link in (place.callback_links.request_link("c1"), place.callback_links.agent_link("c1")):
            token = (link or "").partition("?t=")[2]
            answer = await client.post("/callback/phone", json={"number": "+33199001234", "t": token})
            status.append(answer.status)
    assert status == [202, 201]
    assert [one.token for one in calls.requests] == ["c1"]


def _chosen(page: str, name: str) -> str:
    options = page.partition(f'<select id="{name}"')[2].partition("</select>")[0]
    return options.partition('" selected>')[0].rpartition('value="')[2]


def _value(page: str, name: str) -> str:
    return page.partition(f'<input id="{name}"')[2].partition('value="')[2].partition('"')[0]


def _hidden(page: str, name: str) -> str:
    return page.partition(f'name="{name}" value="')[2].partition('"')[0]
