"""The chat's addresses over loopback: sessions, messages, files, origins, the page and its fences."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import jwt
import pytest
from aiohttp import ClientResponse, FormData, web
from aiohttp.test_utils import TestClient, TestServer

from channels.registry import settings_faults
from channels.webchat import create, upload_deadline
from channels.webchat.settings import Settings
from channels.webchat.site import routes
from conversation.errors import Overloaded, StoreUnavailable
from conversation.model.message import Author, AuthorKind, Direction
from conversation.model.trusted_proxies import Proxies
from tests.channels.webchat.fake_ports import Cards
from tests.contracts.channel import NOW
from tests.contracts.tools import Bench
from tests.fakes import FakeClock

SECRET = "the operator's own secret, long enough for HS256"
PICTURE = b"\x89PNG\r\n\x1a\n picture"
SHOP = "https://shop.example"

Client = TestClient[web.Request, web.Application]


@asynccontextmanager
async def chat(cards: Cards, **settings: object) -> AsyncIterator[Client]:
    given = {"origins": [SHOP], "identity_secret": SECRET, **settings}
    account = create("site", given, Bench(clock=cards.clock).tools())
    app = web.Application()
    app.add_routes(routes({"site": account}, cards.fake_ports()))
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield client
    await cards.keeper.close()


@pytest.fixture
def cards() -> Cards:
    return Cards(clock=FakeClock(NOW))


@pytest.fixture
async def client(cards: Cards) -> AsyncIterator[Client]:
    async with chat(cards) as client:
        yield client


async def session(client: Client, **body: object) -> tuple[dict[str, str], str]:
    answer = await client.post("/chat/site/sessions", json=body)
    assert answer.status == 200, await answer.text()
    data = await answer.json()
    return {"Authorization": f"Bearer {data['token']}"}, data["visitor"]


async def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status == status, await answer.text()
    assert answer.content_type == "application/problem+json"
    body: dict[str, Any] = await answer.json(content_type=None)
    assert body["status"] == status
    return body


async def test_a_message_is_taken_once_however_often_it_is_sent(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    said = {"id": "11111111-2222-3333-4444-555555555555", "text": "充值不成功"}
    answers = [await (await client.post("/chat/site/messages", json=said, headers=bearer)).json() for _ in range(3)]
    assert answers == [{"seq": 1, "id": said["id"], "conversation": f"c-{visitor}"}] * 3
    assert len(cards.events) == 1


async def test_the_same_id_with_other_words_is_409(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    for text in ("one", "one"):
        answer = await client.post("/chat/site/messages", json={"id": "1", "text": text}, headers=bearer)
        assert answer.status == 200
    other = await client.post("/chat/site/messages", json={"id": "1", "text": "another"}, headers=bearer)
    assert (await problem(other, 409))["code"] == "idempotency_mismatch"
    assert [event.text for event in cards.events] == ["one"]


async def test_messages_are_read_from_a_seq_page_by_page(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    for number in range(5):
        cards.agent_writes(visitor, f"answer {number}")
    page = await (await client.get("/chat/site/messages?after=1&limit=2", headers=bearer)).json()
    assert [item["seq"] for item in page["items"]] == [2, 3]
    assert page["next"] == 3
    rest = await (await client.get("/chat/site/messages?after=3", headers=bearer)).json()
    assert [item["seq"] for item in rest["items"]] == [4, 5]
    assert rest["next"] is None


async def test_a_visitor_learns_an_agents_name_and_nothing_more(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    cards.agent_writes(visitor, "hello")
    text = await (await client.get("/chat/site/messages", headers=bearer)).text()
    assert json.loads(text)["items"][0]["author"] == {"kind": "agent", "name": "Mei"}
    assert "agent-secret-id" not in text


async def test_a_login_that_was_stored_as_a_name_is_not_shown(client: Client, cards: Cards) -> None:
    bearer, visitor = await session(client)
    cards.add(visitor, "hello", Direction.OUT, Author(kind=AuthorKind.AGENT, id="a", name="mei@example.com"))
    text = await (await client.get("/chat/site/messages", headers=bearer)).text()
    assert json.loads(text)["items"][0]["author"] == {"kind": "agent", "name": None}
    assert "mei@example.com" not in text


async def test_own_messages_carry_the_clients_id(client: Client) -> None:
    bearer, _ = await session(client)
    await client.post("/chat/site/messages", json={"id": "mine", "text": "x"}, headers=bearer)
    page = await (await client.get("/chat/site/messages", headers=bearer)).json()
    assert page["items"][0]["client_id"] == "mine"


async def test_without_a_token_nothing_is_said_or_read(client: Client) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic dG9rZW4="}):
        assert (await problem(await client.get("/chat/site/messages", headers=headers), 401))["code"] == "token"
        answer = await client.post("/chat/site/messages", json={"id": "1", "text": "x"}, headers=headers)
        assert (await problem(answer, 401))["code"] == "token"


async def test_all_fields_at_fault_are_listed(client: Client) -> None:
    bearer, _ = await session(client)
    body = {"id": "a b", "text": 7, "attachments": [3]}
    found = await problem(await client.post("/chat/site/messages", json=body, headers=bearer), 422)
    assert {error["field"] for error in found["errors"]} == {"id", "text", "attachments"}


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"{", 400), (b"[]", 400), (b'{"id":NaN}', 400), (b'{"id":1,"id":1}', 400), (b"x" * 200_000, 413), (b"\xff", 400)],
)
async def test_broken_bodies_are_refused_and_the_next_one_is_taken(client: Client, raw: bytes, status: int) -> None:
    bearer, _ = await session(client)
    await problem(await client.post("/chat/site/messages", data=raw, headers=bearer), status)
    assert (await client.post("/chat/site/messages", json={"id": "1", "text": "x"}, headers=bearer)).status == 200


async def test_a_full_or_absent_store_asks_to_come_back(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    for failure in (Overloaded("full", retry_after=3), StoreUnavailable("gone")):
        cards.failure = failure
        answer = await client.post("/chat/site/messages", json={"id": "1", "text": "x"}, headers=bearer)
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1


async def test_a_house_that_drains_takes_nothing_new(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    cards.is_draining = True
    answer = await client.post("/chat/site/messages", json={"id": "1", "text": "x"}, headers=bearer)
    assert answer.status == 503
    assert (await client.get("/chat/site/socket")).status == 503


# -- origins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://shop.example.evil.example", "http://shop.example"]
)
async def test_a_wrong_origin_is_refused(client: Client, origin: str) -> None:
    answer = await client.post("/chat/site/sessions", json={}, headers={"Origin": origin})
    assert (await problem(answer, 403))["code"] == "origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_allowed_origins_the_own_page_and_no_origin_pass(client: Client) -> None:
    own = str(client.make_url("/")).rstrip("/")
    for headers in ({"Origin": SHOP}, {"Origin": own}, {}):
        answer = await client.post("/chat/site/sessions", json={}, headers=headers)
        assert answer.status == 200
        assert answer.headers.get("Access-Control-Allow-Origin") == headers.get("Origin")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "limited"),
    [
        ([], ["198.51.100.1"], False),  # the loopback address tells nobody apart
        (["127.0.0.1"], [""], False),
        (["127.0.0.1"], ["198.51.100.1", "203.0.113.9, 198.51.100.1"], True),
        (["127.0.0.1"], ["198.51.100.1", "198.51.100.2"], False),
        (["10.0.0.0/8"], ["198.51.100.1"], False),
        (["127.0.0.1"], ["2001:db8::1", "2001:db8::2"], True),  # one host holds a /64
        (["127.0.0.1"], ["2001:db8:0:1::1", "2001:db8:0:2::1"], False),
    ],
)
async def test_sessions_are_limited_by_the_address_behind_the_proxies_that_are_known(
    cards: Cards, proxies: list[str], forwarded: list[str], limited: bool
) -> None:
    cards.proxies = Proxies(tuple(ip_network(one) for one in proxies))
    async with chat(cards) as client:
        codes = set()
        for turn in range(40):  # of one address 30 at once
            told = {"X-Forwarded-For": forwarded[turn % len(forwarded)]}
            codes.add((await client.post("/chat/site/sessions", json={}, headers=told)).status)
    assert codes == ({200, 429} if limited else {200})


async def test_a_preflight_names_what_is_allowed(client: Client) -> None:
    answer = await client.options("/chat/site/messages", headers={"Origin": SHOP})
    assert answer.status == 204
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert (await client.options("/chat/site/messages", headers={"Origin": "https://evil.example"})).status == 403


# -- identity ----------------------------------------------------------------------------------------------------------


def identity_token(secret: str = SECRET, **claims: object) -> str:
    now = int(NOW.timestamp())
    return jwt.encode({"aud": "site", "exp": now + 60, "sub": "42", **claims}, secret, algorithm="HS256")


async def test_a_signed_identity_makes_a_visitor_verified(client: Client, cards: Cards) -> None:
    await session(client, identity=identity_token(name="Lin", plan="gold"))
    visitor = next(iter(cards.visitors.values()))
    assert visitor.identity.verified
    assert (visitor.identity.address, visitor.identity.name) == ("user:42", "Lin")
    assert visitor.claims == {"plan": "gold"}


async def test_a_typed_email_verifies_nobody(client: Client, cards: Cards) -> None:
    await session(client, email="boss@example.com", name="Boss")
    visitor = next(iter(cards.visitors.values()))
    assert not visitor.identity.verified
    assert visitor.identity.address == "anonymous-1"


@pytest.mark.parametrize(
    "token",
    [
        identity_token("another secret that is long enough too"),
        identity_token(aud="other"),
        identity_token(exp=int(NOW.timestamp()) - 1),
        identity_token(nbf=int(NOW.timestamp()) + 600),
        identity_token(sub=""),
        identity_token(sub="a\nb"),
        jwt.encode({"aud": "site", "sub": "42"}, SECRET, algorithm="HS256"),
        jwt.encode({"aud": "site", "sub": "42", "exp": 9999999999}, "", algorithm="none"),
        "nonsense",
        "x" * 9000,
    ],
    ids=["key", "audience", "run-out", "not-yet", "nobody", "control", "no-exp", "none", "nonsense", "long"],
)
async def test_an_identity_that_is_not_proven_opens_no_session(client: Client, cards: Cards, token: str) -> None:
    answer = await client.post("/chat/site/sessions", json={"identity": token})
    assert (await problem(answer, 401))["code"] == "identity"
    assert not cards.visitors


# -- limits ------------------------------------------------------------------------------------------------------------


async def test_a_visitor_who_writes_too_fast_is_asked_to_wait(cards: Cards) -> None:
    async with chat(cards, messages_at_once=3) as client:
        bearer, _ = await session(client)
        bodies = [{"id": f"m{number}", "text": "x"} for number in range(5)]
        answers = [await client.post("/chat/site/messages", json=body, headers=bearer) for body in bodies]
        assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["Retry-After"]) >= 1
        other, _ = await session(client)
        assert (await client.post("/chat/site/messages", json={"id": "1", "text": "x"}, headers=other)).status == 200


# -- files -------------------------------------------------------------------------------------------------------------


def form(body: bytes, name: str = "a.png") -> FormData:
    data = FormData()
    data.add_field("file", io.BytesIO(body), filename=name, content_type="image/png")
    return data


async def test_a_file_is_uploaded_named_and_fetched_by_its_owner_only(client: Client) -> None:
    bearer, _ = await session(client)
    about = await (await client.post("/chat/site/attachments", data=form(PICTURE), headers=bearer)).json()
    body = {"id": "1", "text": "", "attachments": [about["id"]]}
    assert (await client.post("/chat/site/messages", json=body, headers=bearer)).status == 200
    answer = await client.get(f"/chat/site/attachments/{about['id']}", headers=bearer)
    assert await answer.read() == PICTURE
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    other, _ = await session(client)
    await problem(await client.get(f"/chat/site/attachments/{about['id']}", headers=other), 404)


async def test_a_message_that_names_a_removed_file_is_told_so_and_goes_without_it(client: Client, cards: Cards) -> None:
    bearer, _ = await session(client)
    about = await (await client.post("/chat/site/attachments", data=form(PICTURE), headers=bearer)).json()
    cards.files.clear()
    body = {"id": "1", "text": "see", "attachments": [about["id"]]}
    refused = await client.post("/chat/site/messages", json=body, headers=bearer)
    assert (await problem(refused, 409))["code"] == "attachment_gone"
    assert cards.events == []
    again = await client.post("/chat/site/messages", json={"id": "1", "text": "see"}, headers=bearer)
    assert again.status == 200


async def test_a_file_over_the_limit_is_refused(cards: Cards) -> None:
    async with chat(cards, attachment_bytes=1000) as client:
        bearer, _ = await session(client)
        for size in (1001, 200_000):
            answer = await client.post(
                "/chat/site/attachments", data=form(PICTURE + b"x" * (size - len(PICTURE))), headers=bearer
            )
            await problem(answer, 413)
        assert (
            await client.post(
                "/chat/site/attachments", data=form(PICTURE + b"x" * (1000 - len(PICTURE))), headers=bearer
            )
        ).status == 200


def from_address(bearer: dict[str, str], address: str) -> dict[str, str]:
    return {**bearer, "X-Forwarded-For": address}


async def upload(client: Client, bearer: dict[str, str], size: int, address: str = "198.51.100.1") -> ClientResponse:
    body = PICTURE + b"x" * (size - len(PICTURE))
    return await client.post("/chat/site/attachments", data=form(body), headers=from_address(bearer, address))


async def test_one_address_fills_its_own_quota_however_many_sessions_it_opens(cards: Cards) -> None:
    cards.proxies = Proxies((ip_network("127.0.0.1"),))
    async with chat(cards, attachment_bytes=1000, visitor_bytes=5000) as client:
        for _ in range(6):  # as the attack did, 10,000 times smaller: each session sends 20 files
            bearer, _ = await session(client)
            answers = [await upload(client, bearer, 1000) for _ in range(20)]
            assert {answer.status for answer in answers} <= {200, 429}
        assert sum(len(body) for _, body, _ in cards.files.values()) == 20_000
        bearer, _ = await session(client)
        refused = await upload(client, bearer, 1000)
        assert (await problem(refused, 429))["code"] == "upload_quota"
        assert 0 < int(refused.headers["Retry-After"]) <= 3660
        neighbour, _ = await session(client)
        assert (await upload(client, neighbour, 1000, "198.51.100.2")).status == 200
        said = await client.post("/chat/site/messages", json={"id": "1", "text": "still here"}, headers=bearer)
        assert said.status == 200
        cards.clock.advance(timedelta(minutes=62))
        assert (await upload(client, bearer, 1000)).status == 200


async def test_the_quota_of_the_account_counts_every_address(cards: Cards) -> None:
    cards.proxies = Proxies((ip_network("127.0.0.1"),))
    async with chat(cards, attachment_bytes=1000, account_bytes=3000) as client:
        for number in range(6):
            bearer, _ = await session(client)
            answer = await upload(client, bearer, 1000, f"198.51.100.{number}")
            assert answer.status == (200 if number < 3 else 429)


async def test_files_sent_at_the_same_time_do_not_pass_the_quota(cards: Cards) -> None:
    async with chat(cards, attachment_bytes=100_000, visitor_bytes=100_000) as client:
        bearer, _ = await session(client)
        answers = await asyncio.gather(*(upload(client, bearer, 60_000) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + [429] * 7


async def test_a_body_without_a_length_is_stopped_at_the_quota_and_nothing_of_it_counts(cards: Cards) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PICTURE
        for _ in range(100):
            yield b"x" * 1000
        yield b"\r\n--x--\r\n"

    async with chat(cards, attachment_bytes=100_000, visitor_bytes=100_000) as client:
        bearer, _ = await session(client)
        assert (await upload(client, bearer, 49_000)).status == 200
        whole = {**bearer, "Content-Type": "multipart/form-data; boundary=x"}
        stopped = await client.post("/chat/site/attachments", data=endless(), headers=whole)
        assert (await problem(stopped, 429))["code"] == "upload_quota"
        assert (await upload(client, bearer, 49_000)).status == 200
        assert [len(body) for _, body, _ in cards.files.values()] == [49_000, 49_000]


async def test_an_upload_that_stalls_is_ended_and_gives_its_room_back(
    cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_deadline, "PATIENCE", 0.05)
    never = asyncio.Event()

    async def stalls() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PICTURE
        await never.wait()

    async with chat(cards, attachment_bytes=100_000, visitor_bytes=100_000) as client:
        bearer, _ = await session(client)
        whole = {**bearer, "Content-Type": "multipart/form-data; boundary=x", "Content-Length": "100000"}
        async with asyncio.timeout(20):
            ended = await client.post("/chat/site/attachments", data=stalls(), headers=whole)
        assert (await problem(ended, 408))["code"] == "too_slow"
        monkeypatch.undo()
        assert (await upload(client, bearer, 90_000)).status == 200
        assert [len(body) for _, body, _ in cards.files.values()] == [90_000]


async def test_only_waiting_for_bytes_counts_and_each_byte_gives_time() -> None:
    deadline = upload_deadline.UploadDeadline()
    before = deadline.left
    deadline.arrived(10 * upload_deadline.SLOWEST)
    assert deadline.left == before + 10
    assert await deadline.wait(asyncio.sleep(0, "bytes")) == "bytes"
    assert before < deadline.left < before + 10


async def test_where_the_disk_is_nearly_full_files_are_refused_and_words_are_taken(cards: Cards) -> None:
    async with chat(cards) as client:
        bearer, _ = await session(client)
        cards.disk_full = True
        refused = await client.post("/chat/site/attachments", data=form(PICTURE), headers=bearer)
        assert (await problem(refused, 507))["code"] == "no_room"
        assert int(refused.headers["Retry-After"]) > 0
        said = await client.post("/chat/site/messages", json={"id": "1", "text": "words"}, headers=bearer)
        assert said.status == 200


def test_a_quota_takes_the_largest_file_at_least() -> None:
    settings = {"attachment_bytes": 1000, "address_bytes": 999}
    assert [fault.message for fault in settings_faults("webchat", "site", settings)] != []
    assert Settings.model_validate({"attachment_bytes": 1000}).quotas == (5_000, 20_000, 200_000)


async def test_a_file_is_what_its_bytes_say_whatever_its_name(client: Client) -> None:
    bearer, _ = await session(client)
    found = await problem(await client.post("/chat/site/attachments", data=form(b"MZ\x90\0\x03"), headers=bearer), 415)
    assert found["code"] == "file_refused"


async def test_a_picture_of_some_megabytes_is_taken(client: Client) -> None:
    bearer, _ = await session(client)
    answer = await client.post("/chat/site/attachments", data=form(PICTURE + b"x" * 3_000_000), headers=bearer)
    assert (await answer.json())["size"] == len(PICTURE) + 3_000_000


async def test_an_upload_that_is_no_form_is_refused(client: Client) -> None:
    bearer, _ = await session(client)
    await problem(await client.post("/chat/site/attachments", data=b"x", headers=bearer), 415)
    broken = {**bearer, "Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.post("/chat/site/attachments", data=b"nothing of the kind", headers=broken)
    assert answer.status in (400, 422)


# -- the page ----------------------------------------------------------------------------------------------------------


async def test_the_page_is_fenced_in_and_sets_no_cookie(client: Client) -> None:
    answer = await client.get("/chat/site?language=zh")
    text = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status == 200
    assert f"frame-ancestors 'self' {SHOP}" in policy
    assert "unsafe" not in policy
    assert "Set-Cookie" not in answer.headers
    assert 'lang="zh"' in text
    assert "Example &amp; Support" in text
    assert "{{" not in text


async def test_files_of_the_page_are_served_with_type_and_version(client: Client) -> None:
    text = await (await client.get("/chat/site")).text()
    base = text.partition('data-assets="')[2].partition('"')[0]
    for name, kind in (("chat.js", "text/javascript"), ("chat.css", "text/css"), ("i18n/zh.json", "application/json")):
        answer = await client.get(base + name)
        assert answer.status == 200
        assert answer.content_type == kind
        assert "immutable" in answer.headers["Cache-Control"]
        again = await client.get(base + name, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


@pytest.mark.parametrize("name", ["../site.py", "%2e%2e/site.py", "index.html", "nothing.js", "..%2f..%2fsettings.py"])
async def test_no_other_file_is_served(client: Client, name: str) -> None:
    assert (await client.get(f"/chat/site/assets-x/{name}")).status in (404, 405)


async def test_the_loader_may_be_embedded_anywhere(client: Client) -> None:
    answer = await client.get("/chat/site/widget.js")
    assert answer.status == 200
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


async def test_an_unknown_chat_is_not_found(client: Client) -> None:
    await problem(await client.get("/chat/elsewhere"), 404)
    await problem(await client.post("/chat/elsewhere/sessions", json={}), 404)
    assert (await client.get("/chat/elsewhere/socket")).status == 404


async def test_colour_and_greeting_are_the_operators(cards: Cards) -> None:
    async with chat(cards, accent="#123456", greeting={"en": "Good day!"}, title={"en": "Wallet"}) as client:
        text = await (await client.get("/chat/site")).text()
        base = text.partition('data-assets="')[2].partition('"')[0]
        assert "Wallet" in text
        assert "#123456" in await (await client.get(base + "chat.css")).text()
        assert (await (await client.get(base + "i18n/en.json")).json())["welcome"] == "Good day!"


async def test_requests_leave_no_task_behind(cards: Cards) -> None:
    before = asyncio.all_tasks()
    async with chat(cards) as client:
        await session(client)
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


async def test_a_visitor_leaves_an_address_and_hears_of_one_that_is_none(cards: Cards) -> None:
    async with chat(cards, follow_up="help-mail") as client:
        bearer, visitor = await session(client)
        for email in ("", "anna", "a b@example.org", "a@b@example.org", "anna@example.org\r\nBcc: x@y.test", 5):
            refused = await client.put("/chat/site/address", json={"email": email}, headers=bearer)
            assert (refused.status, (await refused.json())["code"]) == (422, "invalid")
        kept = await client.put("/chat/site/address", json={"email": " anna@example.org "}, headers=bearer)
        assert (kept.status, await kept.json()) == (200, {"email": "anna@example.org"})
    assert cards.addresses == {visitor: "anna@example.org"}


async def test_an_address_is_not_asked_for_where_no_mail_follows(client: Client) -> None:
    bearer, _ = await session(client)
    refused = await client.put("/chat/site/address", json={"email": "anna@example.org"}, headers=bearer)
    assert (refused.status, (await refused.json())["code"]) == (403, "no_follow_up")


async def test_what_a_site_vouches_for_is_not_changed_by_typing(cards: Cards) -> None:
    async with chat(cards, follow_up="help-mail") as client:
        bearer, _ = await session(client, identity=identity_token(), email="typed@example.org")
        assert [one.identity.email for one in cards.visitors.values()] == [None]
        refused = await client.put("/chat/site/address", json={"email": "typed@example.org"}, headers=bearer)
    assert refused.status == 422


async def test_a_visitor_who_wrote_is_told_where_to_ask_for_a_call(cards: Cards) -> None:
    async with chat(cards, calls=True) as client:
        bearer, visitor = await session(client)
        assert (await problem(await client.get("/chat/site/call", headers=bearer), 404))["code"] == "no_call"
        await client.post("/chat/site/messages", json={"id": "m1", "text": "hello"}, headers=bearer)
        told = await (await client.get("/chat/site/call", headers=bearer)).json()
        assert told["url"] == f"https://wallet.example/callback/phone?t={visitor}.SIGNED"
        assert (await client.get("/chat/site/call")).status == 401
    async with chat(cards) as client:  # no button, no address
        bearer, _ = await session(client)
        assert (await problem(await client.get("/chat/site/call", headers=bearer), 404))["code"] == "no_call"
