"""The customers' door of calling back, on both databases: what it offers is what it takes, and a repeat changes nothing."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from channels.callback.site import routes
from router.flows.callbacks.verification_codes import CodeVerification
from tests.channels.callback.doors import FakeCalls, account, doors
from tests.router.flows.callbacks import test_verification_codes
from tests.router.flows.callbacks.test_callbacks import monday
from tests.router.flows.stage import Stage

FRENCH = {"number": "+33142685300", "issue": "topup", "language": "en"}

__all__ = ["monday"]  # it is Monday in Paris here, too


def without_code(stage: Stage) -> AbstractAsyncContextManager[CodeVerification]:
    return test_verification_codes.door(stage, code=None)


@asynccontextmanager
async def page(
    stage: Stage, behind: Callable[[Stage], AbstractAsyncContextManager[CodeVerification]] = without_code
) -> AsyncIterator[TestClient[Any, Any]]:
    """The account `phone` before a house with a real store."""
    app = web.Application()
    async with behind(stage) as calls:
        house = replace(
            doors(stage.clock, FakeCalls(stage.clock)),
            calls=calls.booking,
            verification=calls,
            issues=lambda: {"topup": {}, "unauthorised": {}},
        )
        app.add_routes(routes({"phone": await account(stage.clock)}, house))
        async with TestClient(TestServer(app)) as client:
            yield client


async def free(client: TestClient[Any, Any], told: Mapping[str, str]) -> list[str]:
    answer = await client.get("/callback/phone/slots", params=told)
    return [one["start"] for one in (await answer.json())["items"]]


async def test_a_repeat_gets_the_same_token_and_another_request_under_its_key_neither_a_token_nor_a_slot(
    stage: Stage,
) -> None:
    await stage.agent(capacity=1)
    key = {"Idempotency-Key": "k1"}
    async with page(stage) as client:
        before = await free(client, FRENCH)
        body = FRENCH | {"slot": before[1], "name": "Anna", "note": "a\x00b"}
        first = await (await client.post("/callback/phone", json=body, headers=key)).json()
        again = await (await client.post("/callback/phone", json=body, headers=key)).json()
        later = await client.post("/callback/phone", json=body | {"slot": before[3]}, headers=key)
        other = await client.post("/callback/phone", json=body | {"issue": "unauthorised"}, headers=key)
        after = await free(client, FRENCH)
        gone = await client.delete(f"/callback/phone/{first['id']}", params={"token": first["token"]})
        refused = [(one.status, await one.json()) for one in (later, other)]

    assert first == again
    assert (first["slot"]["start"], gone.status) == (before[1], 200)
    assert [(status, told["code"], "token" in told) for status, told in refused] == [(409, "idempotency", False)] * 2
    assert before[1] not in after
    assert before[3] in after  # what was refused holds no place


async def test_every_time_that_is_offered_by_a_number_alone_is_taken_for_it_and_no_other_is(stage: Stage) -> None:
    await stage.agent(capacity=100)
    any_zone = {"number": "+14155552671", "language": "en"}
    async with page(stage) as client:
        offered = await free(client, any_zone)
        new_york = await free(client, any_zone | {"tz": "America/New_York"})
        early = next(start for start in new_york if start not in offered)  # night in Honolulu
        tried = [early, offered[0], offered[-1]]
        status = []
        for number, start in enumerate(tried):
            asked = any_zone | {"number": f"+1415555267{number}", "slot": start}
            status.append((await client.post("/callback/phone", json=asked)).status)

    assert set(offered) < set(new_york)
    assert status == [409, 201, 201]


async def test_a_form_may_be_sent_anew_while_its_code_is_awaited_and_a_keyed_body_may_not(stage: Stage) -> None:
    await stage.agent(capacity=1)
    async with page(stage, test_verification_codes.door) as client:
        first, second = (await free(client, FRENCH))[:2]
        form = FRENCH | {"id": "0190", "when": "slot"}
        codes = [(await client.post("/callback/phone", data=form | {"slot": at})).status for at in (first, second)]
        offered = await free(client, FRENCH)
        keyed = [
            await client.post("/callback/phone", json=FRENCH | {"id": "0190", "slot": at}) for at in (second, first)
        ]
        told = await keyed[0].json()
        where, bearer = f"/callback/phone/{told['id']}/code", {"Authorization": f"Bearer {told['token']}"}
        taken = await (await client.post(where, json={"code": "000000"}, headers=bearer)).json()

    assert codes == [202, 202]
    assert (first in offered, second in offered) == (True, False)
    assert [one.status for one in keyed] == [202, 409]
    assert taken["slot"]["start"] == second
