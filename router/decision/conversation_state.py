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
    told: dict[str, object] = {}
    if facts.script is not None and attributes.get(SCRIPT) != facts.script:
        told[SCRIPT] = facts.script
    if facts.wish is not None:
        told[WISH] = {"language": facts.wish, "over": event.language}
    if HUMAN in facts.intents:
        told[AUTOMATION] = "ended"
    if decision.languages:
        told[LANGUAGES] = list(decision.languages)
    elif attributes.get(LANGUAGES) and (decision.choices or HUMAN in facts.intents or not speaks_unknown(facts)):
        told[LANGUAGES] = None  # known by now, or another question was put since: "2" answers that one
    if decision.choices:
        told[CHOICES] = list(decision.choices)
    elif CHOICES in attributes and (facts.issue_source == "chosen" or HUMAN in facts.intents):
        told[CHOICES] = None  # answered, or not to be asked any more
    return {**attributes, **told} if told else attributes
