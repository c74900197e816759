"""What the customers' pages are given."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from channels.file_types import safe_name, type_of
from conversation.errors import NoConnectionFree, NotFound, Refused
from conversation.model.events import EventType, Topic
from conversation.model.message import Attachment, Status
from router.flows.customers.visitor_feed import Feed, Files, VisitorSessionService
from router.flows.customers.wait_estimate import Availabilities
from storage.messages.blobs import FolderBlobs
from tests.router.flows.stage import CANS, Stage

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 1000


def files(stage: Stage, folder: Path) -> Files:
    return Files(stage.storage, FolderBlobs(folder), stage.clock, type_of=type_of, safe_name=safe_name)


async def stream(data: bytes, size: int = 300) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def test_an_upload_whose_row_is_not_stored_leaves_no_bytes(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overloaded(_purpose: str) -> None:
        raise NoConnectionFree("all are in use")

    monkeypatch.setattr(stage.storage, "begin", overloaded)
    with pytest.raises(NoConnectionFree):
        await files(stage, tmp_path / "files").add(stream(PNG), name="a.png", declared="", owner="x", limit=5000)
    assert not [path for path in (tmp_path / "files").rglob("*") if path.is_file()]


async def test_a_session_is_found_by_its_token_on_its_channel_for_thirty_days(stage: Stage) -> None:
    door = VisitorSessionService(stage.storage, stage.clock)
    token, visitor = await door.open("site", name="Anna", language="zh", claims={"vip": True})
    found = await door.find("site", token)
    assert found == visitor
    assert token.startswith("hgv_")
    assert (visitor.identity.name, visitor.language, visitor.claims) == ("Anna", "zh", {"vip": True})
    assert await door.find("app", token) is None
    assert await door.find("site", token + "x") is None
    assert await door.find("site", "hgv_\ud800") is None
    stage.clock.advance(timedelta(days=30, seconds=1))
    assert await door.find("site", token) is None


async def test_two_sessions_of_one_address_are_one_visitor_and_strangers_are_not(stage: Stage) -> None:
    door = VisitorSessionService(stage.storage, stage.clock)
    one, two = [(await door.open("site", address="sub-1", verified=True))[1] for _ in range(2)]
    assert one.identity == two.identity
    assert one.identity.verified
    strangers = [(await door.open("site"))[1].identity.id for _ in range(2)]
    assert len(set(strangers)) == 2


async def test_a_visitor_sees_both_sides_without_notes_by_a_gap_free_seq(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    conversation = await stage.conversation(accepted.conversation)
    await stage.replies.send(agent, conversation.id, client_id="n", text="secret", note=True)
    reply, _ = await stage.replies.send(agent, conversation.id, client_id="r", text="hi")
    feed = Feed(stage.storage, stage.signals, stage.clock, cans=lambda: CANS)
    seen = await feed.after(conversation.identity or "", 0, 10)
    assert [(m.feed_seq, m.text) for m in seen] == [(1, "hello"), (2, "hi")]
    assert [m.id for m in await feed.after(conversation.identity or "", 1, 10)] == [reply.id]


async def test_reading_is_told_to_the_agents(stage: Stage) -> None:
    agent = await stage.agent()
    accepted = await stage.write("hello")
    await stage.replies.send(agent, accepted.conversation or "", client_id="r", text="hi")
    identity = (await stage.conversation(accepted.conversation)).identity or ""
    feed = Feed(stage.storage, stage.signals, stage.clock, cans=lambda: CANS)
    await feed.seen(identity, 2)
    await feed.seen(identity, 2)
    assert (await stage.messages(accepted.conversation))[1].status is Status.READ
    assert [event.data["status"] for event in await stage.events(EventType.STATUS)] == ["read"]


async def test_typing_names_the_conversation_and_who_may_see_it(stage: Stage) -> None:
    accepted = await stage.write("hello")
    identity = (await stage.conversation(accepted.conversation)).identity or ""
    async with stage.signals.subscribe(Topic.TYPING) as listening:
        await Feed(stage.storage, stage.signals, stage.clock, cans=lambda: CANS).typing(identity)
        hint = (await listening.wait(1))[Topic.TYPING][0]
    assert hint.keys == (accepted.conversation,)
    assert (hint.data["from"], hint.data["queue"]) == ("customer", "general")


async def test_a_stranger_learns_whether_somebody_is_there(stage: Stage) -> None:
    told = await Availabilities(stage.storage, stage.rules, stage.clock).of("site", identity=None, language="zh")
    assert (told.open, told.position) == (True, None)


async def test_a_visitor_learns_the_next_opening_and_the_place_in_the_queue(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))  # 23:00 in Shanghai
    await stage.write("充值不成功", address="first")
    accepted = await stage.write("充值不成功", address="second")
    identity = (await stage.conversation(accepted.conversation)).identity
    doors = Availabilities(stage.storage, stage.rules, stage.clock)
    told = await doors.of("site", identity=identity, language=None)
    assert (told.open, told.next_opening_words, told.position, told.wait) == (False, "明天 9:00", 2, None)
    assert told.next_opening == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    await stage.agent(languages={"zh": 3})
    assert (await doors.of("site", identity=identity, language=None)).wait == 240


async def test_a_visitor_learns_the_next_opening_in_their_own_zone_as_the_replies_say_it(stage: Stage) -> None:
    stage.clock.set(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
    door = VisitorSessionService(stage.storage, stage.clock)
    _, visitor = await door.open("site")
    zone = {"timezone": "Europe/Berlin"}
    accepted = await stage.write("充值不成功", address=visitor.identity.address, attributes=zone)
    doors = Availabilities(stage.storage, stage.rules, stage.clock)
    told = await doors.of("site", identity=visitor.identity.id, language=None)
    assert told.next_opening_words == "明天 2:00"
    assert [one.text for one in await stage.messages(accepted.conversation) if "明天 2:00" in one.text]


async def test_a_file_is_typed_by_its_bytes_and_named_safely(stage: Stage, tmp_path: Path) -> None:
    door = files(stage, tmp_path)
    told = await door.add(stream(PNG), name="../../evil.html", declared="text/html", owner="me", limit=5000)
    assert (told["type"], told["size"], told["name"]) == ("image/png", len(PNG), "evil.html")
    assert await door.open(str(told["id"]), identity="me") == (told, PNG)
    with pytest.raises(NotFound):
        await door.open(str(told["id"]), identity="somebody else")


async def test_what_is_too_big_or_of_a_strange_type_is_refused(stage: Stage, tmp_path: Path) -> None:
    door = files(stage, tmp_path)
    with pytest.raises(Refused):
        await door.add(stream(PNG), name="a.png", declared="image/png", owner="me", limit=500)
    with pytest.raises(Refused):
        await door.add(stream(b"MZ\x90\x00\x03" * 99), name="a.png", declared="image/png", owner="me", limit=5000)


async def test_a_file_named_in_an_answer_opens_for_the_customer_it_was_sent_to(stage: Stage, tmp_path: Path) -> None:
    agent = await stage.agent()
    door = files(stage, tmp_path)
    told = await door.add(stream(PNG), name="a.png", declared="", owner=agent.id, limit=5000)
    accepted = await stage.write("hello")
    identity = (await stage.conversation(accepted.conversation)).identity or ""
    with pytest.raises(NotFound):
        await door.open(str(told["id"]), identity=identity)
    await stage.replies.send(agent, accepted.conversation or "", client_id="r", text="", attachments=(str(told["id"]),))
    assert (await door.open(str(told["id"]), identity=identity))[1] == PNG


async def test_an_uploaded_file_is_bound_to_the_message_that_names_it(stage: Stage, tmp_path: Path) -> None:
    door = VisitorSessionService(stage.storage, stage.clock)
    _, visitor = await door.open("site", address="anna")
    told = await files(stage, tmp_path).add(
        stream(PNG), name="a.png", declared="", owner=visitor.identity.id, limit=5000
    )
    named = Attachment(id=str(told["id"]), name="?", type="?")
    accepted = await stage.write("look", attachments=(named,))
    stored = (await stage.messages(accepted.conversation))[0].attachments[0]
    assert (stored.name, stored.type, stored.size) == ("a.png", "image/png", len(PNG))
