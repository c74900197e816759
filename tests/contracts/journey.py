"""The whole service over loopback with one channel account that talks to a fake provider: the journey that every kind inherits.

    class TestJourney(JourneyContract):
        receipt = Status.READ                     # the furthest that `receipt()` of the fake tells; None: the medium has none

        @asynccontextmanager
        async def provider(self, service_url: str) -> AsyncIterator[Provider]:
            async with telegram(hook=f"{service_url}/hooks/account") as playing:
                yield playing

        def account(self, provider: Provider) -> str:
            return f'kind = "telegram"\ntoken = "1:x"\napi = "{provider.url}"\n'

`Provider` below is what the fake must be able to do. The service is a process of its own (`tests.faults.house`, with short leases), reached
at an address that stays the same when it is killed and started again, so that signatures over the public URL hold.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import aiohttp
import pytest

from conversation.model.message import Status
from tests.ports import free_port
from tests.serving import Api, Serving, furnished, start, write_config

ASKED = "充值不成功,钱扣了没到账"
PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"
SECONDS = 120.0


class Provider(Protocol):
    """A medium over loopback, with one customer. It checks what the real one checks, and fails the test's request where that is wrong."""

    @property
    def url(self) -> str:
        """Where its API is, for the account's settings."""
        ...

    @property
    def delivered(self) -> list[str]:
        """The texts that reached the customer, in order; one that came twice stands twice."""
        ...

    down: bool
    """Every request is answered by 503, and nothing reaches the customer."""

    mute: bool
    """What is sent reaches the customer, but the request is never answered."""

    async def write(self, text: str) -> None:
        """The customer writes this: it is posted to the service until that answers 2xx, as the medium does, or kept until it is fetched."""
        ...

    async def picture(self, data: bytes) -> None:
        """The customer sends this picture, without words; where the medium keeps files itself, it gives them out when it is asked."""
        ...

    async def again(self) -> None:
        """What the customer said last is told once more, byte for byte, as media do that missed the answer."""
        ...

    async def receipt(self) -> None:
        """The customer has got, or read, what reached them last."""
        ...


@dataclass(slots=True)
class RunningService:
    """A serving process, and its API as an admin sees it."""

    config: Path
    log: Path
    api: Api
    serving: Serving

    async def kill(self) -> None:
        """As a power cut does."""
        await self.serving.kill()

    async def start(self) -> None:
        """Once more, at the same address."""
        self.serving = await start(self.config, "--impatient", log=self.log)

    async def conversation(self, number: int = 1) -> dict[str, Any]:
        """The only conversation, once it has that many messages."""

        async def there() -> bool:
            found = [one async for one in self.api.conversations()]
            return len(found) == 1 and len(await self.api.messages(found[0]["id"])) >= number

        await eventually(there)
        (found,) = [one async for one in self.api.conversations()]
        return found

    async def said(self, conversation: str) -> list[dict[str, Any]]:
        """All its messages."""
        return await self.api.messages(conversation)

    async def file(self, attachment: str) -> bytes:
        """The bytes of a file, as an agent gets them."""
        return await self.api.file(f"/api/v1/attachments/{attachment}")

    async def answer(self, conversation: str, text: str, *files: str) -> None:
        """An agent writes this, with files sent up before; the text is its own id as well."""
        body = {"text": text, "id": text, "attachments": list(files)}
        status, told = await self.api.send("POST", f"/api/v1/conversations/{conversation}/messages", body)
        assert status == 201, told

    async def refused(self, conversation: str, text: str) -> str:
        """An agent writes this, and is told at once why it cannot be sent: the problem's code."""
        body = {"text": text, "id": text}
        status, told = await self.api.send("POST", f"/api/v1/conversations/{conversation}/messages", body)
        assert status == 409, told
        return str(told["code"])

    async def becomes(self, conversation: str, text: str, *wanted: str) -> dict[str, Any]:
        """The message that says this, once its status is one of these."""
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = [one for one in await self.said(conversation) if one["text"] == text]
            return bool(found) and found[0]["status"] in wanted

        await eventually(there, lambda: f"{text}: wanted {wanted}, is {found}")
        return found[0]


async def eventually(
    look: Callable[[], Awaitable[bool]], told: Callable[[], str] = lambda: "", *, seconds: float = SECONDS
) -> None:
    """Until it is so. What is told stands in the failure."""
    try:
        async with asyncio.timeout(seconds):
            while not await look():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:.0f} s. {told()}") from None


@asynccontextmanager
async def running_service(folder: Path, database: str, listen: str, account: str) -> AsyncIterator[RunningService]:
    """A serving process with one account called "account"."""
    config = write_config(folder, database, more=f"\n[channels.account]\n{account}", listen=listen)
    token, log = await furnished(database), folder / "house.log"
    serving = await start(config, "--impatient", log=log)
    async with aiohttp.ClientSession() as session:
        built = RunningService(config, log, Api(session, serving.url, token), serving)
        try:
            yield built
        finally:
            if built.serving.process.returncode is None:
                assert await built.serving.stop() == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
class JourneyContract:
    """What every kind goes through with its fake provider."""

    receipt: ClassVar[Status | None] = Status.DELIVERED
    idempotent: ClassVar[bool] = False  # the same id has no second effect there
    pictures: ClassVar[bool] = True
    secrets: ClassVar[tuple[str, ...]] = ()  # words that no log may hold

    def provider(self, service_url: str) -> AbstractAsyncContextManager[Provider]:
        """A fake that posts its events to the service at this public URL."""
        raise NotImplementedError

    def account(self, provider: Provider) -> str:
        """The lines under `[channels.account]`."""
        raise NotImplementedError

    @asynccontextmanager
    async def world(self, folder: Path, database: str) -> AsyncIterator[tuple[Provider, RunningService]]:
        """Both, running."""
        listen = f"127.0.0.1:{free_port()}"
        async with (
            self.provider(f"http://{listen}") as playing,
            running_service(folder, database, listen, self.account(playing)) as built,
        ):
            yield playing, built
            log = built.log.read_text("utf-8", "replace")
            assert not [secret for secret in self.secrets if secret in log]
            assert "Traceback" not in log, log[-4000:]

    async def test_a_question_is_routed_answered_and_its_receipt_shown(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            await playing.write(ASKED)
            conversation = await built.conversation()
            routed = (conversation["queue"], conversation["language"], conversation["channel"])
            assert routed == ("payments", "zh", "account")
            if self.pictures:
                await self._pictured(playing, built, conversation["id"])
            await built.answer(conversation["id"], "您好，我来查一下")
            await built.becomes(conversation["id"], "您好，我来查一下", "sent", "delivered", "read")
            assert playing.delivered == ["您好，我来查一下"]
            if self.receipt is not None:
                await playing.receipt()
                await built.becomes(conversation["id"], "您好，我来查一下", self.receipt.value)
            await self._outlived(playing, built, conversation["id"])

    async def _pictured(self, playing: Provider, built: RunningService, conversation: str) -> None:
        await playing.picture(PICTURE)
        assert (await built.conversation(2))["id"] == conversation

        async def fetched() -> bool:
            (attachment,) = (await built.said(conversation))[1]["attachments"]
            assert attachment["fault"] is None, attachment
            return not attachment["waiting"]

        await eventually(fetched)
        (attachment,) = (await built.said(conversation))[1]["attachments"]
        assert (attachment["type"], attachment["size"]) == ("image/png", len(PICTURE))
        assert await built.file(attachment["id"]) == PICTURE

    async def _outlived(self, playing: Provider, built: RunningService, conversation: str) -> None:
        """The provider goes away for a while: what is said meanwhile arrives once, in order."""
        playing.down = True
        await built.answer(conversation, "第一")
        await built.answer(conversation, "第二")

        async def tried() -> bool:
            (waiting,) = [one for one in await built.said(conversation) if one["text"] == "第一"]
            return waiting["error"] is not None

        await eventually(tried)
        playing.down = False
        await built.becomes(conversation, "第二", "sent", "delivered", "read")
        assert playing.delivered[1:] == ["第一", "第二"]

    async def test_a_house_that_is_killed_midway_loses_nothing(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            await playing.write(ASKED)
            conversation = (await built.conversation())["id"]
            await playing.again()
            playing.mute = True
            await built.answer(conversation, "在查")

            async def left() -> bool:
                return bool(playing.delivered)

            await eventually(left)
            await built.kill()
            playing.mute = False
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(playing.write("还在吗"))
                await built.start()
            await self._settled(playing, built, conversation)
            said = [one["text"] for one in await built.said(conversation) if one["direction"] == "in"]
            assert said == [ASKED, "还在吗"]

    async def _settled(self, playing: Provider, built: RunningService, conversation: str) -> None:
        """The answer whose sender died is repeated only where that has no second effect; else a person is asked to look."""
        if self.idempotent:
            await built.becomes(conversation, "在查", "sent", "delivered", "read")
        else:
            await built.becomes(conversation, "在查", "uncertain")
        await built.conversation(3)
        assert set(playing.delivered) == {"在查"}
        assert self.idempotent or len(playing.delivered) == 1


class FilesByAddress(JourneyContract):
    """For media that take no bytes: what goes out lies at an address that only its receiver knows."""

    async def shown(self, playing: Any) -> list[bytes]:
        """The files that reached the customer; a medium that shows none has told their addresses in the text."""
        found: list[bytes] = list(playing.files_shown)
        return found

    async def test_a_picture_goes_out_by_its_address(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            await playing.write(ASKED)
            conversation = (await built.conversation())["id"]
            await built.answer(conversation, "请看", await built.api.upload("账单 1.png", PICTURE))
            await built.becomes(conversation, "请看", "sent", "delivered", "read")
            assert playing.delivered[0] == "请看"
            assert await self.shown(playing) == [PICTURE]
