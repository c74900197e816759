"""Decisions to rows and back: what was decided and from what, as JSON text, without the words of the customer.

The data classes themselves say how they are written and read; a reader fills in what a row of an earlier release did not have.
"""

from dataclasses import fields, replace
from operator import attrgetter

import msgspec

from conversation.model.decision import Decision, Facts, StoredDecision
from storage.codecs.rows import Fields, Values
from storage.database.bulk_sql import to_json

_FACTS = tuple(field.name for field in fields(Facts) if field.name != "text")
_values = attrgetter(*_FACTS)
_read_facts = msgspec.json.Decoder(Facts).decode
decision_from_text = msgspec.json.Decoder(Decision).decode


def decision_values(stored: StoredDecision) -> Values:
    """All columns of `decisions`."""
    return {
        "id": stored.id,
        "conversation_id": stored.conversation,
        "message_id": stored.message,
        "revision": stored.decision.revision,
        "facts": facts_to_text(stored.facts),
        "decision": to_json(stored.decision),
        "at": stored.at,
    }


def decision_of(row: Fields) -> StoredDecision:
    """A row of `decisions` with its message's text as `said`."""
    return StoredDecision(
        id=row["id"],
        conversation=row["conversation_id"],
        message=row["message_id"],
        at=row["at"],
        facts=facts_from_text(row["facts"], row["said"] or ""),
        decision=decision_from_text(row["decision"]),
    )


def facts_to_text(facts: Facts) -> str:
    """All facts but the text, which is kept with its message so that it can be erased."""
    return to_json(dict(zip(_FACTS, _values(facts), strict=True)))


def facts_from_text(stored: str, text: str) -> Facts:
    """The facts again, with the text they were gathered from."""
    return replace(_read_facts(f'{{"text":"",{stored[1:]}'), text=text)
