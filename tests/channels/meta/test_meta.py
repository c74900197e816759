"""The meta kind: the inherited suite, and what is its own in reading."""

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from channels import registry as kinds
from channels.meta import create
from channels.meta.platforms import Platform
from conversation.errors import MalformedPayload, SignatureRejected
from conversation.model.message import Accepted, InboundEvent, Malformed, MessageEchoed, MessageReceived
from conversation.model.outbound import OutboundMessage
from conversation.ports.channel import Answer, Channel, Fetched, Request, Tools
from tests.channels.meta.fake import APP_SECRET, TOKEN, VERIFY, settings, signature
from tests.channels.meta.reading import PAGE, PHONE, read
from tests.contracts.channel import NOW, HttpSendContract, WebhookContract, malformed, outbound
from tests.contracts.hostile import HOSTILE, accidents
from tests.contracts.tools import Bench
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock, FakeInbox

FOLDER = Path(__file__).parent / "payloads"
CORPUS = Path(__file__).parents[3].parent / "shared" / "corpora" / "webhook" / "whatsapp_pywa"


class QuietHttp:
    """A Graph API that knows the account and nothing else."""

    async def post(self, url: str, body: bytes, **how: Any) -> tuple[int, bytes]:
        raise AssertionError("requests leave by `request`")

    async def request(self, method: str, url: str, **how: Any) -> Answer:
        return Answer(status=200, headers={}, body=b'{"id":"1"}')

    async def fetch(self, url: str, **how: Any) -> Fetched:
        raise AssertionError("nothing is fetched")


class _Contract(WebhookContract, HttpSendContract):
    platform: ClassVar[Platform]
    folder = FOLDER
    secrets = (TOKEN, APP_SECRET, VERIFY)
    signed_headers = ("x-hub-signature-256",)

    def bench(self) -> Bench:
        return Bench(clock=FakeClock(NOW), http=QuietHttp())

    def build(self, tools: Tools) -> Channel:
        return create("account", settings(self.platform), tools)

    def build_sending(self, tools: Tools, url: str) -> Channel:
        return create("account", settings(self.platform, api=url), tools)

    def answering(self) -> OutboundMessage:
        return replace(outbound(), reply_until=NOW + timedelta(hours=1))

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return read(raw)

    def request(self, raw: bytes, *, at: datetime = NOW) -> Request:
        headers = {name.lower(): value for name, value in signature(raw).items()}
        return Request("POST", "/hooks/account", {}, headers, raw, at)


class TestWhatsApp(_Contract):
    platform = Platform.WHATSAPP
    taken = b'{"messaging_product":"whatsapp","messages":[{"id":"wamid.1"}]}'

    def saying(self, text: str, number: int = 1) -> bytes:
        message = {"from": "4915550100017", "id": f"wamid.{number}", "timestamp": "1795399200", "type": "text"}
        value = {"metadata": {"phone_number_id": PHONE}, "messages": [{**message, "text": {"body": text}}]}
        entry = {"id": "1", "changes": [{"field": "messages", "value": value}]}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


class TestMessenger(_Contract):
    platform = Platform.MESSENGER
    taken = b'{"recipient_id":"1","message_id":"m_1"}'

    def saying(self, text: str, number: int = 1) -> bytes:
        event = {"sender": {"id": "67"}, "recipient": {"id": PAGE}, "timestamp": 1795399200000}
        told = {**event, "message": {"mid": f"m_{number}", "text": text}}
        return json.dumps({"object": "page", "entry": [{"id": PAGE, "messaging": [told]}]}).encode()


def account(platform: Platform = Platform.WHATSAPP, **more: Any) -> Any:
    return create("account", settings(platform, **more), Bench(clock=FakeClock(NOW), http=QuietHttp()).tools())


def payload(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("meta")


# -- the handshake and the signature -----------------------------------------------------------------------------------


def handshake(**changed: str) -> Request:
    query = {"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "1158201444", **changed}
    return Request("GET", "/hooks/account", query, {}, b"", NOW)


def test_a_handshake_is_answered_with_its_challenge_as_text() -> None:
    channel, request = account(), handshake()
    channel.verify(request)
    assert list(channel.normalize(request)) == []
    reply = channel.answer(request, [])
    assert (reply.status, reply.body, reply.type) == (200, b"1158201444", "text/plain")


@pytest.mark.parametrize(
    "changed",
    [
        {"hub.verify_token": "guess"},
        {"hub.verify_token": ""},
        {"hub.verify_token": "é\udcff"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
        {"hub.challenge": "<script>\n"},
        {"hub.challenge": "9" * 300},
    ],
)
def test_a_handshake_that_is_wrong_anywhere_is_rejected(changed: dict[str, str]) -> None:
    with pytest.raises(SignatureRejected) as caught:
        account().verify(handshake(**changed))
    assert VERIFY not in str(caught.value)


def test_a_call_without_a_signature_is_no_handshake_whatever_its_query_says() -> None:
    for method in ("POST", "PUT"):
        with pytest.raises(SignatureRejected):
            account().verify(
                replace(handshake(**{"hub.verify_token": "x"}), method=method, body=payload("whatsapp-text"))
            )


def test_a_signature_that_was_computed_elsewhere_is_accepted() -> None:
    # printf '{"object":"page"}' | openssl dgst -sha256 -hmac secret-of-the-app
    headers = {"x-hub-signature-256": "sha256=d21c65368ebab5e7bdcab2650cd846a88c22418c2547a3303b40cd87d49ee6d3"}
    assert len(headers["x-hub-signature-256"]) == 71
    body = b'{"object":"page"}'
    account(app_secret="secret-of-the-app").verify(Request("POST", "/hooks/account", {}, headers, body, NOW))


def test_either_app_secret_verifies_while_one_replaces_the_other() -> None:
    rotating = account(app_secret=["the-new-secret", APP_SECRET])
    for secret in ("the-new-secret", APP_SECRET):
        headers = {name.lower(): value for name, value in signature(b"{}", secret).items()}
        rotating.verify(Request("POST", "/hooks/account", {}, headers, b"{}", NOW))


# -- reading -----------------------------------------------------------------------------------------------------------


def test_every_message_of_every_entry_is_read_and_a_bad_one_spares_its_mates() -> None:
    found = read(payload("whatsapp-batch"))
    assert [event.text for event in found if isinstance(event, MessageReceived)] == ["first", "third", "from another"]
    assert malformed(found) == ["wrong_type"]
    assert {event.sender.name for event in found if isinstance(event, MessageReceived)} == {"Lin Zhou", "Ada"}


def test_events_for_a_sibling_go_to_its_account_and_those_for_strangers_are_kept() -> None:
    found = read(payload("messenger-batch"))
    told = {event.text: event.channel for event in found if isinstance(event, MessageReceived)}
    assert told == {"one": "account", "three": "account", "four": "account", "for a sibling": "sibling"}
    assert [event.code for event in found if isinstance(event, Malformed) and b"for another page" in event.raw] == [
        "unsupported"
    ]


def test_a_call_is_answered_200_whatever_became_of_its_items() -> None:
    request = Request("POST", "/hooks/account", {}, {}, payload("whatsapp-group"), NOW)
    aside = Accepted(external_id="x", conversation=None, message=None, queue=None, quarantined="row")
    assert account().answer(request, [aside]).status == 200


def test_one_person_is_known_by_number_and_by_id_whichever_is_hidden() -> None:
    (both,), (hidden,), (numbered,) = (
        read(payload(f"whatsapp-{name}")) for name in ("text", "hidden-number", "number-only")
    )
    assert isinstance(both, MessageReceived)
    assert isinstance(hidden, MessageReceived)
    assert isinstance(numbered, MessageReceived)
    assert hidden.sender.address in both.sender.also
    assert numbered.sender.address == both.sender.address
    assert (both.sender.phone, hidden.sender.phone) == ("+4915550100017", None)


def test_a_clock_that_runs_ahead_makes_no_window_longer() -> None:
    (event,) = read(payload("whatsapp-time-ahead"))
    assert isinstance(event, MessageReceived)
    assert event.reply_until == NOW + timedelta(hours=24)


def test_what_is_put_aside_keeps_its_bytes_under_a_name_that_stays() -> None:
    raw = payload("whatsapp-of-another-number")
    (first,), (again,) = read(raw), read(raw)
    assert isinstance(first, Malformed)
    assert b"not for this account" in first.raw
    assert first == again


def test_answers_given_in_the_app_are_told_as_such_and_nothing_of_them_as_a_customers() -> None:
    for name in ("whatsapp-echo", "messenger-echo", "instagram-echo"):
        (event,) = read(payload(name))
        assert isinstance(event, MessageEchoed)
        assert event.text.startswith("Answered")


def test_the_same_event_has_the_same_name_in_another_call() -> None:
    whole = json.loads(payload("messenger-postback-without-mid"))
    whole["entry"][0]["time"] += 60_000
    (first,), (again,) = read(payload("messenger-postback-without-mid")), read(json.dumps(whole).encode())
    assert first.external_id == again.external_id


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpora are not beside this working copy")
def test_everything_that_others_collected_is_read_without_a_fault(subtests: pytest.Subtests) -> None:
    count = 0
    for path in sorted(CORPUS.glob("*.json")):
        for name, value in json.loads(path.read_text("utf-8")).items():
            with subtests.test(file=path.name, payload=name):
                found = read(json.dumps(value).encode(), account=None)
                assert found
                assert set(malformed(found)) <= {"unsupported"}
                count += 1
    assert count >= 60


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "", "\u0001", [], [None], {}, {"a": 1}, 10**30, "9" * 600)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def with_wrong(raw: bytes, path: tuple[Any, ...], wrong: Any) -> bytes:
    value = at = json.loads(raw)
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = wrong
    return json.dumps(value).encode()


def test_a_wrong_type_in_any_place_of_any_payload_breaks_nothing() -> None:
    chance, tried = random.Random(5), 0
    for path in sorted(FOLDER.glob("*[a-z].json")):
        raw = path.read_bytes()
        for place in list(places(json.loads(raw)))[1:] if not path.name.endswith(".expected.json") else ():
            tried += 1
            with suppress(MalformedPayload):
                for event in read(with_wrong(raw, place, chance.choice(WRONG))):
                    assert not isinstance(event, MessageReceived) or (event.sender.address and event.external_id)
    assert tried > 2000


async def test_three_hundred_hostile_calls_are_refused_or_put_aside_and_the_next_message_is_there_at_once() -> None:
    paths = [path for path in sorted(FOLDER.glob("*.json")) if not path.name.endswith(".expected.json")]
    hostile = [*HOSTILE, *(raw for path in paths[::4] for raw in accidents(path.read_bytes(), count=10, seed=11))][:300]
    assert len(hostile) == 300
    channel, inbox = account(), FakeInbox()
    began = time.process_time()
    for raw in hostile:
        request = Request("POST", "/hooks/account", {}, {}, raw, NOW)
        try:
            await inbox.accept(channel.normalize(request))
        except MalformedPayload as fault:
            await inbox.quarantine("account", raw, fault.detail, code=fault.code)
    (event,) = channel.normalize(Request("POST", "/hooks/account", {}, {}, payload("whatsapp-text"), NOW))
    assert isinstance(event, MessageReceived)
    assert time.process_time() - began < 2


# -- settings ----------------------------------------------------------------------------------------------------------


def test_what_is_wrong_in_the_settings_is_told_at_once_without_secrets() -> None:
    wrong = {**settings(Platform.WHATSAPP), "kind": "meta", "token": "hunter2", "id": "+49 1555", "versoin": "v25.0"}
    told = {".".join(map(str, fault.path)): fault.message for fault in kinds.settings_faults("meta", "wa", wrong)}
    assert "did you mean 'version'" in told["versoin"]
    assert {"token", "id"} <= set(told)
    assert "hunter2" not in str(told)
    assert APP_SECRET not in str(told)


@pytest.mark.parametrize(
    ("platform", "more"),
    [
        (Platform.MESSENGER, {"templates": {"reopen": ["en"]}}),
        (Platform.WHATSAPP, {"human_agent": True}),
        (Platform.WHATSAPP, {"templates": {"reopen": []}}),
        (Platform.WHATSAPP, {"templates": {"Re-Open": ["en"]}}),
        (Platform.WHATSAPP, {"others": {PHONE: "itself"}}),
        (Platform.WHATSAPP, {"version": "25"}),
        (Platform.WHATSAPP, {"api": "graph.facebook.com"}),
    ],
)
def test_settings_that_do_not_fit_are_refused(platform: Platform, more: dict[str, Any]) -> None:
    assert kinds.settings_faults("meta", "account", {**settings(platform), "kind": "meta", **more})


def test_an_account_that_is_told_for_others_names_accounts_of_its_kind() -> None:
    wa: Mapping[str, object] = {"kind": "meta", "others": {"1": "second"}}
    mate, stranger = {"kind": "meta"}, {"kind": "webchat"}
    assert kinds.others_fault(wa, {"wa": wa, "second": mate}) is None
    for accounts in ({"wa": wa}, {"wa": wa, "second": stranger}, {"wa": wa, "secnd": mate}):
        fault = kinds.others_fault(wa, accounts)
        assert fault is not None
        assert fault.path == ("others", "1")
        assert "no account 'second'" in fault.message
