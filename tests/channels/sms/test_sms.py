"""The SMS kind: the inherited suite, Twilio's signature vector, its error table, its files, STOP."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest

from channels import registry as kinds
from channels import twilio_signature as twilio
from channels.http_client import OutgoingHttp
from channels.sms import create, normalize, render
from channels.sms.account import SmsAccount
from channels.sms.errors import TABLE, success_of, words_of
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    SignatureRejected,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import PROVIDER, Attachment, ContactChanged, InboundEvent, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Answer, Channel, Request, Tools
from tests.channels.sms.fake import ACCOUNT, NUMBER, TOKEN, USER, FakeTwilio, fake_twilio
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench, NoHttp
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock

PAYLOADS = Path(__file__).parent / "payloads"
HOOK = "http://127.0.0.1:8080/hooks/account"


class Active(NoHttp):
    """Twilio's answer to who we are."""

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        assert (method, url) == ("GET", f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}.json")
        return Answer(status=200, headers={}, body=b"{}")


def settings(**more: object) -> dict[str, object]:
    return {"account": ACCOUNT, "token": TOKEN, "number": NUMBER, "pace": 1000, **more}


def signed(raw: bytes, url: str = HOOK) -> Request:
    fields = parse_qsl(raw.decode("ascii", "replace"), keep_blank_values=True, errors="surrogatepass")
    return Request("POST", "/hooks/account", {}, {twilio.HEADER: twilio.signature(TOKEN, url, fields)}, raw, NOW)


class TestSms(WebhookContract, HttpSendContract):
    folder = PAYLOADS
    secrets = (TOKEN,)
    signed_headers = (twilio.HEADER,)
    taken = b'{"sid":"SM0123456789abcdef0123456789abcdef"}'

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=Active())

    def build(self, tools: Tools) -> Channel:
        return create("account", settings(), tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(api=url), tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW)

    def saying(self, text: str, number: int = 1) -> bytes:
        body = quote_plus(text, errors="surrogatepass")
        return f"MessageSid=SM{number:032x}&From={quote_plus(USER)}&NumMedia=0&Body={body}".encode()

    def request(self, raw: bytes, *, at: object = None) -> Request:
        return signed(raw)


def account(http: OutgoingHttp, playing: FakeTwilio, **more: object) -> SmsAccount:
    tools = Bench(clock=FakeClock(NOW), http=http).tools()
    return create("account", settings(api=playing.url, **more), tools)


def answering(text: str = "Hello", **more: Any) -> OutboundMessage:
    message = outbound(text)
    return replace(message, to=replace(message.to, address=USER), **more)


# -- in ----------------------------------------------------------------------------------------------------------------


def test_the_vector_of_twilios_own_documents_is_met() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    fields = {
        "CallSid": "CA1234567890ABCDE", "Caller": "+14158675309", "Digits": "1234",
        "From": "+14158675309", "To": "+18005551212",
    }  # fmt: skip
    assert twilio.signature("12345", url, fields.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    twilio.verify("12345", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, urlencode(fields).encode())
    with pytest.raises(SignatureRejected):
        twilio.verify("12346", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, urlencode(fields).encode())


@pytest.mark.parametrize("signed_url", ["https://hg.example/hooks/a", "https://hg.example:443/hooks/a"])
@pytest.mark.parametrize("known_url", ["https://hg.example/hooks/a", "https://hg.example:443/hooks/a"])
def test_a_port_that_goes_without_saying_may_be_said(signed_url: str, known_url: str) -> None:
    twilio.verify(TOKEN, twilio.signature(TOKEN, signed_url, [("a", "1")]), known_url, b"a=1")


def test_nothing_is_trimmed_and_every_field_is_signed() -> None:
    given = twilio.signature(TOKEN, HOOK, [("Body", "  two "), ("Empty", "")])
    twilio.verify(TOKEN, given, HOOK, b"Body=++two+&Empty=")
    for changed in (b"Body=two&Empty=", b"Body=++two+", b"Body=++two+&Empty=&X=", b"Empty=1&Body=++two+", b"\xff"):
        with pytest.raises(SignatureRejected):
            twilio.verify(TOKEN, given, HOOK, changed)


def test_stop_makes_the_customer_unreachable_and_start_reachable_again() -> None:
    found: dict[str, bool | None] = {}
    for name in ("stop", "start", "help"):
        message, *rest = normalize.events((PAYLOADS / f"{name}.txt").read_bytes(), channel="account", received_at=NOW)
        assert isinstance(message, MessageReceived)
        assert message.machine == "opt-out"
        found[name] = rest[0].reachable if rest and isinstance(rest[0], ContactChanged) else None
    assert found == {"stop": False, "start": True, "help": None}


def test_three_hundred_hostile_payloads_never_break_the_reading() -> None:
    texts = [path.read_bytes() for path in sorted(PAYLOADS.glob("*.txt"))]
    hostile = [*HOSTILE, *(bad for raw in texts for bad in accidents(raw, count=11, seed=3))]
    assert len(hostile) >= 300
    suite = TestSms()
    for raw in hostile:
        suite.told(raw)


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("sms")


# -- out ---------------------------------------------------------------------------------------------------------------


async def test_a_long_answer_leaves_in_parts_and_goes_on_where_it_stopped() -> None:
    text = "\n\n".join(f"{number}: " + "x" * 1500 for number in range(4))
    async with fake_twilio() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.fail_after = 2
        with pytest.raises(TransientFailure) as caught:
            await account(http, playing).send(answering(text))
        assert len(caught.value.sent) == 2
        playing.fail_after = None
        receipt = await account(http, playing).send(answering(text, sent=caught.value.sent))
    assert len(receipt.external_ids) == len(playing.delivered) == 4
    assert "\n\n".join(playing.delivered) == text


def test_choices_stay_numbered_lines() -> None:
    question = with_choices("Which of these is it?", ["Top-up", "Fees"])
    (form,) = render.forms(answering(question, automatic=True), render.sender(NUMBER, None), None)
    assert dict(parse_qsl(form.decode()))["Body"] == "Which of these is it?\n1. Top-up\n2. Fees"


def test_a_messaging_service_chooses_the_number_itself() -> None:
    service = "MG" + "0" * 32
    (form,) = render.forms(answering(), render.sender(None, service), HOOK)
    told = dict(parse_qsl(form.decode()))
    assert (told["MessagingServiceSid"], told["StatusCallback"], "From" in told) == (service, HOOK, False)


async def test_whatsapp_is_answered_within_a_day_only() -> None:
    tools = Bench(clock=FakeClock(NOW)).tools()
    channel = create("account", settings(number=f"whatsapp:{NUMBER}"), tools)
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(answering(reply_until=NOW - timedelta(minutes=1)))
    assert caught.value.code == "window_closed"


async def test_a_file_is_refused_where_nobody_could_open_its_address() -> None:
    file = Attachment(id="a", name="a.png", type="image/png")
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools(public_url="http://wallet.example"))
    assert not channel.can.attachments
    with pytest.raises(PermanentFailure) as caught:
        await channel.send(answering("See the picture", attachments=(file,)))
    assert caught.value.code == "unsupported"
    assert "https" in caught.value.detail


async def test_an_answer_that_may_have_been_delivered_is_in_doubt() -> None:
    async with fake_twilio() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        playing.mute = True
        channel = account(http, playing)
        with pytest.raises(Unknown):
            await channel.send(answering())
    assert playing.delivered == ["Hello"]
    assert not channel.can.idempotent


async def test_a_refused_token_stops_the_account_at_its_start_and_is_not_shown() -> None:
    async with fake_twilio() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        with pytest.raises(ChannelMisconfigured) as caught:
            await account(http, playing, token="a-token-of-last-year").start()
        await account(http, playing).start()
    assert "a-token-of-last-year" not in str(caught.value)


CASES: Mapping[int, tuple[type[ChannelError], str | None]] = {
    **dict.fromkeys((20003, 30002, 63001), (ChannelMisconfigured, None)),
    **dict.fromkeys((21211, 21612, 21614, 30003, 30005, 30006, 63003, 63024), (PermanentFailure, "unknown_recipient")),
    **dict.fromkeys((21610, 30004, 63014, 63033), (PermanentFailure, "blocked")),
    30007: (PermanentFailure, "refused"),
    21617: (PermanentFailure, "too_long"),
    63016: (PermanentFailure, "window_closed"),
    **dict.fromkeys((14107, 20429, 30022, 63017, 63018), (RateLimited, None)),
    **dict.fromkeys((20500, 20503, 30001, 30008, 30017, 30410, 63009, 63012), (TransientFailure, None)),
}


@pytest.mark.parametrize("code", sorted(TABLE))
def test_every_row_of_the_error_table(code: int) -> None:
    body = json.dumps({"code": code, "message": "in words"}).encode()
    with pytest.raises(ChannelError) as caught:
        success_of(Answer(status=400, headers={}, body=body), FakeClock(NOW))
    assert (type(caught.value), getattr(caught.value, "code", None)) == CASES[code]
    assert "in words" in str(caught.value)


def test_the_table_holds_these_codes_and_no_others() -> None:
    assert set(TABLE) == set(CASES)


def test_a_failure_is_told_to_agents_in_words() -> None:
    assert words_of("21610") == "blocked: the customer has written STOP (21610)"
    assert words_of("30008") == "refused: the network did not say why (30008)"
    assert words_of("٣") == "refused: Twilio could not deliver it (٣)"


# -- files -------------------------------------------------------------------------------------------------------------


def kept(file: str) -> Attachment:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM{1:032x}/Media/{file}"
    return Attachment(id="a", name="x", type="image/png", url=PROVIDER + path)


async def test_a_picture_is_fetched_through_the_redirect_and_the_token_stays_behind() -> None:
    async with fake_twilio() as playing, OutgoingHttp(FakeClock(NOW), resolver=None) as http:
        playing.files["ME1"] = b"\x89PNG\r\n\x1a\n rest"
        with pytest.raises(
            PermanentFailure
        ) as caught:  # where it leads is no operator's word, and here it is this machine
            await account(http, playing).fetch(kept("ME1"))
    assert caught.value.code == "address_refused"
    assert playing.elsewhere == []


async def test_what_twilio_keeps_no_longer_has_expired() -> None:
    async with fake_twilio() as playing, OutgoingHttp(FakeClock(NOW)) as http:
        with pytest.raises(PermanentFailure) as caught:
            await account(http, playing).fetch(kept("ME2"))
    assert caught.value.code == "expired"


@pytest.mark.parametrize("url", ["provider:/etc/passwd", "provider:", "https://elsewhere.example/x"])
async def test_only_files_of_the_account_are_fetched(url: str) -> None:
    channel = create("account", settings(), Bench(clock=FakeClock(NOW)).tools())
    with pytest.raises(PermanentFailure) as caught:
        await channel.fetch(Attachment(id="a", name="x", type="image/png", url=url))
    assert caught.value.code == "bad_url"


# -- settings ----------------------------------------------------------------------------------------------------------


def test_settings_faults_come_all_at_once_and_show_no_secret() -> None:
    given = {"kind": "sms", "account": "AC1", "token": "hun ter2", "number": "030", "api": "ftp://x", "tokn": "x"}
    told = {".".join(map(str, fault.path)): fault.message for fault in kinds.settings_faults("sms", "s", given)}
    assert {"account", "token", "number", "api", "tokn"} <= told.keys()
    assert "hun ter2" not in str(told)


@pytest.mark.parametrize("given", [{}, {"number": NUMBER, "service": "MG" + "0" * 32}])
def test_exactly_one_sender_is_named(given: Mapping[str, object]) -> None:
    (fault,) = kinds.settings_faults("sms", "s", {"account": ACCOUNT, "token": TOKEN, **given})
    assert "either 'number' or 'service'" in fault.message
