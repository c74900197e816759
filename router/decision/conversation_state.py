"""What a message leaves with its conversation for later ones: a question that waits for its answer, a wish, a script. Pure."""

from collections.abc import Mapping

from conversation.model.decision import Decision, Facts
from conversation.model.message import MessageReceived
from router.decision.decide import AUTOMATION, HUMAN, speaks_unknown
from router.decision.facts import CHOICES, LANGUAGES, SCRIPT, WISH


def after(
    attributes: Mapping[str, object], event: MessageReceived, facts: Facts, decision: Decision
) -> Mapping[str, object]:
    """The attributes with what is new; the same object where nothing is."""
    news: dict[str, object] = {}
    if facts.script is not None and attributes.get(SCRIPT) != facts.script:
        news[SCRIPT] = facts.script
    if facts.wish is not None:
        news[WISH] = {"language": facts.wish, "over": event.language}
    if HUMAN in facts.intents:
        news[AUTOMATION] = "ended"
    if decision.languages:
        news[LANGUAGES] = list(decision.languages)
    elif attributes.get(LANGUAGES) and (decision.choices or HUMAN in facts.intents or not speaks_unknown(facts)):
        news[LANGUAGES] = None  # known by now, or another question was put since: "2" answers that one
    if decision.choices:
        news[CHOICES] = list(decision.choices)
    elif CHOICES in attributes and (facts.issue_source == "chosen" or HUMAN in facts.intents):
        news[CHOICES] = None  # answered, or not to be asked any more
    return {**attributes, **news} if news else attributes
