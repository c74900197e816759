"""A call that is asked for with a one-time code: in a real browser, from a served house, over texts that a played Twilio delivers."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

from channels.callback.render import page_texts
from tests.browser.conftest import OpenContext, violations
from tests.browser.test_call_journey import House
from tests.channels.sms.fake import ACCOUNT, NUMBER, TOKEN, USER, FakeTwilio, fake_twilio
from tests.ports import free_port
from tests.router.flows.stage import eventually
from tests.serving import Api, admin_token, start, write_config

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

MORE = """
[channels.texts]
kind = "sms"
account = "{account}"
token = "{token}"
number = "{number}"
api = "{api}"

[channels.phone]
kind = "callback"
country = "FR"
code = "texts"
"""


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio(hook="http://127.0.0.1:9/hooks/texts") as playing:
        yield playing


@pytest.fixture
async def house(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, twilio: FakeTwilio
) -> AsyncIterator[House]:
    more = MORE.format(account=ACCOUNT, token=TOKEN, number=NUMBER, api=twilio.url)
    config = write_config(tmp_path, database_url, more=more, listen=f"127.0.0.1:{free_port()}")
    token = admin_token(config)
    async with aiohttp.ClientSession() as session:
        serving = await start(config, log=tmp_path / "serve.log")
        name = f"code-{request.node.callspec.params['database_url']}"
        yield House(serving.url, Api(session, serving.url, token), name, tmp_path / "moved")
    assert await serving.stop() == 0
    log = (tmp_path / "serve.log").read_text("utf-8")
    assert not [text for text in twilio.delivered if code_in(text) in log]


def code_in(text: str) -> str:
    """The six digits that stand by themselves."""
    (code,) = [word for word in text.split() if len(word) == 6 and word.isdecimal()]
    return code


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de"])
async def test_the_call_is_asked_for_when_the_code_came_back(
    house: House, twilio: FakeTwilio, open_context: OpenContext, language: str
) -> None:
    words = page_texts(language)

    async def texted(number: int) -> bool:
        return len(twilio.delivered) == number

    context = await open_context(locale=language, timezone_id="Europe/Paris")
    context.allowed = ("422", "429")
    page = await context.page()
    await page.goto(f"{house.url}/callback/phone")
    await page.fill("#number", USER)
    await page.get_by_role("button", name=words("send")).click()
    await expect(page.get_by_role("status")).to_have_text(words("code_sent", number=USER))
    await expect(page.locator("#code")).to_be_focused()
    await eventually(lambda: texted(1))
    assert [one async for one in house.api.conversations()] == []  # no agent sees it yet

    await page.fill("#code", "1")
    await page.get_by_role("button", name=words("confirm"), exact=True).click()
    await expect(page.locator("#code-fault")).to_have_text(words("code_wrong"))
    assert await violations(page) == []
    await house.picture(page, f"code-{language}")
    await page.get_by_role("button", name=words("code_again")).click()
    await expect(page.locator("#code-fault")).to_have_text(words("code_soon"))

    code = code_in(twilio.delivered[0])
    await page.fill("#code", f"{code[:3]} {code[3:]}")
    await page.get_by_role("button", name=words("confirm"), exact=True).click()
    await expect(page.get_by_role("heading", name=words("done"))).to_be_visible()
    await house.picture(page, f"confirmed-{language}")
    (only,) = [one async for one in house.api.conversations()]
    told = await house.api.get(f"/api/v1/conversations/{only['id']}/callback")
    assert (told["number"], told["language"]) == (USER, language)
