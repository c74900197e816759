"""What every route has in common: problems, strict bodies, headers, and the document that tells it all."""

import asyncio
from typing import Any

import pytest

from conversation.model.people import Role
from desk.http.readiness import Ready
from desk.http.routing import Routes
from tests.desk.conftest import House


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "json_syntax"),
        (b'{"state": NaN}', 400, "json_number"),
        (b'{"state": ' + b"9" * 5000 + b"}", 400, "json_number"),
        (b'{"state": "away", "state": "online"}', 400, "json_duplicate_key"),
        (b'{"state": ' + b"[" * 100 + b"]" * 100 + b"}", 400, "json_depth"),
        (b"[" * 90_000, 400, "json_syntax"),
        (b'{"state": "\xff"}', 400, "encoding"),
        (b'{"state": "\\u0000"}', 422, "json_character"),
        (b'{"state": "\\ud800"}', 422, "json_character"),
        (b'{"state": 1, "more": 2}', 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"", 422, "invalid"),
        (b'{"state": "' + b"x" * 200_000 + b'"}', 413, "too_large"),
    ],
)
async def test_a_hostile_body_is_answered_with_a_code(house: House, raw: bytes, status: int, code: str) -> None:
    agent = await house.hire("Agent")
    headers = {"Content-Type": "application/json"}
    found = await house.ask(agent, "PUT", "/api/v1/me/presence", headers=headers, data=raw)
    assert (found[0], found[1]["code"], found[1]["status"]) == (status, code, status)
    assert (await house.ask(agent, "PUT", "/api/v1/me/presence", {"state": "away"}))[0] == 200


async def test_all_faulty_fields_are_told_at_once(house: House) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)
    body = {"email": "nonsense", "name": "", "skills": {"payments": 9}, "capacity": {"chats": 1}, "extra": 1}
    status, problem = await house.ask(admin, "POST", "/api/v1/agents", body)
    assert status == 422
    fields = {fault["field"] for fault in problem["errors"]}
    assert {"email", "name", "skills.payments", "extra"} <= fields
    assert any(field.startswith("capacity") for field in fields)


async def test_only_json_is_read_as_json(house: House) -> None:
    agent = await house.hire("Agent")
    headers = {"Content-Type": "text/plain"}
    status, problem = await house.ask(agent, "PUT", "/api/v1/me/presence", headers=headers, data=b'{"state": "online"}')
    assert (status, problem["code"]) == (415, "unsupported_media_type")


async def test_unknown_paths_and_methods_are_problems_too(house: House) -> None:
    assert (await house.ask(None, "GET", "/api/v1/nothing"))[1]["code"] == "not_found"
    status, problem = await house.ask(None, "DELETE", "/api/v1/me")
    assert (status, problem["code"]) == (405, "method_not_allowed")
    async with house.client.delete("/api/v1/me") as answer:
        assert "GET" in answer.headers["Allow"]
        assert answer.content_type == "application/problem+json"


async def test_a_bug_tells_nothing_and_is_logged_once(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    agent = await house.hire("Agent")

    def broken() -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(house.services.supervisor, "health", broken)
    lead = await house.hire("Lead", role=Role.LEAD)
    status, problem = await house.ask(lead, "GET", "/api/v1/channels")
    assert (status, problem["code"]) == (500, "internal")
    assert "secret" not in str(problem)
    assert len([r for r in caplog.records if r.message == "request_failed"]) == 1
    assert (await house.ask(agent, "GET", "/api/v1/me"))[0] == 200


async def test_every_answer_carries_the_headers_of_its_door(house: House) -> None:
    async with house.client.get("/api/v1/me") as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    async with house.client.get("/desk/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    for path in ("/desk/../web.py", "/desk/%2e%2e/web.py", "/desk/..%2fweb.py"):
        async with house.client.get(path) as answer:
            assert answer.status == 404


async def test_metrics_are_for_this_host_or_the_token(house: House) -> None:
    async with house.client.get("/metrics") as answer:
        assert (answer.status, await answer.read()) == (200, b"up 1\n")
    proxied = {"X-Forwarded-For": "127.0.0.1"}
    async with house.client.get("/metrics", headers=proxied) as answer:
        assert answer.status == 403
    key = {**proxied, "Authorization": "Bearer for-the-scraper"}
    async with house.client.get("/metrics", headers=key) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("accepted", "coded"),
    [
        ("gzip", "gzip"),
        ("deflate, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.0, br", None),
        ("br", None),
        ("", None),
    ],
)
async def test_metrics_are_compressed_for_whoever_accepts_gzip(house: House, accepted: str, coded: str | None) -> None:
    async with house.client.get("/metrics", headers={"Accept-Encoding": accepted}) as answer:
        assert (answer.status, await answer.read()) == (200, b"up 1\n")
        assert answer.headers.get("Content-Encoding") == coded
        assert answer.headers["Vary"] == "Accept-Encoding"


async def test_a_token_for_metrics_that_is_no_text_is_a_wrong_token(house: House) -> None:
    at = house.client.make_url("/metrics")
    reader, writer = await asyncio.open_connection(at.host, at.port)  # aiohttp's client sends no such bytes
    asked = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 127.0.0.1\r\nConnection: close\r\n"
    writer.write(asked + b"Authorization: Bearer \xff\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
    writer.close()
    await writer.wait_closed()


async def test_readiness_names_what_is_not_well(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await house.ask(None, "GET", "/healthz") == (200, {"status": "ok"})
    assert (await house.ask(None, "GET", "/readyz"))[0] == 200

    async def unready() -> Ready:
        return Ready(parts={"database": "read-only"}, channels={"site": "up"})

    monkeypatch.setattr(house.services.readiness, "check", unready)
    async with house.client.get("/readyz") as answer:
        body = await answer.json()
        assert (answer.status, body["status"], body["parts"]["database"]) == (503, "unready", "read-only")
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("state", "status"), [("up", "ok"), ("starting", "ok"), ("degraded", "degraded"), ("down", "degraded")]
)
async def test_an_account_that_does_not_work_is_named_and_the_node_stays_ready(
    house: House, monkeypatch: pytest.MonkeyPatch, state: str, status: str
) -> None:
    async def ready() -> Ready:
        return Ready(parts={"database": "ok"}, channels={"mail": state, "site": "up"})

    monkeypatch.setattr(house.services.readiness, "check", ready)
    code, body = await house.ask(None, "GET", "/readyz")
    assert (code, body["status"], body["channels"]) == (200, status, {"mail": state, "site": "up"})


async def test_a_node_that_drains_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house.services.draining, "is_set", lambda: True)
    status, body = await house.ask(None, "GET", "/readyz")
    assert (status, body["parts"]) == (503, {"database": "ok", "draining": "going down"})


async def test_the_document_names_every_route_with_its_schemas(house: House) -> None:
    status, spec = await house.ask(None, "GET", "/api/v1/openapi.json")
    assert (status, spec["openapi"]) == (200, "3.1.0")
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) > 30
    for ref in _refs(spec):
        assert ref.rpartition("/")[2] in spec["components"]["schemas"], ref
    say = spec["paths"]["/api/v1/conversations/{id}/messages"]["post"]
    assert {"201", "200", "401", "404", "409", "422", "default"} <= set(say["responses"])
    assert say["security"]
    assert spec["paths"]["/api/v1/login"]["post"]["security"] == []


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for inner in value.values() for ref in _refs(inner)]
    return [ref for inner in value for ref in _refs(inner)] if isinstance(value, list) else []


async def test_the_page_of_the_contract_needs_no_script_and_no_stranger(house: House) -> None:
    async with house.client.get("/api/docs") as answer:
        text = await answer.text()
        assert answer.status == 200
        assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "<script" not in text
    assert "//" not in text.replace("http://desk.example", "")
    assert "/api/v1/conversations/{id}/take" in text


def test_a_route_needs_a_policy() -> None:
    with pytest.raises(TypeError):
        Routes("x").add("GET", "/x")  # type: ignore[call-arg]


async def test_people_are_added_once_and_tokens_shown_once(house: House) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)
    body = {"email": "New@Example.com", "name": "New", "languages": {"zh": 5}, "capacity": {"chat": 2}}
    headers = {"Idempotency-Key": "one"}
    first = await house.ask(admin, "POST", "/api/v1/agents", body, headers=headers)
    again = await house.ask(admin, "POST", "/api/v1/agents", body, headers=headers)
    assert (first[0], again[0], first[1]["id"]) == (201, 200, again[1]["id"])
    assert (first[1]["email"], first[1]["capacity"]["chat"]) == ("new@example.com", 2)
    assert (await house.ask(admin, "POST", "/api/v1/agents", body))[1]["code"] == "email_taken"
    status, token = await house.ask(admin, "POST", f"/api/v1/agents/{first[1]['id']}/tokens")
    assert status == 201
    assert token["token"].startswith("hg_")
    key = {"Authorization": f"Bearer {token['token']}"}
    assert (await house.ask(None, "GET", "/api/v1/me", headers=key))[1]["id"] == first[1]["id"]
    _, listed = await house.ask(admin, "GET", "/api/v1/agents")
    assert token["token"] not in str(listed)


async def test_an_admin_cannot_lock_themselves_out(house: House) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)
    for change in ({"role": "agent"}, {"disabled": True}):
        assert (await house.ask(admin, "PATCH", f"/api/v1/agents/{admin.id}", change))[0] == 409


async def test_the_rules_are_told_and_reloaded_in_the_admins_name(house: House) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)
    assert (await house.ask(admin, "GET", "/api/v1/rules"))[1]["revision"] == "r1"
    status, body = await house.ask(admin, "POST", "/api/v1/rules/reload")
    assert (status, body["revision"], body["by"]) == (200, "r2", admin.email.lower())


async def test_faulty_rules_are_told_line_by_line_and_nothing_is_applied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)

    async def refused(_actor: str) -> dict[str, object]:
        return {"revision": "r1", "applied": False, "faults": ["config.toml:7: there is no queue 'vipp'"]}

    monkeypatch.setattr(house.services.reloader, "reload_for_api", refused)
    status, problem = await house.ask(admin, "POST", "/api/v1/rules/reload")
    assert (status, problem["code"]) == (422, "rules_refused")
    assert problem["errors"] == [{"field": "config.toml:7", "message": "there is no queue 'vipp'"}]
