"""When a classifier may speak, what its claims become, and that a decision remembers which one it was."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from conversation.model.conversation import Conversation, State
from conversation.model.decision import Facts, Understood
from conversation.model.people import Customer, WorkKind
from router.decision.classifier import Claimed, ModelInUse, plug_in
from router.decision.decide import decide
from router.decision.facts import gather, understand
from router.rules.rulebook import RuleBook, RuleFaults
from router.understanding.classifier_blend import Ranking
from router.understanding.training import Label, Lessons, fit
from storage.codecs.decisions import facts_from_text, facts_to_text
from tests.router.wallet import MORNING, RULES, compiled, facts_for, said, stub_detector

TEXT = "my wallet has been empty since yesterday evening"


class Says:
    """A classifier that always claims the same, and remembers what it was asked."""

    def __init__(self, *ranking: tuple[str, float]) -> None:
        self.ranking = ranking
        self.asked: list[tuple[str, str | None, Ranking]] = []

    def __call__(self, text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None:
        self.asked.append((text, language, words))
        return Claimed(ranking=self.ranking, by="m1") if self.ranking else None


@pytest.fixture(scope="module")
def book() -> RuleBook:
    return compiled(RULES)


def heard(text: str, book: RuleBook, classifier: Says) -> Understood:
    return understand(text, book, stub_detector, classifier)


def facts_of(
    text: str, book: RuleBook, understood: Understood, conversations: Sequence[Any] = (), **changes: Any
) -> Facts:
    return gather(
        said(text, **changes),
        customer=Customer(id="k1"),
        conversations=conversations,
        understood=understood,
        rulebook=book,
        now=MORNING,
    )


def test_a_claim_becomes_the_issue_and_the_facts_name_the_model(book: RuleBook) -> None:
    understood = heard(TEXT, book, Says(("fees", 0.97), ("topup", 0.02)))
    assert understood.classified == (("fees", 0.97), ("topup", 0.02))
    facts = facts_of(TEXT, book, understood)
    assert (facts.issue, facts.issue_confidence, facts.issue_source, facts.model) == ("fees", 0.97, "model", "m1")
    assert facts_from_text(facts_to_text(facts), TEXT) == facts
    assert decide(facts, book).issue_source == "model"


def test_facts_that_were_stored_before_there_were_models_are_read_all_the_same(book: RuleBook) -> None:
    stored = json.loads(facts_to_text(facts_for(TEXT, book)))
    del stored["model"]
    assert facts_from_text(json.dumps(stored), TEXT).model is None


def test_where_it_is_silent_the_words_stand(book: RuleBook) -> None:
    text = "please tell me about the fee of yesterday"
    facts = facts_of(text, book, heard(text, book, Says()))
    assert (facts.issue, facts.issue_source, facts.model) == ("fees", "words", None)


def test_it_is_not_asked_about_a_few_words_nor_where_words_speak_of_an_urgent_matter(book: RuleBook) -> None:
    for text in ("ok", "are you there?", "在吗", "my phone was stolen and I do not know what to do"):
        classifier = Says(("fees", 1.0))
        assert heard(text, book, classifier).classified == ()
        assert classifier.asked == []
    assert facts_of(text, book, heard(text, book, Says(("fees", 1.0)))).issue == "unauthorised_security"


def test_an_issue_that_the_rules_do_not_know_is_no_claim(book: RuleBook) -> None:
    assert heard(TEXT, book, Says(("unheard_of", 1.0))).model is None


def test_what_the_sender_chose_wins(book: RuleBook) -> None:
    facts = facts_of(TEXT, book, heard(TEXT, book, Says(("fees", 1.0))), issue="topup")
    assert (facts.issue, facts.issue_source, facts.model) == ("topup", "chosen", None)


def test_in_a_conversation_that_is_open_only_words_say_that_this_is_another_matter(book: RuleBook) -> None:
    standing = Conversation(
        id="c1",
        reference="R",
        customer="k1",
        state=State.WAITING,
        queue="payments",
        kind=WorkKind.CHAT,
        channel="site",
        issue="topup",
        created_at=MORNING,
        updated_at=MORNING,
    )
    claimed = heard(TEXT, book, Says(("fees", 1.0)))
    assert facts_of(TEXT, book, claimed, [standing]).issue_source == "unknown"
    closed = replace(standing, state=State.CLOSED, closed_at=MORNING - timedelta(hours=1))
    assert facts_of(TEXT, book, claimed, [closed]).issue == "fees"


# -- the model in use --------------------------------------------------------------------------------------------------


def model_in_use(*, own: int = 300, least: float = 0.0) -> ModelInUse:
    texts = {"fees": "what does this transfer cost", "topup": "my wallet stays empty", "lost": "where is my umbrella"}
    labels = [Label(text=f"{text} {n}", issue=issue, language="en") for issue, text in texts.items() for n in range(40)]
    model = fit(Lessons.of(labels, tuple(texts)), np.arange(len(labels)))
    return ModelInUse(id="m7", model=replace(model, labels=300, own=own, thresholds={"en": least}))


def test_the_model_claims_from_its_margin_on_and_in_languages_it_was_examined_in(book: RuleBook) -> None:
    claimed = model_in_use()("my wallet stays empty again", "en", (), book)
    assert claimed is not None
    assert (claimed.by, claimed.ranking[0][0]) == ("m7", "topup")
    assert model_in_use(least=59.0)("my wallet stays empty again", "en", (), book) is None
    assert model_in_use()("my wallet stays empty again", "de", (), book) is None
    assert model_in_use()("my wallet stays empty again", None, (), book) is None


def test_a_model_of_other_peoples_labels_places_nothing(book: RuleBook) -> None:
    assert model_in_use(own=299)("my wallet stays empty again", "en", (), book) is None
    easier = compiled(RULES + "[classifier]\nminimum_labels = 100\n")
    assert model_in_use(own=299)("my wallet stays empty again", "en", (), easier) is not None


def test_words_alone_can_be_asked_for(book: RuleBook) -> None:
    words = compiled(RULES + '[classifier]\nengine = "words"\n')
    assert model_in_use()("my wallet stays empty again", "en", (), words) is None


def test_an_issue_of_words_that_the_model_never_saw_is_left_to_the_words(book: RuleBook) -> None:
    assert model_in_use()("my wallet stays empty again", "en", (("unauthorised_security", 1.0),), book) is None


def test_a_classifier_that_is_not_installed_is_a_fault_with_its_place() -> None:
    with pytest.raises(RuleFaults) as caught:
        compiled(RULES + '[classifier]\nengine = "modell"\n')
    (fault,) = caught.value.faults
    assert fault.path == ("classifier", "engine")
    assert "did you mean 'model'" in fault.message


def test_no_plug_in_of_a_name_is_none() -> None:
    assert plug_in("nobody", ("fees",)) is None
