"""Coming in: passwords, one-time tokens, cookies, origins and limits."""

from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from argon2 import PasswordHasher

from conversation.people import Agent, Role
from desk import passwords
from desk.passwords import hash_password, password_fits
from desk.tokens import new_token
from tests.desk.conftest import House

PASSWORD = "correct horse battery"
USUAL = passwords._HASHER


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a hash hard to guess makes a test slow, and nothing here depends on it."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_hashes_are_as_hard_as_rfc_9106_asks() -> None:
    assert (USUAL.type.name, USUAL.time_cost, USUAL.parallelism) == ("ID", 3, 4)
    assert USUAL.memory_cost >= 64 * 1024  # KiB


async def person(house: House, **values: Any) -> Agent:
    agent = await house.hire("Person", **values)
    digest = await hash_password(PASSWORD)
    async with house.store.begin("test") as work:
        await work.agents.update(agent, password_hash=digest)
    return agent


async def login(house: House, body: object, **headers: str) -> ClientResponse:
    return await house.client.post("/api/v1/login", json=body, headers=headers)


async def test_a_password_opens_a_session_whose_cookie_no_script_can_read(house: House) -> None:
    agent = await person(house)
    answer = await login(house, {"email": agent.email.upper(), "password": PASSWORD})
    assert answer.status == 200
    cookie = answer.cookies["huntgroup"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    me = await house.client.get("/api/v1/me")
    assert (await me.json())["id"] == agent.id


async def test_over_tls_the_cookie_is_secure_and_pinned_to_the_host(house: House) -> None:
    agent = await person(house)
    object.__setattr__(house.services, "public_url", "https://desk.example")
    answer = await login(house, {"email": agent.email, "password": PASSWORD})
    assert "__Host-huntgroup=" in answer.headers["Set-Cookie"]
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]


async def test_logging_out_ends_the_session_everywhere(house: House) -> None:
    agent = await person(house)
    answer = await login(house, {"email": agent.email, "password": PASSWORD})
    token = answer.cookies["huntgroup"].value
    assert (await house.client.post("/api/v1/logout")).status == 200
    answer = await house.client.get("/api/v1/me", headers={"Cookie": f"huntgroup={token}"})
    assert answer.status == 401


async def test_a_one_time_token_opens_one_session(house: House) -> None:
    agent = await person(house)
    token, digest, prefix = new_token("login")
    until = house.clock.now() + timedelta(minutes=10)
    async with house.store.begin("test") as work:
        await work.agents.add_token(agent.id, digest=digest, kind="login", prefix=prefix, until=until)
    assert (await login(house, {"token": token})).status == 200
    assert (await login(house, {"token": token})).status == 401


async def test_a_stranger_and_a_wrong_password_get_the_same_answer(house: House) -> None:
    agent = await person(house)
    wrong = await login(house, {"email": agent.email, "password": "wrong"})
    nobody = await login(house, {"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status == nobody.status == 401
    assert await wrong.json() == await nobody.json()


async def test_without_a_stored_hash_every_password_is_wrong() -> None:
    assert not await password_fits(None, "nobody has this password")
    assert not await password_fits("no hash at all", PASSWORD)


async def test_the_sixth_failure_within_five_minutes_must_wait(house: House) -> None:
    agent, body = await person(house), {"password": "wrong"}
    for _ in range(5):
        assert (await login(house, {"email": agent.email, **body})).status == 401
    answer = await login(house, {"email": agent.email, "password": PASSWORD})
    assert (answer.status, (await answer.json())["code"]) == (429, "too_many_logins")
    assert 0 < int(answer.headers["Retry-After"]) <= 301
    spoofed = await login(house, {"email": agent.email, "password": PASSWORD}, **{"X-Forwarded-For": "9.9.9.9"})
    assert spoofed.status == 429
    house.clock.advance(timedelta(minutes=5, seconds=1))
    assert (await login(house, {"email": agent.email, "password": PASSWORD})).status == 200


async def test_right_passwords_are_not_counted(house: House) -> None:
    agent = await person(house)
    for _ in range(8):
        assert (await login(house, {"email": agent.email, "password": PASSWORD})).status == 200


@pytest.mark.parametrize("body", [{}, {"email": "a@b.c"}, {"token": "x", "email": "a@b.c", "password": "p"}, []])
async def test_half_a_login_is_a_fault(house: House, body: object) -> None:
    assert (await login(house, body)).status == 422


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://desk.example.evil.example"])
async def test_another_sites_page_changes_nothing(house: House, origin: str) -> None:
    agent = await person(house)
    refused = await login(house, {"email": agent.email, "password": PASSWORD}, Origin=origin)
    assert (refused.status, (await refused.json())["code"]) == (403, "wrong_origin")
    await login(house, {"email": agent.email, "password": PASSWORD})
    answer = await house.client.put("/api/v1/me/presence", json={"state": "online"}, headers={"Origin": origin})
    assert answer.status == 403
    assert (await house.client.get("/api/v1/events", headers={"Origin": origin})).status == 403


async def test_our_own_page_may(house: House) -> None:
    agent = await person(house)
    await login(house, {"email": agent.email, "password": PASSWORD})
    here = str(house.client.make_url("/")).rstrip("/")
    for origin in ("http://desk.example", here):
        answer = await house.client.put("/api/v1/me/presence", json={"state": "away"}, headers={"Origin": origin})
        assert answer.status == 200


async def test_a_session_ends_by_itself(house: House) -> None:
    agent = await person(house)
    await login(house, {"email": agent.email, "password": PASSWORD})
    house.clock.advance(timedelta(hours=13))
    assert (await house.client.get("/api/v1/me")).status == 401


async def test_a_session_token_is_no_bearer_token(house: House) -> None:
    agent = await person(house)
    answer = await login(house, {"email": agent.email, "password": PASSWORD})
    token = answer.cookies["huntgroup"].value
    house.client.session.cookie_jar.clear()
    answer = await house.client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 401


async def test_a_new_password_ends_the_sessions_of_the_old_one(house: House) -> None:
    agent = await person(house)
    admin = await house.hire("Admin", role=Role.ADMIN)
    await login(house, {"email": agent.email, "password": PASSWORD})
    change = {"password": "another long password"}
    assert (await house.ask(admin, "PATCH", f"/api/v1/agents/{agent.id}", change))[0] == 200
    assert (await house.client.get("/api/v1/me")).status == 401
