"""The whole service with a WhatsApp number, a page and an Instagram account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import aiohttp

from channels.meta.platforms import Platform
from conversation.model.message import Status
from tests.channels.meta.fake import ACCOUNT, APP_SECRET, DAY, TOKEN, VERIFY, FakeMeta, graph
from tests.contracts.journey import ASKED, JourneyContract, Provider, eventually


class _Journey(JourneyContract):
    platform: ClassVar[Platform]
    receipt = Status.READ
    more = ""
    secrets = (TOKEN, APP_SECRET, VERIFY)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[Provider]:
        async with graph(self.platform, hook=f"{service_url}/hooks/account") as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        known = f'kind = "meta"\nplatform = "{self.platform.value}"\nid = "{ACCOUNT[self.platform]}"\napi = "{provider.url}"\n'
        return f'{known}token = "{TOKEN}"\napp_secret = "{APP_SECRET}"\nverify_token = "{VERIFY}"\n{self.more}\n'


async def _is(found: list[str], wanted: list[str]) -> bool:
    return found == wanted


class TestWhatsApp(_Journey):
    platform = Platform.WHATSAPP
    more = 'templates = { reopen = ["en", "zh_CN"] }'

    async def test_when_the_day_is_over_only_a_template_leaves(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            assert isinstance(playing, FakeMeta)
            playing.ago = DAY + 3600.0
            await playing.write(ASKED)
            where = f"/api/v1/conversations/{(await built.conversation())['id']}/messages"
            status, told = await built.api.send("POST", where, {"text": "too late", "id": "r1"})
            assert (status, told["code"]) == (409, "window_closed")
            assert told["instead"]["templates"] == ["reopen"]
            body = {"template": "reopen", "parameters": ["Lin"], "id": "r2", "text": ""}
            status, told = await built.api.send("POST", where, body)
            assert status == 201, told
            await eventually(lambda: _is(playing.delivered, ["reopen(Lin)"]))
            assert playing.got[0].given["template"]["language"] == {"code": "zh_CN"}

    async def test_the_house_shakes_hands_and_lets_nobody_in_who_does_not_sign(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, _):
            assert isinstance(playing, FakeMeta)
            asked = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444"}
            async with aiohttp.ClientSession() as session:
                async with session.get(playing.hook, params=asked) as answer:
                    assert (answer.status, await answer.text()) == (200, "1158201444")
                    assert answer.content_type == "text/plain"
                async with session.get(playing.hook, params={**asked, "hub.verify_token": "x"}) as answer:
                    assert answer.status == 401
                async with session.post(playing.hook, params=asked, data=b"{}") as answer:
                    assert answer.status == 401


class TestMessenger(_Journey):
    platform = Platform.MESSENGER
    pictures = False  # they lie at public addresses, which loopback is not

    async def test_a_comment_is_answered_in_private_and_the_conversation_goes_on_there(
        self, sqlite_url: str, tmp_path: Path
    ) -> None:
        async with self.world(tmp_path, sqlite_url) as (playing, built):
            assert isinstance(playing, FakeMeta)
            await playing.comment(ASKED)
            conversation = (await built.conversation())["id"]
            await built.answer(conversation, "请在这里告诉我们")
            await built.becomes(conversation, "请在这里告诉我们", "sent", "delivered", "read")
            await playing.write("卡尾号 42")
            found = await built.conversation(3)
            assert found["id"] == conversation
            await built.answer(conversation, "谢谢")
            await built.becomes(conversation, "谢谢", "sent", "delivered", "read")
            assert [one.given["recipient"] for one in playing.got] == [
                {"comment_id": "55501_70000"},
                {"id": playing.customer},
            ]


class TestInstagram(_Journey):
    platform = Platform.INSTAGRAM
    pictures = False
