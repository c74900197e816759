"""The whole service with a WeChat account in AES mode. A customer-service message has no key: where no answer came, a person is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.channels.wechat.fake import AES_KEY, APP_ID, SECRET, TOKEN, FakeWechat, wechat
from tests.contracts.journey import JourneyContract, Provider


class TestSealed(JourneyContract):
    receipt = None
    secrets = (SECRET, TOKEN, AES_KEY, "access_token=")

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[FakeWechat]:
        async with wechat(f"{service_url}/hooks/account", aes=True) as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        known = f'app_id = "{APP_ID}"\nsecret = "{SECRET}"\ntoken = "{TOKEN}"\naes_key = "{AES_KEY}"\n'
        return f'kind = "wechat"\n{known}api = "{provider.url}"\n'
