"""Which conversation a message joins, and what it may change there."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from conversation.model.conversation import Conversation, Priority, State
from conversation.model.decision import Decision, ExistingConversation, Facts, Joining
from conversation.model.people import Customer, WorkKind
from router.decision.decide import decide
from tests.router.wallet import MORNING, NIGHT, compiled, decided, existing_conversation, facts_for, plain_facts

BOOK = compiled()
CLOSED: dict[str, Any] = {"state": State.CLOSED, "closed_at": MORNING - timedelta(hours=1)}


def asked(*existing: ExistingConversation, issue: str | None = None, sure: float = 1.0, **changes: Any) -> Facts:
    source = "words" if issue else "unknown"
    given = {"claims": issue is not None, "language": "en", "language_source": "contact", **changes}
    return plain_facts(issue=issue, issue_confidence=sure, issue_source=source, matters=existing, **given)


def joined(*existing: ExistingConversation, **changes: Any) -> tuple[str, str | None, str | None]:
    made = decide(asked(*existing, **changes), BOOK)
    return made.joining.value, made.conversation, made.linked


EARLIER = MORNING - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("existing", "changes", "expected"),
    [
        ((), {}, ("new", None, None)),
        ((existing_conversation(),), {}, ("joined", "c1", None)),
        ((existing_conversation(),), {"issue": "topup"}, ("joined", "c1", None)),
        ((existing_conversation(),), {"issue": "fees"}, ("new", None, "c1")),
        ((existing_conversation(),), {"issue": "fees", "sure": 0.5}, ("joined", "c1", None)),
        ((existing_conversation(),), {"issue": "unauthorised_security", "sure": 0.3}, ("new", None, "c1")),
        ((existing_conversation(issue=None),), {"issue": "unauthorised_security"}, ("joined", "c1", None)),
        ((existing_conversation(issue=None),), {"issue": "fees"}, ("joined", "c1", None)),
        (
            (existing_conversation(last_activity=EARLIER), existing_conversation("c2", issue="fees")),
            {},
            ("joined", "c2", None),
        ),
        (
            (existing_conversation(last_activity=EARLIER), existing_conversation("c2", issue="fees")),
            {"issue": "topup"},
            ("joined", "c1", None),
        ),
        (
            (existing_conversation(last_activity=EARLIER), existing_conversation("c2")),
            {"issue": "topup"},
            ("joined", "c2", None),
        ),
        (
            (existing_conversation(last_activity=EARLIER), existing_conversation("c2", issue="lost")),
            {"issue": "fees"},
            ("new", None, "c2"),
        ),
        (
            (existing_conversation(), existing_conversation("c2", issue="fees")),
            {"issue": "topup", "token": "c2"},
            ("joined", "c2", None),
        ),
        ((existing_conversation(**CLOSED),), {}, ("reopened", "c1", None)),
        ((existing_conversation(**CLOSED),), {"issue": "topup"}, ("reopened", "c1", None)),
        ((existing_conversation(**CLOSED),), {"issue": "fees"}, ("new", None, None)),
        ((existing_conversation(**CLOSED),), {"intents": ("thanks",)}, ("new", None, None)),
        ((existing_conversation(**CLOSED),), {"intents": ("thanks",), "issue": "topup"}, ("reopened", "c1", None)),
        (
            (existing_conversation(state=State.CLOSED, closed_at=MORNING - timedelta(hours=73)),),
            {},
            ("new", None, None),
        ),
        (
            (existing_conversation(state=State.CLOSED, closed_at=MORNING - timedelta(days=90)),),
            {"token": "c1"},
            ("reopened", "c1", None),
        ),
        ((existing_conversation(**CLOSED),), {"token": "c1", "intents": ("thanks",)}, ("new", None, "c1")),
        (
            (existing_conversation(**CLOSED), existing_conversation("c2", last_activity=EARLIER)),
            {},
            ("joined", "c2", None),
        ),
        ((existing_conversation(state=State.SNOOZED),), {}, ("joined", "c1", None)),
        ((existing_conversation(),), {"token": "unheard"}, ("joined", "c1", None)),
    ],
)
def test_a_message_finds_its_conversation(
    existing: tuple[ExistingConversation, ...], changes: dict[str, Any], expected: tuple[str, str | None, str | None]
) -> None:
    assert joined(*existing, **changes) == expected


def later(*existing: ExistingConversation, **changes: Any) -> Decision:
    return decide(asked(*existing, **changes), BOOK)


def test_while_nobody_owns_it_a_later_decision_moves_it_and_raises_its_priority() -> None:
    made = later(existing_conversation(issue=None, queue="general"), issue="unauthorised_security")
    assert (made.queue, made.moves, made.priority, made.alert) == ("safety", True, Priority.URGENT, False)
    assert made.webhooks == ("freeze",)
    assert made.due is not None


def test_once_owned_a_more_urgent_decision_raises_the_priority_and_alerts_but_moves_nothing() -> None:
    made = later(existing_conversation(issue=None, queue="general", owned=True), issue="unauthorised_security")
    assert (made.queue, made.moves, made.priority, made.alert) == ("general", False, Priority.URGENT, True)
    assert made.settled_by["queue"] == "conversation"


def test_the_priority_is_never_lowered() -> None:
    made = later(existing_conversation(priority=Priority.URGENT), issue="topup")
    assert (made.priority, made.alert, made.moves) == (Priority.URGENT, False, False)


def test_a_message_that_claims_nothing_moves_nothing_and_changes_nothing() -> None:
    standing = existing_conversation(queue="general", issue="unauthorised_security", language="zh")
    made = later(standing, language="en", language_source="detected")
    assert (made.queue, made.moves, made.priority) == ("general", False, Priority.NORMAL)
    assert (made.issue, made.issue_source, made.language) == ("unauthorised_security", "conversation", "zh")
    assert (made.webhooks, made.labels, made.due) == ((), (), None)


def test_the_fallback_moves_nothing_away_from_where_it_stands() -> None:
    made = later(existing_conversation(issue=None, queue="vip"), issue="lost")
    assert (made.queue, made.moves, made.issue) == ("vip", False, "lost")


def test_the_same_issue_again_does_not_undo_a_transfer() -> None:
    assert later(existing_conversation(queue="vip"), issue="topup").queue == "vip"


def test_a_conversation_in_a_queue_that_is_gone_moves() -> None:
    made = later(existing_conversation(queue="abolished"))
    assert (made.queue, made.moves) == ("payments", True)


def test_a_rule_that_listens_to_the_words_may_move_it_without_a_new_issue() -> None:
    made = later(existing_conversation(), intents=("complaint",), claims=False)
    assert (made.queue, made.moves, made.labels) == ("complaints", True, ("complaint",))


def test_replies_are_said_once_and_not_while_the_owner_writes() -> None:
    night = {"now": NIGHT, "issue": "topup"}
    assert later(existing_conversation(language="zh"), **night).replies == ("closed",)
    assert later(existing_conversation(language="zh", said=("closed",)), **night).replies == ()
    busy = existing_conversation(language="zh", owned=True, owner_wrote_at=NIGHT - timedelta(minutes=9))
    assert later(busy, **night).replies == ()
    assert later(replace(busy, owner_wrote_at=NIGHT - timedelta(minutes=11)), **night).replies == ("closed",)


def test_a_reopened_conversation_is_promised_and_greeted_again() -> None:
    made = later(existing_conversation(queue="safety", issue="unauthorised_security", **CLOSED))
    assert (made.joining, made.queue, made.replies) == (Joining.REOPENED, "safety", ("safety",))
    assert made.due is not None


def conversation(name: str = "c1", **changes: Any) -> Conversation:
    given: dict[str, Any] = {
        "reference": "7K3M-9QFX",
        "customer": "k1",
        "state": State.WAITING,
        "queue": "payments",
        "kind": WorkKind.CHAT,
        "channel": "site",
        "created_at": EARLIER,
        "updated_at": EARLIER,
        "language": "zh",
        "issue": "topup",
    }
    return Conversation(id=name, **{**given, **changes})


def test_three_steps_of_one_customer_stay_in_one_conversation_and_are_answered_once() -> None:
    first = decided("充值不成功", BOOK, now=NIGHT)
    assert first.replies == ("closed",)
    stored = conversation(sent_replies=first.replies)
    for text in ("在吗?", "谢谢"):
        made = decided(text, BOOK, now=NIGHT, conversations=[stored])
        assert (made.joining, made.queue, made.issue, made.language) == (Joining.JOINED, "payments", "topup", "zh")
        assert (made.moves, made.replies) == (False, ())


def test_a_few_words_do_not_change_the_language_and_a_sentence_does() -> None:
    held = [conversation()]
    assert facts_for("the ok", BOOK, conversations=held).language == "zh"
    made = decided("the agent who wrote to me does not answer any more", BOOK, conversations=held)
    assert made.language == "en"


def test_a_reference_typed_by_hand_counts_for_a_customer_who_is_in_it() -> None:
    own = [conversation(), conversation("c2", reference="AAAA-BBBB", issue="fees")]
    assert facts_for("about aaaa-bbbb please", BOOK, conversations=own).token == "c2"
    foreign = [conversation("c9", customer="k9", reference="AAAA-BBBB")]
    assert facts_for("about AAAA-BBBB please", BOOK, conversations=foreign).token is None


def test_a_signed_token_names_its_conversation_whoever_owns_that() -> None:
    foreign = [conversation("c9", customer="k9")]
    assert decided("the fee", BOOK, conversations=foreign, token="c9").conversation == "c9"


def test_the_contact_history_outweighs_a_weak_detection() -> None:
    known = Customer(id="k1", language="fr", language_source="agent")
    facts = facts_for("ok", BOOK, customer=known)
    assert (facts.language, facts.language_source) in {("fr", "contact"), ("fr", "detected")}


def test_an_explicit_choice_wins_over_everything() -> None:
    known = Customer(id="k1", language="fr", language_source="agent")
    facts = facts_for("the top up", BOOK, customer=known, language="de-AT")
    assert (facts.language, facts.language_source) == ("de", "chosen")


def test_a_text_without_letters_and_hints_is_in_no_known_language() -> None:
    facts = facts_for("12345 👍", BOOK)
    assert (facts.language, facts.language_source) == (None, "unknown")
    assert facts_for("12345", BOOK, locale="fr-CA").language == "fr"
    assert facts_for("12345", BOOK, locale="pt-BR", channel="hilfe-mail").language == "de"


def test_what_is_answered_counts_only_if_the_customer_has_it() -> None:
    own = (conversation("c1", customer="k1"), conversation("c2", customer="k1"))
    foreign = (conversation("c9", customer="another"),)
    assert facts_for("and?", BOOK, conversations=own, reply_to="c2").token == "c2"
    assert facts_for("and?", BOOK, conversations=foreign, reply_to="c9").token is None


def test_what_a_machine_says_is_kept_and_wakes_nobody() -> None:
    asleep = [conversation("c1", **CLOSED)]
    made = decided("I am away, my card was stolen", BOOK, conversations=asleep, machine="auto-reply", token="c1")
    assert (made.joining, made.conversation, made.moves) == (Joining.JOINED, "c1", False)
    awake = [conversation("c1", issue="fees")]
    made = decided("my card was stolen", BOOK, conversations=awake, machine="auto-reply")
    assert (made.joining, made.conversation, made.moves) == (Joining.JOINED, "c1", False)
