"""The whole service with a Telegram bot: polled, and with a webhook."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from tests.channels.telegram.fake import CUSTOMER, GROUP, SECRET, SUPERGROUP, TOKEN, FakeTelegram, telegram
from tests.contracts.journey import PICTURE, JourneyContract, Provider, RunningService, eventually

QUESTION = """
[question]
reply = "choose"
choices = ["topup", "account_locked"]
[replies.choose]
en = "What is it about?"
"""


class TestPolled(JourneyContract):
    receipt = None
    secrets = (TOKEN, TOKEN.partition(":")[2])

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[Provider]:
        async with telegram() as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        return f'kind = "telegram"\ntoken = "{TOKEN}"\napi = "{provider.url}"\n{QUESTION}'

    async def test_a_button_a_picture_an_edit_and_a_block(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (provider, built):
            playing = cast("FakeTelegram", provider)
            await playing.write("hello there, it does not work")
            conversation = (await built.conversation(2))["id"]
            await _pressed(playing, built)
            await playing.picture(PICTURE)
            await built.conversation(4)
            await _kept(built, conversation)
            await playing.post_update(
                edited_message={**playing.message(text="hello, my account"), "message_id": 101, "edit_date": 1}
            )

            async def edited() -> bool:
                return bool((await built.said(conversation))[0]["text"] == "hello, my account")

            await eventually(edited)
            playing.blocked.add(CUSTOMER)
            await built.answer(conversation, "We look into it")
            failed = await built.becomes(conversation, "We look into it", "failed")
            assert failed["error"].startswith("blocked")


async def _pressed(playing: FakeTelegram, built: RunningService) -> None:
    """The question came with buttons; the customer takes the second, and that decides."""

    async def asked() -> bool:
        return bool(playing.got)

    await eventually(asked)
    (question,) = playing.got
    assert question.text == "What is it about?"
    buttons = [button for row in json.loads(question.given["reply_markup"])["inline_keyboard"] for button in row]
    await playing.press(buttons[1], question)

    async def moved() -> bool:
        found = await built.conversation(3)
        return bool((found["queue"], found["issue"]) == ("accounts", "account_locked"))

    await eventually(moved)

    async def answered() -> bool:
        return len(playing.answered) == 1

    await eventually(answered)


async def _kept(built: RunningService, conversation: str) -> None:
    """The picture lies in our own folder."""
    api = built.api

    async def there() -> bool:
        attachment: dict[str, Any] = (await built.said(conversation))[-1]["attachments"][0]
        url = f"{api._url}/api/v1/attachments/{attachment['id']}"
        async with api._session.get(url, headers=api._headers) as answer:
            return answer.status == 200 and await answer.read() == PICTURE

    await eventually(there)


class TestWithAWebhook(JourneyContract):
    receipt = None
    secrets = (TOKEN, TOKEN.partition(":")[2], SECRET)

    @asynccontextmanager
    async def provider(self, service_url: str) -> AsyncIterator[Provider]:
        async with telegram(hook=f"{service_url}/hooks/account") as playing:
            yield playing

    def account(self, provider: Provider) -> str:
        known = f'kind = "telegram"\ntoken = "{TOKEN}"\napi = "{provider.url}"\ngroups = true\n'
        return (
            f'{known}mode = "webhook"\nsecret = "{SECRET}"\nhook_url = "https://hooks.wallet.example/hooks/account"\n'
        )

    async def test_a_group_that_moved_stays_in_its_conversation(self, sqlite_url: str, tmp_path: Path) -> None:
        async with self.world(tmp_path, sqlite_url) as (provider, built):
            playing = cast("FakeTelegram", provider)
            await playing.post_update(message=playing.message(GROUP, text="My top up is missing"))
            conversation = (await built.conversation())["id"]
            playing.migrated = True
            await built.answer(conversation, "Since when?")
            await built.becomes(conversation, "Since when?", "sent")
            await playing.post_update(message=playing.message(SUPERGROUP, text="Since Monday"))
            assert (await built.conversation(3))["id"] == conversation
            await built.answer(conversation, "Thank you")
            await built.becomes(conversation, "Thank you", "sent")
            assert [(one.chat, one.text) for one in playing.got] == [
                (SUPERGROUP, "Since when?"), (SUPERGROUP, "Thank you"),
            ]  # fmt: skip
            tried = [given["chat_id"] for method, given in playing.called if method == "sendmessage"]
            assert tried == [str(GROUP), str(SUPERGROUP), str(SUPERGROUP)]
