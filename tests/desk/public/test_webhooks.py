"""The providers' door: acknowledged after the commit, refused with a reason, and never lost silently."""

import hashlib
import json
from typing import Any

import pytest

from conversation.errors import Overloaded, StoreUnavailable
from tests.desk.conftest import House


async def call(house: House, raw: bytes, *, signed: bool = True) -> tuple[int, Any, dict[str, str]]:
    signature = hashlib.sha256(raw).hexdigest() if signed else "wrong"
    headers = {"X-Signature": signature, "Content-Type": "application/json", "Cookie": "secret=1"}
    async with house.client.post("/hooks/app", data=raw, headers=headers) as answer:
        return answer.status, json.loads(await answer.text()), dict(answer.headers)


async def test_what_the_inbox_took_is_answered_in_the_channels_words(house: House) -> None:
    status, body, _ = await call(house, b'{"id": "1", "text": "hi"}')
    assert (status, body) == (200, {"items": [{"id": "1", "conversation": "conversation-1"}]})
    assert len(house.inbox.events) == 1


async def test_a_large_body_is_read_off_the_loop_and_taken(house: House) -> None:
    status, _, _ = await call(house, json.dumps({"id": "1", "text": "x" * 70_000}).encode())
    assert status == 200


async def test_a_wrong_signature_is_counted_and_kept_nowhere(house: House) -> None:
    status, body, _ = await call(house, b'{"id": "1", "text": "hi"}', signed=False)
    assert (status, body["code"]) == (401, "signature_rejected")
    assert house.counted["hooks.signature_rejected"] == 1
    assert house.inbox.put_aside == []


@pytest.mark.parametrize(("raw", "status", "code"), [(b"{", 400, "json_syntax"), (b"bug", 500, "bug")])
async def test_what_cannot_be_read_is_put_aside_before_the_answer(
    house: House, raw: bytes, status: int, code: str
) -> None:
    found, body, _ = await call(house, raw)
    assert (found, body["code"], body["sha256"]) == (status, code, hashlib.sha256(raw).hexdigest())
    assert body["quarantine"] == "quarantine-1"
    assert house.inbox.put_aside[0][:2] == ("app", raw)
    assert (await call(house, b'{"id": "1", "text": "hi"}'))[0] == 200


@pytest.mark.parametrize("failure", [Overloaded("full"), StoreUnavailable("gone")])
async def test_what_could_not_be_stored_is_not_acknowledged(house: House, failure: Exception) -> None:
    house.inbox.failure = failure
    status, _, headers = await call(house, b'{"id": "1", "text": "hi"}')
    assert status == 503
    assert int(headers["Retry-After"]) > 0
    house.inbox.failure = None
    assert (await call(house, b'{"id": "1", "text": "hi"}'))[0] == 200


async def test_a_body_over_the_limit_is_counted(house: House) -> None:
    status, body, _ = await call(house, b"x" * 100_001)
    assert (status, body["code"]) == (413, "too_large")
    assert house.counted["hooks.too_large"] == 1


@pytest.mark.parametrize("name", ["site", "nobody", "%00"])
async def test_a_channel_without_a_webhook_is_not_there(house: House, name: str) -> None:
    async with house.client.post(f"/hooks/{name}", data=b"{}") as answer:
        assert answer.status == 404


async def test_a_house_that_goes_down_asks_to_come_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.services.draining, "is_set", lambda: True)
    status, _, headers = await call(house, b'{"id": "1", "text": "hi"}')
    assert (status, headers["Retry-After"]) == (503, "5")
