"""The address at which a call is asked for in a conversation: for those who see it, signed, with the number that is known."""

from dataclasses import replace

from conversation.model.callback import CallbackSettings
from conversation.model.people import Role
from tests.desk.conftest import Account, House


class Signed:
    """Links of the account `phone`."""

    def request_link(self, conversation: str) -> str:
        raise AssertionError(conversation)

    def status_link(self, callback: str) -> str:
        raise AssertionError(callback)

    def agent_link(self, conversation: str) -> str:
        return f"https://wallet.example/callback/phone?t={conversation}.SIGNED"


def calling(house: House) -> None:
    """The account `phone` calls back."""
    account = Account("phone")
    account.can = replace(account.can, calls=CallbackSettings())
    accounts = house.services.channels
    assert isinstance(accounts, dict)
    accounts["phone"] = account
    links = house.services.callback_links
    assert isinstance(links, dict)
    links["phone"] = Signed()


async def test_the_address_is_signed_for_this_conversation(house: House) -> None:
    agent, made = await house.hire("Agent", role=Role.LEAD), await house.talk()
    calling(house)
    status, told = await house.ask(agent, "GET", f"/api/v1/conversations/{made.id}/callback/link")
    assert (status, told["channel"]) == (200, "phone")
    assert told["url"].startswith(f"https://wallet.example/callback/phone?t={made.id}.SIGNED")
    _, words = await house.ask(agent, "GET", "/api/v1/vocabulary")
    assert words["calls"] == ["phone"]


async def test_a_house_that_calls_nobody_back_says_so(house: House) -> None:
    agent, made = await house.hire("Agent", role=Role.LEAD), await house.talk()
    status, told = await house.ask(agent, "GET", f"/api/v1/conversations/{made.id}/callback/link")
    assert (status, told["code"]) == (404, "no_callback")
    assert (await house.ask(agent, "GET", "/api/v1/vocabulary"))[1]["calls"] == []
