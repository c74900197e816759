"""The whole service with an X account: direct messages, a picture that only a signed request gets, a mention that is answered in private."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conversation.model.message import Status
from tests.channels.x.fake import KEY, SECRET, TOKEN, TOKEN_SECRET, US, FakeX, x
from tests.contracts.fetching import fetched
from tests.contracts.journey import ASKED, FilesByAddress, Provider


class TestJourney(FilesByAddress):
    receipt = Status.READ
    secrets = (SECRET, TOKEN, TOKEN_SECRET)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[FakeX]:
        async with x(hook=f"{service_url}/hooks/account") as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        return (
            f'kind = "x"\nid = "{US}"\nconsumer_key = "{KEY}"\nconsumer_secret = "{SECRET}"\ntoken = "{TOKEN}"\n'
            f'token_secret = "{TOKEN_SECRET}"\napi = "{provider.url}"\nmedia = "{provider.url}"\n'
        )

    async def shown(self, playing: FakeX) -> list[bytes]:
        """X makes a link of it, which the customer opens."""
        name, _, address = playing.delivered[-1].partition("\n")
        data = await fetched(address)
        assert name == "账单 1.png"
        assert await fetched(address.replace("-", "-A")) is None
        return [data] if data else []

    async def test_a_check_is_answered_and_a_mention_goes_on_in_private(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            assert isinstance(playing, FakeX)
            assert await playing.check()
            await playing.mention(f"@examplewallet {ASKED}")
            conversation = (await built.conversation())["id"]
            await playing.write("这是我的私信")
            assert (await built.conversation(2))["id"] == conversation
            await built.answer(conversation, "我们私下谈")
            await built.becomes(conversation, "我们私下谈", "sent")
            assert playing.delivered == ["我们私下谈"]
            playing.open_to_us = False
            await built.answer(conversation, "您还在吗")
            failed = await built.becomes(conversation, "您还在吗", "failed")
            assert failed["error"].startswith("blocked")
