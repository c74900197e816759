"""The callback kind: the inherited suite, its settings, and links."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.callback import CallbackAccount, Settings, create, normalize
from channels.callback.signed_links import SignedLinks
from conversation.errors import InboundError, PermanentFailure
from conversation.model.callback import CallOutcome
from conversation.model.message import CallbackRequested, InboundEvent
from conversation.ports.channel import Channel, Tools
from conversation.wording import CATALOGUE
from ops.composition.account_state import AccountState
from storage.store import Store
from tests.contracts.channel import NOW, ChannelContract, outbound
from tests.contracts.hostile import TEXTS
from tests.contracts.tools import Bench
from tests.contracts.understands import assert_readme_lists
from tests.fakes import FakeClock

TOKEN = "the auth token that nobody may see"
TWILIO = {"account": "AC0123456789abcdef0123456789abcdef", "token": TOKEN, "caller": "+33199005678"}
BRIDGED = TWILIO | {"bridge": "+33199009999"}


class TestCallback(ChannelContract):
    folder = Path(__file__).parent / "payloads"
    secrets = (TOKEN,)

    def build(self, tools: Tools) -> Channel:
        return create("account", {"dialer": "twilio", "twilio": BRIDGED}, tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        return normalize.events(raw, channel="account", received_at=NOW, settings=Settings())

    def saying(self, text: str, number: int = 1) -> bytes:
        return json.dumps({"id": f"f-{number}", "number": "+33199001234", "note": text}).encode()

    @pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:12]))
    def test_texts_of_any_script_and_size_arrive_as_they_were_written(self, text: str) -> None:
        if len(text) > 2_000:
            with pytest.raises(InboundError):
                self.read(self.saying(text))
            return
        (event,) = self.read(self.saying(text))
        assert isinstance(event, CallbackRequested)
        assert event.note == (text.strip() or None)

    def test_poisonous_characters_never_arrive(self) -> None:
        (event,) = self.read(self.saying("a\x00b\ud800c"))
        assert isinstance(event, CallbackRequested)
        assert event.note == "a\ufffdb\ufffdc"

    async def test_words_do_not_leave_by_telephone(self) -> None:
        with pytest.raises(PermanentFailure) as failure:
            await self.build(self.bench().tools()).send(outbound())
        assert failure.value.code == "unsupported"


def test_the_readme_tells_what_is_understood() -> None:
    assert_readme_lists("callback")


def test_every_fault_of_a_form_has_words() -> None:
    codes = {
        "number_missing",
        "consent_needed",
        "unknown_choice",
        "unknown_field",
        "no_text",
        "too_long",
        "slot_missing",
    }
    codes |= {
        "slot_unreadable",
        "slot_taken",
        "do_not_call",
        "asked_already",
        "on_the_line",
        "closed",
        "too_many",
        "link_bad",
    }
    refused = {"unreadable", "incomplete", "emergency", "premium", "shared_cost", "special", "denied", "too_long"}
    refused.add("extension_too_long")
    assert (codes | {f"number_{code}" for code in refused}) <= CATALOGUE.texts("callback_page", "en").messages.keys()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"lawful": {"mon-fri": ["09:10-20:00"]}}, ("lawful",)),
        ({"lawful": {"fri-mon": ["09:00-20:00"]}}, ("lawful",)),
        ({"lawful": {"mon": ["20:00-09:00"]}}, ("lawful",)),
        ({"lawful": {"someday": []}}, ("lawful",)),
        ({"lawful": "always"}, ("lawful",)),
        ({"slot": "7m"}, ("slot",)),
        ({"slot": "25m"}, ("slot",)),
        ({"lead": "soon"}, ("lead",)),
        ({"country": "France"}, ("country",)),
        ({"deny": ["0033"]}, ("deny", 0)),
        ({"retry": {"busy": ["5 minutes"]}}, ("retry", "busy", 0)),
        ({"dialer": "twilio"}, ()),
        ({"twilio": TWILIO | {"menu": {"12": {"language": "de"}}}}, ("twilio", "menu")),
        ({"dialer": "twilio", "twilio": TWILIO | {"account": "x"}}, ("twilio", "account")),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_fault_at_its_place(
    settings: dict[str, Any], path: tuple[object, ...]
) -> None:
    faults = kinds.settings_faults("callback", "phone", {"kind": "callback", **settings})
    assert [fault.path for fault in faults] == [path]


@pytest.mark.parametrize("first", ["agent", "customer"])
def test_a_call_over_twilio_without_a_line_of_the_agents_would_be_silent_and_is_a_fault(first: str) -> None:
    settings = {"kind": "callback", "dialer": "twilio", "twilio": TWILIO | {"first": first}}
    (fault,) = kinds.settings_faults("callback", "phone", settings)

    assert "'bridge'" in fault.message
    assert kinds.settings_faults("callback", "phone", settings | {"twilio": BRIDGED | {"first": first}}) == []
    assert kinds.settings_faults("callback", "phone", settings | {"dialer": "manual"}) == []  # calls that come in


def test_lawful_hours_name_days_and_the_narrower_range_wins() -> None:
    written = {"every": ["08:00-20:00"], "sat-sun": ["10:00-12:00", "13:00-18:00"], "sun": []}
    lawful = Settings.model_validate({"lawful": written}).lawful
    assert [lawful[day] for day in (0, 5, 6)] == [((480, 1200),), ((600, 720), (780, 1080)), ()]


def test_a_named_distance_replaces_the_usual_one_of_its_outcome_only() -> None:
    settings = Settings.model_validate({"retry": {"busy": ["3m", "1h"]}})
    assert [span.total_seconds() for span in settings.distances[CallOutcome.BUSY]] == [180, 3600]
    assert settings.distances[CallOutcome.NO_ANSWER] == Settings().distances[CallOutcome.NO_ANSWER]


def test_a_link_is_good_for_its_purpose_and_subject_only() -> None:
    links, others = SignedLinks("https://a.example"), SignedLinks("https://b.example")
    assert links.make("ask", "c1") is None
    links.use(b"k" * 32)
    others.use(b"o" * 32)
    token = links.make("ask", "c1") or ""
    assert links.subject("ask", token) == links.subject("ask", token.lower()) == "c1"
    assert links.subject("change", token) is None
    assert others.subject("ask", token) is None
    for bad in ("", ".", token[:-1], "c2" + token[2:], token + "A", token * 20, token.replace("c1", "ç1")):
        assert links.subject("ask", bad) is None


async def test_the_key_of_links_is_made_once_and_kept() -> None:
    tools = Bench(clock=FakeClock()).tools()
    first, second = create("phone", {}, tools), create("phone", {}, tools)
    assert first.callback_links.request_link("c") is None
    await first.start()
    await second.start()
    assert isinstance(first, CallbackAccount)
    assert first.callback_links.request_link("c") == second.callback_links.request_link("c")
    assert (first.callback_links.request_link("c") or "").startswith("http://127.0.0.1:8080/callback/phone?t=c.")


async def test_two_nodes_that_start_at_once_have_one_key(store: Store) -> None:
    tools = Bench(clock=FakeClock()).tools(state=AccountState(store, "phone"))
    nodes = [create("phone", {}, tools) for _ in range(4)]
    await asyncio.gather(*(node.start() for node in nodes))
    assert len({node.callback_links.request_link("c") for node in nodes}) == 1
