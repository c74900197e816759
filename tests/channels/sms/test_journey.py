"""The whole service with a number at Twilio, whose receipts come in disorder, and a customer who writes STOP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from conversation.model.message import Status
from tests.channels.sms.fake import ACCOUNT, NUMBER, TOKEN, FakeTwilio, fake_twilio
from tests.contracts.journey import ASKED, FilesByAddress, Provider


class TestJourney(FilesByAddress):
    receipt = Status.DELIVERED
    secrets = (TOKEN,)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[FakeTwilio]:
        async with fake_twilio(hook=f"{service_url}/hooks/account") as playing:
            playing.leads_on = False  # to this machine, which is refused
            yield playing

    def account(self, provider: Provider) -> str:
        return f'kind = "sms"\naccount = "{ACCOUNT}"\ntoken = "{TOKEN}"\nnumber = "{NUMBER}"\nmms = true\napi = "{provider.url}"\n'

    async def test_stop_is_obeyed_and_wakes_nobody(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            assert isinstance(playing, FakeTwilio)
            await playing.write(ASKED)
            conversation = (await built.conversation())["id"]
            await playing.stop()
            await built.conversation(2)
            assert await built.refused(conversation, "您还在吗") == "blocked"
            assert playing.delivered == []
