"""Bad input at every door: a refusal by code, never a 500, the bytes kept where that was promised, and the door still open."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.bad_calls import CASES, Case
from tests.faults.raw import PASSWORD, PNG, Answer, House, answered_at_once, exchange, form, hooked, message, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("bad_input")]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("bad")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'bad.db'}"
    else:
        url = request.getfixturevalue("durable_postgres").create()
    with serving(folder, url) as one:
        yield one


async def _quarantined(house: House, body: bytes) -> dict[str, Any]:
    digest, cursor = hashlib.sha256(body).hexdigest(), ""
    while True:
        page = (await exchange(house.url, "GET", f"/api/v1/quarantine?limit=200{cursor}", house.bearer)).json
        for row in page["items"]:
            if row["sha256"] == digest:
                found: dict[str, Any] = row
                return found
        assert page["next"], f"{digest} is not in quarantine"
        cursor = f"&cursor={page['next']}"


async def _control(house: House, door: str) -> tuple[Answer, int]:
    """A good call at the same door, and the status it deserves."""
    visitor = {"Authorization": f"Bearer {house.visitor}"}
    said = json.dumps({"id": secrets.token_hex(6), "text": "Still there?"}).encode()
    if door == "hooks":
        return await hooked(house, message()), 200
    if door == "chat":
        return await exchange(house.url, "POST", "/chat/site/messages", visitor, said), 200
    if door == "sessions":
        return await exchange(house.url, "POST", "/chat/site/sessions", {}, b"{}"), 200
    if door == "uploads":
        headers, body = form(PNG)
        return await exchange(house.url, "POST", "/chat/site/attachments", {**visitor, **headers}, body), 200
    if door == "login":
        body = json.dumps({"email": "admin@example.com", "password": PASSWORD}).encode()
        return await exchange(house.url, "POST", "/api/v1/login", {"Content-Type": "application/json"}, body), 200
    note = json.dumps({"id": secrets.token_hex(6), "text": "noted", "note": True}).encode()
    headers = {**house.bearer, "Content-Type": "application/json"}
    path = f"/api/v1/conversations/{house.conversation}/messages"
    return await exchange(house.url, "POST", path, headers, note), 201


def _told_well(answer: Answer) -> None:
    """A refusal is a problem document with a code; what the web server itself cannot read may be plain."""
    if answer.status >= 400 and answer.headers.get("content-type", "").startswith("application/problem"):
        assert answer.json["status"] == answer.status
        assert answer.json["code"]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_bad_input_is_refused_and_the_door_stays_open(house: House, case: Case) -> None:
    async def round_() -> float:
        async with asyncio.timeout(60):
            answer, body = await case.send(house)
        assert answer.status == case.status, (answer.status, answer.body[:500])
        _told_well(answer)
        if case.kept is not None:
            row = await _quarantined(house, body)
            assert (row["channel"], row["size"], row["code"]) == ("app", len(body), case.kept)
        started = time.monotonic()
        control, wanted = await _control(house, case.door)
        assert control.status == wanted, (control.status, control.body[:500])
        return time.monotonic() - started

    await answered_at_once(round_)


async def test_a_bad_item_stands_alone_among_good_ones(house: House) -> None:
    bad = [b'{"id": 5}', b'{"id": "x", "id": "y"}', b"17", b'{"id": "deep", "a": ' + b"[" * 60 + b"]" * 60 + b"}"]
    good = [message() for _ in range(4)]

    answer = await hooked(house, b"[" + b",".join(one for pair in zip(bad, good, strict=True) for one in pair) + b"]")

    assert answer.status == 200
    items = answer.json["items"]
    assert ["error" in item for item in items] == [True, False] * 4
    for raw, item in zip(bad, items[::2], strict=True):
        assert (await _quarantined(house, raw))["id"] == item["quarantined"]


async def test_quarantined_bytes_can_be_read_as_they_came(house: House) -> None:
    raw = b'{"id": "\xff\xfe kept"}'
    refused = await hooked(house, raw, x_trace=b"\xff odd")

    row = await exchange(house.url, "GET", f"/api/v1/quarantine/{refused.json['quarantine']}", house.bearer)

    assert row.status == 200
    assert base64.b64decode(row.json["raw"]) == raw
    assert "webhook-id" in row.json["headers"]
