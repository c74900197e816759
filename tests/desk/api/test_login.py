"""Coming in: passwords, one-time tokens, cookies, origins and limits."""

import asyncio
import threading
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse
from argon2 import PasswordHasher

from conversation.model.people import Agent, Role
from conversation.model.trusted_proxies import Proxies
from desk.http import passwords
from desk.http.passwords import hash_password, password_fits
from desk.http.tokens import new_token
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


@pytest.fixture
def behind_a_proxy(house: House) -> House:
    """The documented proxy: on this machine, named, and it says for whom it asks."""
    object.__setattr__(house.services, "proxies", Proxies((ip_network("127.0.0.0/8"),)))
    return house


def of(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def guesses(house: House, count: int, body: dict[str, str], **headers: str) -> list[int]:
    return [(await login(house, body, **headers)).status for _ in range(count)]


async def test_wrong_guesses_of_a_stranger_behind_the_proxy_do_not_delay_the_agent(behind_a_proxy: House) -> None:
    house, stranger = behind_a_proxy, of("203.0.113.9")
    agent = await person(house)
    assert await guesses(house, 5, {"email": agent.email, "password": "wrong"}, **stranger) == [401] * 3 + [429] * 2
    refused = await login(house, {"email": agent.email, "password": PASSWORD}, **stranger)
    assert (refused.status, (await refused.json())["code"]) == (429, "too_many_logins")
    assert refused.headers["Retry-After"] == "1"
    assert (await login(house, {"email": agent.email, "password": PASSWORD}, **of("198.51.100.1"))).status == 200
    house.clock.advance(timedelta(seconds=1))
    assert (await login(house, {"email": agent.email, "password": PASSWORD}, **stranger)).status == 200


async def test_fifty_wrong_guesses_behind_the_proxy_lock_out_nobody_else(behind_a_proxy: House) -> None:
    house = behind_a_proxy
    agents = [await person(house) for _ in range(3)]
    for number in range(50):
        email = agents[number].email if number < 3 else f"guess{number}@example.com"
        assert await guesses(house, 1, {"email": email, "password": "wrong"}, **of("2001:db8:0:1::1")) in ([401], [429])
    assert await guesses(house, 1, {"email": "x@example.com", "password": "wrong"}, **of("2001:db8:0:1::2")) == [429]
    for place, agent in enumerate(agents):
        answer = await login(house, {"email": agent.email, "password": PASSWORD}, **of(f"2001:db8:0:2::{place}"))
        assert answer.status == 200


@pytest.mark.parametrize("proxies", [(), ("10.0.0.0/8",)])
async def test_behind_a_proxy_that_is_not_named_a_stranger_locks_out_nobody_else(
    house: House, proxies: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    object.__setattr__(house.services, "proxies", Proxies(tuple(ip_network(one) for one in proxies)))
    mei, wei = await person(house), await person(house)
    for number in range(60):
        email = mei.email if number % 2 else f"guess{number}@example.com"
        await login(house, {"email": email, "password": "wrong"}, **of("203.0.113.9"))
    assert (await login(house, {"email": wei.email, "password": PASSWORD}, **of("198.51.100.1"))).status == 200
    attacked = await login(house, {"email": mei.email, "password": PASSWORD}, **of("198.51.100.2"))
    assert (attacked.status, int(attacked.headers["Retry-After"])) == (429, 1)
    assert [record.message for record in caplog.records].count("proxy_not_named") == 1


async def test_a_device_that_logged_in_before_is_not_delayed_by_strangers(house: House) -> None:
    agent = await person(house)
    answer = await login(house, {"email": agent.email, "password": PASSWORD})
    device = answer.cookies["huntgroup-device"]
    assert (device["httponly"], device["samesite"], device["path"]) == (True, "Strict", "/")
    house.client.session.cookie_jar.clear()
    assert 429 in await guesses(house, 9, {"email": agent.email, "password": "wrong"})
    right = {"email": agent.email, "password": PASSWORD}
    assert (await login(house, right)).status == 429
    forged = {"Cookie": f"huntgroup-device={'0' * 64}"}
    assert (await login(house, right, **forged)).status == 429
    known = {"Cookie": f"huntgroup-device={device.value}"}
    assert (await login(house, right, **known)).status == 200
    house.client.session.cookie_jar.clear()
    assert (await house.client.get("/api/v1/me", headers=known)).status == 401  # it opens nothing
    other = await person(house)
    assert 429 in await guesses(house, 5, {"email": other.email, "password": "wrong"}, **known)


async def test_a_new_password_forgets_the_devices(house: House) -> None:
    agent = await person(house)
    device = (await login(house, {"email": agent.email, "password": PASSWORD})).cookies["huntgroup-device"].value
    async with house.store.begin("test") as work:
        await work.agents.update(agent, password_hash=await hash_password("another long password"))
    house.client.session.cookie_jar.clear()
    await guesses(house, 3, {"email": agent.email, "password": "wrong"})
    body = {"email": agent.email, "password": "another long password"}
    assert (await login(house, body, Cookie=f"huntgroup-device={device}")).status == 429


async def test_guessed_tokens_are_delayed_by_network_and_delay_no_other(behind_a_proxy: House) -> None:
    house = behind_a_proxy
    agent = await person(house)
    token, digest, prefix = new_token("login")
    async with house.store.begin("test") as work:
        until = house.clock.now() + timedelta(minutes=10)
        await work.agents.add_token(agent.id, digest=digest, kind="login", prefix=prefix, until=until)
    codes = [(await login(house, {"token": f"hgl_{n}"}, **of("203.0.113.9"))).status for n in range(25)]
    assert codes == [401] * 21 + [429] * 4
    assert (await login(house, {"token": token}, **of("198.51.100.1"))).status == 200


async def test_a_flood_of_logins_keeps_no_thread_from_anything_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, release = await person(house), threading.Event()

    def slow(_stored: str, _password: str) -> bool:
        return release.wait(30)

    monkeypatch.setattr(passwords, "_fits", slow)
    flood = [
        asyncio.create_task(login(house, {"email": f"guess{number}@example.com", "password": "x"}))
        for number in range(40)
    ]
    try:
        refused, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        answer = next(iter(refused)).result()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        sent = house.client.post("/api/v1/attachments?name=a.png", data=b"\x89PNG", headers=house.key(agent))
        async with asyncio.timeout(20):
            assert (await sent).status == 201
            await asyncio.to_thread(int)
        assert not release.is_set()
    finally:
        release.set()
        await asyncio.gather(*flood)


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
