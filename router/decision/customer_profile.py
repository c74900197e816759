"""What a message teaches about its customer. Pure."""

from collections.abc import Mapping
from dataclasses import replace

from conversation.model.decision import Decision
from conversation.model.message import MessageReceived
from conversation.model.people import Customer

_UNSAID = object()
CONFIDENT = 0.9  # from here on a detected language is remembered of the customer


def learned(customer: Customer, event: MessageReceived, decision: Decision) -> Customer:
    """The customer as known from now on; the same object where nothing is new."""
    source = decision.language_source
    certain = source == "chosen" or (source == "detected" and decision.language_confidence >= CONFIDENT)
    outranked = customer.language_source == "agent" or (customer.language_source == "chosen" and source != "chosen")
    language, known_by = customer.language, customer.language_source
    if decision.language and certain and not outranked:
        language, known_by = decision.language, source
    name = customer.name or event.sender.name
    verified = customer.verified or event.sender.verified
    news = _differs(customer.attributes, event.attributes)
    now = (language, known_by, name, verified)
    if not news and now == (customer.language, customer.language_source, customer.name, customer.verified):
        return customer
    return replace(
        customer,
        language=language,
        language_source=known_by,
        name=name,
        verified=verified,
        attributes={**customer.attributes, **event.attributes} if news else customer.attributes,
    )


def _differs(known: Mapping[str, object], given: Mapping[str, object]) -> bool:
    """Whether anything given is new. True is not 1: conditions distinguish them."""
    for name, value in given.items():
        before = known.get(name, _UNSAID)
        if before != value or type(before) is not type(value):
            return True
    return False
