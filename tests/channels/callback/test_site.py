"""The customers' door: page, slots, requests, links; with a browser's form and with an application's JSON."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.callback.site import routes
from channels.callback.words import WORDS
from conversation.calling import CallRefused
from conversation.errors import Overloaded
from tests.channels.callback.doors import MORNING, FakeCalls, account, doors
from tests.fakes import FakeClock

GOOD = {"number": "+33199001234", "consent": "yes"}
HTML = {"Accept": "text/html"}


@asynccontextmanager
async def serving(calls: FakeCalls, **settings: Any) -> AsyncIterator[TestClient[Any, Any]]:
    app = web.Application()
    app.add_routes(routes({"phone": await account(calls.clock, **settings)}, doors(calls.clock, calls)))
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def calls(clock: FakeClock) -> FakeCalls:
    return FakeCalls(clock)


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh"])
async def test_the_page_speaks_the_customers_language_and_needs_no_script(calls: FakeCalls, language: str) -> None:
    async with serving(calls, consent={"en": "I agree <b>", "fr": "D'accord"}) as client:
        answer = await client.get("/callback/phone", headers={"Accept-Language": f"xx, {language}-XX;q=0.9"})
        text = await answer.text()

    assert answer.status == 200
    assert f'<html lang="{language}">' in text
    assert WORDS[language]["title"] in text
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
    assert calls.wishes[-1].issue == "card"
    assert bad.status == 422


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
        assert WORDS["de"]["slot_taken"] in await form.text()


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


@pytest.mark.parametrize("language", ["en", "fr", "de", "zh"])
async def test_every_field_at_fault_is_named_beside_it_in_the_persons_language(calls: FakeCalls, language: str) -> None:
    async with serving(calls, consent={"en": "I agree"}) as client:
        form = {"number": "112", "country": "FR", "when": "slot", "slot": "", "issue": "nonsense"}
        answer = await client.post(f"/callback/phone?language={language}", data=form, headers=HTML)
        text = await answer.text()
        told = await (await client.post("/callback/phone", json={"number": "112", "country": "FR"})).json()

    said = WORDS[language]
    assert answer.status == 422
    for code in ("number_emergency", "slot_missing", "consent_needed", "unknown_choice"):
        assert said[code].replace("'", "&#x27;") in text
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


async def test_a_link_proves_its_conversation_and_a_made_up_one_does_not(calls: FakeCalls) -> None:
    made = await account(calls.clock)
    token = (made.link("c-1") or "").partition("?t=")[2]
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
    [(Overloaded("full"), 503), (CallRefused("do_not_call"), 422), (CallRefused("asked_already"), 409)],
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


@pytest.mark.slow
async def test_two_thousand_hostile_forms_are_refused_in_words_and_nothing_is_asked_for(calls: FakeCalls) -> None:
    draw = random.Random(6)
    letters = "0123456789+ ()\x00\u202e<script>&\"'%=é中😀\n"
    statuses: dict[int, int] = {}

    def noise(most: int) -> str:
        return "".join(draw.choice(letters) for _ in range(draw.randrange(most)))

    async with serving(calls, consent={"en": "yes?"}, per_number=10_000) as client:
        for turn in range(2_000):
            names = draw.sample(["number", "name", "note", "slot", "tz", "issue", "language", "when", "t", "x"], 4)
            data: dict[str, Any] = {name: noise(90) for name in names}
            if turn % 4 == 0:
                data |= {"number": "+33 899 70 00 00"}
            raw = noise(200).encode() if turn % 5 == 0 else None
            language = draw.choice(["en", "fr", "de", "zh"])
            sent = {"data": raw or data} if turn % 2 or raw else {"json": data}
            answer = await client.post(f"/callback/phone?language={language}", headers=HTML, **sent)
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            text = await answer.text()
            assert f'lang="{language}"' in text
            assert "<script>" not in text

    assert set(statuses) <= {400, 403, 422}, statuses
    assert calls.requests == []
