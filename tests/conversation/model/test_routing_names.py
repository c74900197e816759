"""The routing state is the same under the names by which rows, rules and the API know it."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.model.conversation import Conversation, State
from conversation.model.people import WorkKind
from conversation.model.routing_names import attributes_of, names_of, routing_of, sortable_text
from conversation.model.routing_state import NOTHING_KEPT, Escalation, FailedWebhook, LanguageRequest, RoutingState

AT = datetime(2026, 11, 30, 21, 56, 36, 123456, tzinfo=UTC)
LATE = datetime(2026, 12, 1, tzinfo=UTC)
ISO, LATE_ISO = "2026-11-30T21:56:36.123456+00:00", "2026-12-01T00:00:00+00:00"

# each name in each form in which a release before wrote it
WRITTEN: list[tuple[str, object, RoutingState]] = [
    ("script", "Hant", RoutingState(script="Hant")),
    ("wish", {"language": "de", "over": "en"}, RoutingState(language_request=LanguageRequest("de", "en"))),
    ("wish", {"language": "de", "over": None}, RoutingState(language_request=LanguageRequest("de", None))),
    ("automation", "ended", RoutingState(automation_ended=True)),
    ("languages", ["zh", "en"], RoutingState(offered_languages=("zh", "en"))),
    ("languages", None, RoutingState(offered_languages=())),
    ("choices", ["topup", "fees"], RoutingState(offered_choices=("topup", "fees"))),
    ("choices", None, RoutingState(offered_choices=())),
    ("subject", "充值", RoutingState(subject="充值")),
    ("last_subject", "Re: 充值", RoutingState(last_subject="Re: 充值")),
    ("last_owner", "agent-1", RoutingState(last_owner="agent-1")),
    ("queued_again", ISO, RoutingState(queued_at=AT)),
    ("overflowed", LATE_ISO, RoutingState(overflowed_at=LATE)),
    ("page", False, RoutingState(escalation_off=True)),
    ("page", {"webhook": "duty", "after_seconds": 60}, RoutingState(escalation=Escalation(webhook="duty", after_seconds=60))),
    (
        "pages",
        {"next": ISO, "calls": {"duty": "2026-12-01T00:00:00.000000+00:00", "night": ISO}},
        RoutingState(alerts_due={"duty": LATE, "night": AT}),
    ),
    ("paged", {"duty": LATE_ISO, "night": ISO}, RoutingState(alerted={"duty": LATE, "night": AT})),
    ("paged", ISO, RoutingState(alerted_at=AT)),
    (
        "failed_calls",
        {"duty": {"at": ISO, "reason": "expired: no secret"}},
        RoutingState(failed_webhooks={"duty": FailedWebhook(AT, "expired: no secret")}),
    ),
]  # fmt: skip
OTHER_FORMS: list[tuple[str, object]] = [
    ("amount", 12),
    ("deep", {"a": [1, None]}),
    ("script", 5),
    ("script", ""),
    ("script", None),
    ("wish", "de"),
    ("wish", {"language": None, "over": None}),
    ("languages", "zh"),
    ("choices", []),
    ("choices", [1]),
    ("queued_again", "yesterday"),
    ("queued_again", "2026-12-01T00:00:00"),
    ("page", True),
    ("page", {"webhook": "duty"}),
    ("pages", {"next": ISO}),
    ("paged", ["duty"]),
    ("failed_calls", {"duty": "expired"}),
]


@pytest.mark.parametrize(("name", "value", "state"), WRITTEN)
def test_what_a_release_before_wrote_is_read_as_typed_and_written_as_it_was(
    name: str, value: object, state: RoutingState
) -> None:
    assert routing_of({name: value, "amount": 12}) == (state, {"amount": 12})
    assert names_of(state) == {name: value}


@pytest.mark.parametrize(("name", "value"), OTHER_FORMS)
def test_a_value_of_another_form_stays_an_attribute(name: str, value: object) -> None:
    assert routing_of({name: value}) == (NOTHING_KEPT, {name: value})


def test_every_field_has_a_name_and_nothing_kept_has_none() -> None:
    covered = {field for _, _, state in WRITTEN for field in _set(state)}
    assert covered == set(RoutingState.__dataclass_fields__)
    assert names_of(NOTHING_KEPT) == {}
    assert routing_of({})[0] is NOTHING_KEPT


def _set(state: RoutingState) -> list[str]:
    return [name for name in RoutingState.__dataclass_fields__ if getattr(state, name) != getattr(NOTHING_KEPT, name)]


instants = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
words = st.text(min_size=1)
webhooks = st.text(min_size=1, max_size=5)
lists = st.lists(webhooks, max_size=3).map(tuple)
states = st.builds(
    RoutingState,
    script=st.none() | words,
    language_request=st.none() | st.builds(LanguageRequest, words, st.none() | words),
    automation_ended=st.booleans(),
    offered_languages=st.none() | lists,
    offered_choices=st.none() | lists,
    subject=st.none() | words,
    last_subject=st.none() | words,
    last_owner=st.none() | words,
    queued_at=st.none() | instants,
    overflowed_at=st.none() | instants,
    alerts_due=st.dictionaries(webhooks, instants, max_size=3),
    failed_webhooks=st.dictionaries(webhooks, st.builds(FailedWebhook, instants, words), max_size=3),
)
wishes: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"escalation_off": True}),
    st.fixed_dictionaries(
        {"escalation": st.builds(Escalation, webhook=webhooks, after_seconds=st.integers(0, 1 << 40))}
    ),
)
alerted: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"alerted_at": st.none() | instants}),
    st.fixed_dictionaries({"alerted": st.dictionaries(webhooks, instants, max_size=3)}),
)


@given(states, wishes, alerted, st.dictionaries(st.sampled_from(["amount", "vip", "x.y"]), st.integers()))
def test_a_state_is_read_again_as_it_was_written(
    state: RoutingState, wish: dict[str, Any], called: dict[str, Any], own: dict[str, int]
) -> None:
    values = {name: getattr(state, name) for name in RoutingState.__dataclass_fields__}
    whole = RoutingState(**{**values, **wish, **called})
    assert routing_of({**own, **names_of(whole)}) == (whole, own)


@given(instants, instants)
def test_sortable_texts_are_in_the_order_of_time_in_any_zone(one: datetime, other: datetime) -> None:
    shown = other.astimezone(timezone(timedelta(hours=8)))
    assert (sortable_text(one) < sortable_text(shown)) == (one < other)


def test_a_conversation_shows_its_own_attributes_and_its_routing_state() -> None:
    one = Conversation(
        id="c",
        reference="R",
        customer="p",
        state=State.WAITING,
        queue="first",
        kind=WorkKind.CHAT,
        channel="chat",
        created_at=AT,
        updated_at=AT,
        attributes={"amount": 12},
        routing=RoutingState(script="Hans", offered_choices=()),
    )
    assert attributes_of(one) == {"amount": 12, "script": "Hans", "choices": None}
