"""Files that lie elsewhere: our own copy after a while, or a word why not; never twice, never lost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from conversation.errors import PermanentFailure, RateLimited, TransientFailure
from conversation.id_generator import new_id
from conversation.model.events import EventType
from conversation.model.message import Attachment, MessageRetracted
from conversation.model.people import Identity
from conversation.ports.channel import Channel, Fetched, Http
from router.flows.delivery.attachment_download import Caps, Fetcher
from storage.messages.blobs import FolderBlobs
from tests.router.flows.stage import Stage, eventually, received, running

URL = "https://files.example/a.png"
PNG = Fetched(data=b"\x89PNG\r\n\x1a\n", type="image/png")


@dataclass
class Elsewhere:
    """A door, and an account, that answer with what they were given, one after the other."""

    answers: list[Fetched | Exception] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    untrusted: int = 0
    hold: asyncio.Event | None = None

    async def fetch(self, what: str | Attachment, **how: Any) -> Fetched:
        self.asked.append(what if isinstance(what, str) else what.url or "")
        self.untrusted += how.get("trusted") is False
        if self.hold is not None:
            await self.hold.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


Make = Callable[..., Fetcher]


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


@pytest.fixture
def make(stage: Stage, blobs: FolderBlobs) -> Make:
    def fetcher(door: Elsewhere, account: Elsewhere | None = None, **caps: Any) -> Fetcher:
        channels = cast("dict[str, Channel]", {"text": account} if account else {})
        return Fetcher(
            stage.storage, blobs, cast("Http", door), lambda: channels,
            signals=stage.signals, clock=stage.clock, caps=Caps(**caps), draw=lambda: 0.5,
        )  # fmt: skip

    return fetcher


async def sent(stage: Stage, url: str = URL, *, external_id: str = "m1", inline: bool = False) -> str:
    """The conversation in which a customer sent a file."""
    file = Attachment(id=new_id(), name="a.png", type="image/jpeg", url=url, inline=inline)
    accepted = await stage.write("", channel="text", external_id=external_id, attachments=(file,))
    assert accepted.conversation is not None
    return accepted.conversation


async def file_of(stage: Stage, conversation: str) -> Attachment:
    ((file,),) = [message.attachments for message in await stage.messages(conversation)]
    return file


async def test_a_file_becomes_our_own_copy_and_screens_are_told(stage: Stage, make: Make, blobs: FolderBlobs) -> None:
    conversation = await sent(stage, inline=True)
    door = Elsewhere([PNG])
    assert (await file_of(stage, conversation)).url == URL
    assert await make(door).once() == 1
    file = await file_of(stage, conversation)
    assert (file.url, file.fault, file.type, file.size, file.inline) == (None, None, "image/png", 8, True)
    async with stage.storage.read("test") as work:
        stored = await work.attachments.get(file.id)
    assert (stored.conversation, await blobs.get(stored.key)) == (conversation, PNG.data)
    assert len(await stage.events(EventType.CHANGED)) == 1
    assert (door.untrusted, await make(door).once()) == (1, 0)


async def test_files_that_a_provider_keeps_are_asked_of_their_account(stage: Stage, make: Make) -> None:
    conversation = await sent(stage, "provider:file-7")
    door, account = Elsewhere([TransientFailure("never asked")]), Elsewhere([PNG])
    await make(door, account).once()
    assert (door.asked, account.asked) == ([], ["provider:file-7"])
    assert (await file_of(stage, conversation)).size == 8


async def test_a_disk_that_is_nearly_full_leaves_files_with_their_provider(
    stage: Stage, make: Make, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = await sent(stage)
    door = Elsewhere([PNG])
    with monkeypatch.context() as full:
        full.setattr(blobs, "_keep_free", 1 << 60)
        assert await make(door).once() == 1
    assert (door.asked, (await file_of(stage, conversation)).url) == ([], URL)
    stage.clock.advance(timedelta(minutes=5))
    assert await make(door).once() == 1
    assert (await file_of(stage, conversation)).size == 8


@pytest.mark.parametrize("code", ["expired", "too_large", "address_refused", "refused"])
async def test_what_cannot_be_had_says_why(stage: Stage, make: Make, code: str) -> None:
    conversation = await sent(stage)
    fetcher = make(Elsewhere([PermanentFailure("no", code=code)]))
    await fetcher.once()
    file = await file_of(stage, conversation)
    assert (file.fault, file.url) == (code, None)
    assert len(await stage.events(EventType.CHANGED)) == 1
    stage.clock.advance(timedelta(days=1))
    assert await fetcher.once() == 0


async def test_size_and_type_are_looked_at_whoever_fetched_it(stage: Stage, make: Make) -> None:
    tried: list[tuple[dict[str, Any], str | None]] = [
        ({"size": 7}, "too_large"),
        ({"types": ("text/*",)}, "type_refused"),
        ({"types": ("image/*",)}, None),
    ]
    for number, (caps, fault) in enumerate(tried):
        conversation = await sent(stage, "provider:x", external_id=f"m{number}")
        await make(Elsewhere([PNG]), Elsewhere([PNG]), **caps).once()
        assert (await stage.messages(conversation))[-1].attachments[0].fault == fault


async def test_without_an_account_that_fetches_a_file_is_given_up(stage: Stage, make: Make) -> None:
    conversation = await sent(stage, "provider:x")
    await make(Elsewhere([PNG])).once()
    assert (await file_of(stage, conversation)).fault == "refused"


async def test_trouble_is_waited_out_and_ends_after_a_day(stage: Stage, make: Make) -> None:
    conversation = await sent(stage)
    door = Elsewhere([TransientFailure("down"), RateLimited("slowly", retry_after=timedelta(minutes=7)), PNG])
    fetcher = make(door)
    await fetcher.once()
    assert await fetcher.once() == 0
    stage.clock.advance(timedelta(seconds=2))
    await fetcher.once()
    stage.clock.advance(timedelta(minutes=6))
    assert await fetcher.once() == 0
    stage.clock.advance(timedelta(minutes=1))
    await fetcher.once()
    assert (await file_of(stage, conversation)).size == 8
    lost = await sent(stage, external_id="m2")
    stage.clock.advance(timedelta(days=1))
    await make(Elsewhere([TransientFailure("down")])).once()
    assert (await stage.messages(lost))[-1].attachments[0].fault == "unreachable"


async def test_a_file_whose_fetcher_died_is_fetched_after_its_lease(stage: Stage, make: Make) -> None:
    conversation = await sent(stage)
    stuck = Elsewhere([PNG], hold=asyncio.Event())
    async with running(make(stuck).once()):

        async def asked() -> bool:
            return bool(stuck.asked)

        await eventually(asked)
        assert await make(Elsewhere([PNG])).once() == 0
    stage.clock.advance(timedelta(minutes=3))
    assert await make(Elsewhere([PNG])).once() == 1
    assert (await file_of(stage, conversation)).size == 8


async def test_whoever_lost_the_lease_changes_nothing(stage: Stage, make: Make, tmp_path: Path) -> None:
    conversation = await sent(stage)
    slow = Elsewhere([PermanentFailure("no", code="expired")], hold=asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        late = tasks.create_task(make(slow).once())

        async def asked() -> bool:
            return bool(slow.asked)

        await eventually(asked)
        stage.clock.advance(timedelta(minutes=3))
        await make(Elsewhere([PNG])).once()
        assert slow.hold is not None
        slow.hold.set()
        await late
    assert ((await file_of(stage, conversation)).fault, (await file_of(stage, conversation)).size) == (None, 8)


async def test_of_a_message_that_is_taken_back_no_file_is_kept(stage: Stage, make: Make, tmp_path: Path) -> None:
    conversation = await sent(stage)
    slow = Elsewhere([PNG], hold=asyncio.Event())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(make(slow).once())

        async def asked() -> bool:
            return bool(slow.asked)

        await eventually(asked)
        gone = MessageRetracted(channel="text", external_id="m1", received_at=stage.clock.now(), sender=_anna())
        async with stage.intake() as inbox:
            await inbox.accept([gone])
        assert slow.hold is not None
        slow.hold.set()
    assert (await stage.messages(conversation))[0].attachments == ()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def _anna() -> Identity:
    return received().sender


async def test_a_hint_wakes_whoever_fetches(stage: Stage, make: Make) -> None:
    door = Elsewhere([PNG])
    async with running(make(door).run()):
        conversation = await sent(stage)

        async def there() -> bool:
            return (await file_of(stage, conversation)).size == 8

        await eventually(there, seconds=4)
