"""The whole service with a Viber bot, which sets its own webhook and is tried there before it is taken."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conversation.model.message import Status
from tests.channels.viber.fake import TOKEN, FakeViber, viber
from tests.contracts.journey import ASKED, FilesByAddress, Provider, eventually


class TestJourney(FilesByAddress):
    receipt = Status.READ
    pictures = False  # see below
    secrets = (TOKEN,)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[FakeViber]:
        async with viber(hook=f"{service_url}/hooks/account") as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        return f'kind = "viber"\ntoken = "{TOKEN}"\nwelcome = "Ask us anything."\napi = "{provider.url}"\n'

    async def test_a_picture_is_shown_with_the_reason_why_it_could_not_be_fetched(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            await playing.picture(b"")
            conversation = (await built.conversation())["id"]

            async def refused() -> bool:
                (attachment,) = (await built.said(conversation))[0]["attachments"]
                assert attachment["type"].startswith("image/")
                return bool(attachment["fault"] == "address_refused")

            await eventually(refused)

    async def test_whoever_opens_the_chat_is_welcomed_and_whoever_leaves_is_not_written_to(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            assert isinstance(playing, FakeViber)
            assert (await playing.open())["text"] == "Ask us anything."
            await playing.write(ASKED)
            conversation = (await built.conversation())["id"]
            await playing.leave()

            async def gone() -> bool:
                return (await built.api.get(f"/api/v1/conversations/{conversation}"))["blocked_at"] is not None

            await eventually(gone)
            assert await built.refused(conversation, "您还在吗") == "blocked"
            await playing.write("我又来了")
            await built.conversation(2)
            await built.answer(conversation, "欢迎回来")
            await built.becomes(conversation, "欢迎回来", "sent")


async def test_the_fake_takes_no_webhook_that_does_not_answer() -> None:
    async with viber() as playing:
        assert playing.hook == ""

        async def refused() -> bool:
            body = b'{"url":"http://127.0.0.1:9/hooks/account","event_types":[]}'
            try:
                await playing._routed("/pa/set_webhook", body, TOKEN)
            except Exception as no:
                return str(no) == "invalidUrl"
            return False

        await eventually(refused, seconds=10)
