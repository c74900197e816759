"""The whole service with a LINE account, pushing; and with reply tokens, of which none is ever used twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.channels.line.fake import SECRET, TOKEN, FakeLine, line
from tests.contracts.journey import FilesByAddress, Provider, RunningService


class TestPushing(FilesByAddress):
    receipt = None
    idempotent = True
    secrets = (SECRET, TOKEN)
    more = "reply_tokens = false\n"

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[FakeLine]:
        async with line(hook=f"{service_url}/hooks/account") as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        at = f'api = "{provider.url}"\ndata_api = "{provider.url}"\n'
        return f'kind = "line"\nsecret = "{SECRET}"\ntoken = "{TOKEN}"\n{at}{self.more}'


class TestReplying(TestPushing):
    """A reply cannot be repeated safely: where its answer is lost, a person is asked."""

    idempotent = False
    more = ""

    async def _settled(self, playing: Provider, built: RunningService, conversation: str) -> None:
        await super()._settled(playing, built, conversation)
        assert isinstance(playing, FakeLine)
        assert [call.path for call in playing.calls] == ["reply"]
