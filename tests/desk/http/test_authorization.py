"""Who may do what: every route of the table, every role, and objects that are one's own, another queue's, or nobody's."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import FormData, web

from conversation.model.people import Agent, Role
from desk.api import attachments
from desk.app import PUBLIC_PATHS, api_routes, unguarded_paths
from desk.http.api_docs import docs_routes
from desk.http.authentication import Who
from desk.http.routing import Route, methods_of
from tests.desk.conftest import House

ROUTES = [*api_routes(), *docs_routes(api_routes(), "Example")]
RANK = {None: 0, Role.AGENT: 1, Role.LEAD: 2, Role.ADMIN: 3}
NEEDED = {Who.PUBLIC: 0, Who.AGENT: 1, Who.LEAD: 2, Who.ADMIN: 3}
BODIES: dict[str, object] = {
    "mark_read": {"seq": 1},
    "transfer": {"queue": "general"},
    "snooze": {"until": "2026-11-24T10:00:00+08:00"},
    "label": {"labels": ["x"]},
    "say": {"id": "one", "text": "hello"},
    "resolve": {"as": "sent"},
    "outcome": {"outcome": "done"},
    "move_call": {"slot": None},
}
OF_A_CONVERSATION = [route for route in ROUTES if "/conversations/{id}" in route.path]


def path_of(route: Route, identifier: str) -> str:
    return route.path.replace("{id}", identifier).replace("{message}", identifier)


def test_every_path_of_the_application_is_in_the_table_or_a_named_open_door(house: House) -> None:
    app = house.client.app
    assert list(unguarded_paths(app)) == []
    in_table = {(method, route.path) for route in ROUTES for method in methods_of(route)}
    for route in app.router.routes():
        canonical = route.resource.canonical if route.resource else ""
        if canonical.startswith("/api"):
            assert (route.method, canonical) in in_table
        else:
            assert canonical == "/" or canonical.startswith(tuple(PUBLIC_PATHS))


def test_a_route_nobody_thought_about_is_a_fault_at_start() -> None:
    async def secret(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/secret", secret)
    assert list(unguarded_paths(app)) == ["/secret"]


@pytest.mark.parametrize("role", [None, Role.AGENT, Role.LEAD, Role.ADMIN])
async def test_each_role_passes_exactly_the_routes_that_are_for_it(house: House, role: Role | None) -> None:
    caller = await house.hire("Caller", role=role) if role else None
    for route in ROUTES:
        if route.name in ("openapi", "docs", "logout"):
            continue
        headers = house.key(caller)
        async with house.client.request(route.method, path_of(route, "none"), headers=headers) as answer:
            allowed = RANK[role] >= NEEDED[route.who]
            refused = 401 if caller is None else 403
            assert (answer.status != refused) == allowed, (route.name, answer.status)
            assert answer.status < 500, route.name


async def _cast(house: House) -> dict[str, Agent]:
    return {
        "served": await house.hire("Served", skills={"payments": 3}),
        "other": await house.hire("Other", skills={"safety": 3}),
        "named": await house.hire("Named", skills={"payments": 3}, queues=("safety",)),
        "lead": await house.hire("Lead", role=Role.LEAD),
        "admin": await house.hire("Admin", role=Role.ADMIN),
    }


_OF_A_MESSAGE = ("resolve", "formatted")  # and the message of these calls is not there


@pytest.mark.parametrize("route", OF_A_CONVERSATION, ids=lambda route: str(route.name))
async def test_what_one_may_not_see_answers_like_what_is_not_there(house: House, route: Route) -> None:
    cast = await _cast(house)
    made = await house.talk("payments")
    missing = await house.ask(cast["other"], route.method, path_of(route, "no-such-id"), BODIES.get(route.name))
    assert missing[0] == 404
    for name in ("other", "named"):
        status, body = await house.ask(cast[name], route.method, path_of(route, made.id), BODIES.get(route.name))
        assert (status, body["code"]) == (404, "not_found"), name
        assert body == missing[1]
    for name in ("served", "lead", "admin"):
        seen = await house.ask(cast[name], route.method, path_of(route, made.id), BODIES.get(route.name))
        assert seen[0] != 403
        assert seen[0] != 404 or seen[1]["code"] in ("no_decision", "no_callback") or route.name in _OF_A_MESSAGE, (
            name,
            seen,
        )


async def test_a_list_holds_what_the_caller_may_see_and_no_more(house: House) -> None:
    cast = await _cast(house)
    payments, safety = await house.talk("payments"), await house.talk("safety")
    general, gone = await house.talk("general"), await house.talk("a-queue-of-yesterday")
    wanted: dict[str, set[str]] = {
        "served": {payments.id, general.id},
        "other": {safety.id, general.id},
        "named": {safety.id},
        "lead": {payments.id, safety.id, general.id, gone.id},
    }
    for name, ids in wanted.items():
        _, body = await house.ask(cast[name], "GET", "/api/v1/conversations")
        assert {item["id"] for item in body["items"]} == ids, name


async def test_a_foreign_queue_in_the_filter_shows_nothing_of_it(house: House) -> None:
    cast = await _cast(house)
    await house.talk("safety")
    _, body = await house.ask(cast["served"], "GET", "/api/v1/conversations?queue=safety")
    assert body["items"] == []


async def test_a_customer_is_known_only_through_a_conversation_one_may_see(house: House) -> None:
    cast = await _cast(house)
    made = await house.talk("safety")
    status, body = await house.ask(cast["other"], "GET", f"/api/v1/customers/{made.customer}")
    assert (status, body["name"], [c["id"] for c in body["conversations"]]) == (200, "李雷", [made.id])
    assert (await house.ask(cast["served"], "GET", f"/api/v1/customers/{made.customer}"))[0] == 404


async def test_a_file_is_seen_by_who_sent_it_until_it_is_named_and_then_by_who_sees_the_conversation(
    house: House,
) -> None:
    cast = await _cast(house)
    served, other = cast["served"], cast["other"]
    url = "/api/v1/attachments?name=a%22%0D%0Ab.png"
    async with house.client.post(url, data=b"\x89PNG....", headers=house.key(served)) as answer:
        assert answer.status == 201
        file = (await answer.json())["id"]
    assert (await house.ask(other, "GET", f"/api/v1/attachments/{file}"))[0] == 404
    made = await house.talk("payments")
    body = {"id": "1", "text": "see", "attachments": [file]}
    assert (await house.ask(served, "POST", f"/api/v1/conversations/{made.id}/messages", body))[0] == 201
    assert (await house.ask(other, "GET", f"/api/v1/attachments/{file}"))[0] == 404
    async with house.client.get(f"/api/v1/attachments/{file}", headers=house.key(cast["lead"])) as answer:
        assert answer.status == 200
        assert await answer.read() == b"\x89PNG...."
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
        assert "\r" not in answer.headers["Content-Disposition"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
        assert "no-store" in answer.headers["Cache-Control"]


async def test_nobody_names_a_file_that_another_agent_brought(house: House) -> None:
    cast = await _cast(house)
    async with house.client.post("/api/v1/attachments", data=b"\x89PNG", headers=house.key(cast["other"])) as answer:
        file = (await answer.json())["id"]
    made = await house.talk("payments")
    for number, named in enumerate((file, "removed")):  # one answer for both
        body = {"id": f"{number}", "text": "see", "attachments": [named]}
        status, told = await house.ask(cast["served"], "POST", f"/api/v1/conversations/{made.id}/messages", body)
        assert (status, told["code"]) == (409, "attachment_gone")


async def test_a_disabled_agent_is_nobody(house: House) -> None:
    cast = await _cast(house)
    agent = cast["served"].id
    assert (await house.ask(cast["admin"], "PATCH", f"/api/v1/agents/{agent}", {"disabled": True}))[0] == 200
    assert (await house.ask(cast["served"], "GET", "/api/v1/me"))[0] == 401


async def test_no_field_is_assigned_that_the_contract_does_not_name(house: House) -> None:
    cast = await _cast(house)
    for extra in ("id", "created_at", "password_hash", "token"):
        change: dict[str, Any] = {extra: "x"}
        status, body = await house.ask(cast["admin"], "PATCH", f"/api/v1/agents/{cast['served'].id}", change)
        assert (status, body["errors"][0]["field"]) == (422, extra)


async def test_a_file_may_come_as_a_form_and_never_beyond_the_limit_or_of_a_type_that_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "LARGEST_UPLOAD", 200_000)
    agent = await house.hire("Agent")
    form = FormData()
    form.add_field("file", b"\x89PNG" + b"x" * 150_000, filename="../../图.png", content_type="text/html")
    async with house.client.post("/api/v1/attachments", data=form, headers=house.key(agent)) as answer:
        body = await answer.json()
        assert (answer.status, body["type"], body["size"]) == (201, "image/png", 150_004)
    for raw, status in ((b"\x89PNG" + b"x" * 300_000, 413), (b"<script>", 422)):
        async with house.client.post("/api/v1/attachments", data=raw, headers=house.key(agent)) as answer:
            assert answer.status == status
        chunked = _in_pieces(raw)
        async with house.client.post("/api/v1/attachments", data=chunked, headers=house.key(agent)) as answer:
            assert answer.status == status


async def _in_pieces(raw: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), 50_000):
        yield raw[at : at + 50_000]
