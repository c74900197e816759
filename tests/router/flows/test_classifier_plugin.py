"""Classifiers at work: the model in use is asked for every message; a plug-in that is late, broken or hanging holds up nobody."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from conversation.model.decision import Understood
from router.decision.classifier import Claimed
from router.flows.classifier_plugin import Classifiers, PluggedIn
from router.rules.rulebook import RuleBook
from router.understanding.classifier_blend import Ranking
from tests.router.flows.stage import Stage, received, rulebook, running

TEXT = "my wallet has been empty since yesterday evening"
HEARD = Understood(languages=(("en", 0.9),))


def always_topup(text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None:
    return Claimed(ranking=(("topup", 0.98),), by="m1")


class PlugIn:
    """Answers, breaks, or hangs until it is let go."""

    def __init__(self, *ranking: tuple[str, float], error: Exception | None = None) -> None:
        self.ranking = ranking
        self.error = error
        self.go_on = threading.Event()
        self.go_on.set()
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, text: str, language: str | None) -> Sequence[tuple[str, float]]:
        self.asked.append((text, language))
        self.go_on.wait(20)
        if self.error is not None:
            raise self.error
        return self.ranking


@pytest.fixture
def classifiers() -> Iterator[Classifiers]:
    made = Classifiers()
    yield made
    made.plug_in(None)


async def stored_issue(stage: Stage, text: str, classifiers: Classifiers) -> tuple[str | None, str, str | None]:
    """(issue, source, model) of the decision that was stored about a first message."""
    flow = stage.flow(classifiers=classifiers)
    async with running(flow.run()):
        (accepted,) = await flow.accept([received(text)])
    async with stage.storage.read("test") as work:
        stored = await work.decisions.latest(accepted.conversation or "")
    assert stored is not None
    return stored.facts.issue, stored.facts.issue_source, stored.facts.model


async def test_the_model_in_use_is_asked_and_the_stored_decision_names_it(
    stage: Stage, classifiers: Classifiers
) -> None:
    classifiers.use(always_topup)
    assert await stored_issue(stage, TEXT, classifiers) == ("topup", "model", "m1")


def broken(text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None:
    raise ZeroDivisionError


async def test_a_model_that_breaks_costs_nobody_a_message(
    stage: Stage, classifiers: Classifiers, caplog: pytest.LogCaptureFixture
) -> None:
    classifiers.use(broken)
    for _ in range(2):
        text = "please tell me about the top up of yesterday"
        assert await stored_issue(stage, text, classifiers) == ("topup", "words", None)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["classifier_failed"]


async def test_a_plug_in_is_asked_with_the_language_and_its_claim_is_stored(
    stage: Stage, classifiers: Classifiers
) -> None:
    ask = PlugIn(("unheard_of", 0.1), ("topup", 0.9))
    classifiers.plug_in(PluggedIn("mine", ask, 5.0))
    assert await stored_issue(stage, TEXT, classifiers) == ("topup", "model", "mine")
    assert ask.asked == [(TEXT, "en")]


async def test_a_plug_in_that_hangs_costs_its_time_limit_and_the_words_stand(
    stage: Stage, classifiers: Classifiers
) -> None:
    ask = PlugIn(("topup", 0.9))
    ask.go_on.clear()
    classifiers.plug_in(PluggedIn("slow", ask, 0.05))
    assert await stored_issue(stage, "please tell me about the top up of yesterday", classifiers) == (
        "topup",
        "words",
        None,
    )
    ask.go_on.set()


async def claims(plugged_in: PluggedIn, text: str = TEXT) -> Claimed | None:
    return await plugged_in.claim(received(text), HEARD, rulebook())


async def test_what_a_plug_in_breaks_with_is_told_once_and_the_words_stand(caplog: pytest.LogCaptureFixture) -> None:
    plugged_in = PluggedIn("broken", PlugIn(error=RuntimeError("boom")), 5.0)
    assert [await claims(plugged_in) for _ in range(3)] == [None, None, None]
    assert [record.message for record in caplog.records] == ["classifier_failed"]
    plugged_in.close()


@pytest.mark.parametrize("ranking", [(), (("unheard_of", 1.0),), (("topup", "sure"),), ("nonsense",)])
async def test_an_answer_that_is_none_is_no_claim(ranking: tuple[object, ...]) -> None:
    plugged_in = PluggedIn("odd", PlugIn(*ranking), 5.0)  # type: ignore[arg-type]
    assert await claims(plugged_in) is None
    plugged_in.close()


async def test_a_plug_in_that_hangs_is_given_up_until_it_has_caught_up() -> None:
    ask = PlugIn(("topup", 0.9))
    plugged_in = PluggedIn("stuck", ask, 0.01)
    ask.go_on.clear()
    assert [await claims(plugged_in) for _ in range(20)] == [None] * 20
    assert plugged_in._waiting == 16, "the last ones were not even asked"
    ask.go_on.set()
    async with asyncio.timeout(60):
        while plugged_in._waiting:
            await asyncio.sleep(0.01)
    plugged_in.limit = 5.0
    assert await claims(plugged_in) == Claimed(ranking=(("topup", 0.9),), by="stuck")
    plugged_in.close()


async def test_it_is_not_asked_about_an_urgent_matter_or_a_few_words() -> None:
    ask = PlugIn(("topup", 0.9))
    plugged_in = PluggedIn("mine", ask, 5.0)
    urgent = Understood(issues=(("unauthorised", 1.0),))
    assert await plugged_in.claim(received(TEXT), urgent, rulebook()) is None
    assert await claims(plugged_in, "hello") is None
    assert ask.asked == []
    plugged_in.close()
