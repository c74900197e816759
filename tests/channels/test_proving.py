"""Asking a provider who we are: for every kind exactly the questions that have no effect, and nothing of the account's state."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from conversation.errors import ChannelMisconfigured, TransientFailure
from conversation.ports.channel import Channel, Proves
from tests.contracts.provider import Provider, provider
from tests.contracts.tools import Bench
from tests.fakes import FakeClock
from tests.mailservers import PASSWORD, USER, mailbox, post_office

TWILIO = {"account": "AC0123456789abcdef0123456789abcdef", "token": "5f8a1c3e7b9d2046a8c0e4f6b1d3a597"}
SECRET = "a-secret-of-the-account-long-enough"


@dataclass(frozen=True, kw_only=True)
class Case:
    """How an account of this kind proves who it is. `asked` is the path of its one question."""

    kind: str
    settings: Mapping[str, object]
    asked: str
    answer: bytes
    words: str
    refusal: tuple[int, bytes] = (401, b"{}")
    api: str = "api"
    within: str = ""
    secrets: tuple[str, ...] = field(default=(SECRET,))

    def account(self, playing: Provider, bench: Bench) -> Channel:
        given: Any = dict(self.settings)
        inner = given | {self.api: playing.url} if not self.within else given
        if self.within:
            inner[self.within] = {**given[self.within], self.api: playing.url}
        return kinds.create_of(self.kind)("account", inner, bench.tools(state=Untouched()))


class Untouched:
    """An account's memory that nothing may look at, and nothing may change."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a proof must not touch the account's state, yet `{name}` was called")


CASES = (
    Case(
        kind="line",
        settings={"secret": "4b7c1d9e0f2a3b5c6d8e7f9a0b1c2d3e", "token": SECRET},
        asked="/v2/bot/info",
        answer=b'{"basicId":"@216ru"}',
        words="LINE takes the token of @216ru",
    ),
    Case(
        kind="meta",
        settings={"platform": "messenger", "id": "77", "version": "v25.0"}
        | dict.fromkeys(("token", "app_secret", "verify_token"), SECRET),
        asked="/v25.0/77",
        answer=b'{"id":"77"}',
        words="Meta takes the token, and it may see account 77",
        refusal=(401, b'{"error":{"code":190,"message":"Invalid OAuth access token"}}'),
    ),
    Case(
        kind="sms",
        settings={**TWILIO, "number": "+33199001234"},
        asked=f"/2010-04-01/Accounts/{TWILIO['account']}.json",
        answer=b"{}",
        words=f"Twilio takes the token of {TWILIO['account']}",
        secrets=(TWILIO["token"],),
    ),
    Case(
        kind="telegram",
        settings={"token": "123456789:TESTtoken_of-the-fake-Bot-API-0001"},
        asked="/bot123456789:TESTtoken_of-the-fake-Bot-API-0001/getme",
        answer=b'{"ok":true,"result":{"id":123456789,"is_bot":true,"first_name":"Help","username":"wallet_bot"}}',
        words="Telegram takes the token of @wallet_bot",
        refusal=(401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}'),
        secrets=("TESTtoken",),
    ),
    Case(
        kind="viber",
        settings={"token": "4453b6ac12345678-e02c5f12174805f9-daec9cbb5448c51f"},
        asked="/pa/get_account_info",
        answer=b'{"status":0,"name":"Wallet Help"}',
        words="Viber takes the token of Wallet Help",
        refusal=(200, b'{"status":2,"status_message":"invalidAuthToken"}'),
        secrets=("4453b6ac12345678",),
    ),
    Case(
        kind="wechat",
        settings={
            "app_id": "wx0123456789abcdef",
            "secret": "9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            "token": "huntgroup2026",
        },
        asked="/cgi-bin/stable_token",
        answer=b'{"access_token":"a token that lives","expires_in":7200}',
        words="WeChat takes the AppSecret of wx0123456789abcdef",
        refusal=(200, b'{"errcode":40001,"errmsg":"invalid credential"}'),
        secrets=("9f8e7d6c5b4a", "a token that lives"),
    ),
    Case(
        kind="x",
        settings={"id": "77001", **dict.fromkeys(("consumer_key", "consumer_secret", "token", "token_secret"), SECRET)},
        asked="/2/users/me",
        answer=b'{"data":{"id":"77001"}}',
        words="X takes the keys of account 77001",
    ),
    Case(
        kind="callback",
        settings={"dialer": "twilio", "twilio": {**TWILIO, "caller": "+33199005678", "bridge": "+33199009999"}},
        within="twilio",
        asked=f"/2010-04-01/Accounts/{TWILIO['account']}.json",
        answer=b"{}",
        words="the exchange takes the credentials of twilio",
        secrets=(TWILIO["token"],),
    ),
    Case(
        kind="callback",
        settings={"dialer": "asterisk", "asterisk": {"user": "callback", "password": SECRET}},
        within="asterisk",
        api="url",
        asked="/ari/applications",
        answer=b"[]",
        words="the exchange takes the credentials of asterisk",
    ),
)
every_kind = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}-{case.within}".rstrip("-"))


async def _proven(account: Channel) -> str | None:
    assert isinstance(account, Proves)
    try:
        return await account.prove()
    finally:
        await account.stop()


@every_kind
async def test_one_question_without_an_effect_proves_who_we_are(case: Case) -> None:
    clock, before = FakeClock(), asyncio.all_tasks()
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.body = case.answer
        told = await _proven(case.account(playing, Bench(clock=clock, http=http)))
        assert [one.path.removeprefix("/provider") for one in playing.seen] == [case.asked]
    assert told == case.words
    assert not [secret for secret in case.secrets if secret in told]
    assert asyncio.all_tasks() == before


@every_kind
async def test_refused_credentials_are_no_passing_trouble(case: Case) -> None:
    clock = FakeClock()
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.status, playing.body = case.refusal
        with pytest.raises(ChannelMisconfigured) as caught:
            await _proven(case.account(playing, Bench(clock=clock, http=http)))
    assert not [secret for secret in case.secrets if secret in caught.value.detail]


@pytest.mark.parametrize("case", [case for case in CASES if case.kind == "callback"], ids=lambda case: case.within)
async def test_an_exchange_that_fails_says_nothing_of_the_credentials(case: Case) -> None:
    clock = FakeClock()
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.status = 404
        with pytest.raises(TransientFailure, match="answered 404"):
            await _proven(case.account(playing, Bench(clock=clock, http=http)))


async def test_where_calls_are_dialed_by_hand_nobody_is_asked() -> None:
    account = kinds.create_of("callback")("account", {}, Bench(clock=FakeClock()).tools(state=Untouched()))
    assert await _proven(account) is None


# -- mail --------------------------------------------------------------------------------------------------------------


def _mail(**more: object) -> Channel:
    given = {"address": "help@wallet.example", "password": PASSWORD, **more}
    return kinds.create_of("email")("account", given, Bench(clock=FakeClock()).tools(state=Untouched()))


async def test_mail_is_proven_by_a_login_at_both_servers() -> None:
    async with mailbox() as box, post_office() as office:
        servers = {"imap": f"imap+plain://{USER}@127.0.0.1:{box.port}", "smtp": f"smtp+plain://127.0.0.1:{office.port}"}
        told = await _proven(_mail(**servers))
        assert told == "127.0.0.1 lets us send and 127.0.0.1 lets us read INBOX"
        assert office.taken == []
        with pytest.raises(ChannelMisconfigured, match="login"):
            await _proven(_mail(**servers, password="another password"))
        with pytest.raises(ChannelMisconfigured, match="'Nowhere' cannot be opened"):
            await _proven(_mail(**servers, folder="Nowhere"))
    with pytest.raises(TransientFailure):
        await _proven(_mail(**servers))


async def test_a_token_that_a_running_house_needs_is_not_used_up(tmp_path: Path) -> None:
    oauth = {
        "token_url": "http://127.0.0.1:1/token",
        "client_id": "wallet",
        "refresh_token": SECRET,
        "keep": str(tmp_path / "kept"),
    }
    account = _mail(imap="imap+plain://mailbox@127.0.0.1:1", oauth=oauth, password=None)
    assert await _proven(account) is None


def test_every_kind_that_has_a_provider_can_prove_who_it_is() -> None:
    assert {case.kind for case in CASES} | {"email", "webchat", "webhook"} == set(kinds.names())
