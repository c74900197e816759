"""What a message leaves with its conversation for later ones: a question that waits for its answer, a request, a script, an escalation. Pure."""

from dataclasses import replace
from typing import Any

from conversation.model.decision import Decision, Facts
from conversation.model.message import MessageReceived
from conversation.model.routing_state import LanguageRequest, RoutingState
from router.decision.decide import HUMAN, speaks_unknown


def next_routing(before: RoutingState, event: MessageReceived, facts: Facts, decision: Decision) -> RoutingState:
    """The routing state with what is new; the same object where nothing is."""
    news = _questions(before, facts, decision)
    if facts.script is not None and before.script != facts.script:
        news["script"] = facts.script
    if facts.wish is not None:
        news["language_request"] = LanguageRequest(facts.wish, overruled=event.language)
    if HUMAN in facts.intents:
        news["automation_ended"] = True
    if "page" in decision.settled_by:  # its queue's own needs no keeping
        news |= {"escalation": decision.page, "escalation_off": decision.page is None}
    return replace(before, **news) if news else before


def _questions(before: RoutingState, facts: Facts, decision: Decision) -> dict[str, Any]:
    """What is asked now, and what is not asked any more."""
    news: dict[str, Any] = {}
    if decision.languages:
        news["offered_languages"] = decision.languages
    elif before.offered_languages and (decision.choices or HUMAN in facts.intents or not speaks_unknown(facts)):
        news["offered_languages"] = ()  # known by now, or another question was put since: "2" answers that one
    if decision.choices:
        news["offered_choices"] = decision.choices
    elif before.offered_choices is not None and (facts.issue_source == "chosen" or HUMAN in facts.intents):
        news["offered_choices"] = ()  # answered, or not to be asked any more
    return news
