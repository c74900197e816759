"""The wallet of the example, decided for 80,640 combinations, against a plain reading of the file that shares no code with it.

The suite takes one in twenty-seven of them; HUNTGROUP_EVERY=1 takes all.
"""

import os
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import pytest

from conversation.model.decision import Facts
from ops.configuration.settings import load, parse_rules
from ops.configuration.sources import read
from router.decision.decide import decide
from tests.ops.rule_analysis.plain_reading import INSTANTS, Asked, Plain, Said

EXAMPLE = Path("config.example.toml")
EVERY = int(os.environ.get("HUNTGROUP_EVERY", "27"))
LANGUAGES = ("zh", "en", "fr", "de", "it", None)
CUSTOMERS: tuple[dict[str, object], ...] = ({}, {"vip": True, "balance": 80_000})


def combinations(issues: tuple[str, ...]) -> Iterator[Asked]:
    intents: tuple[tuple[str, ...], ...] = ((), ("complaint",))
    for at, kind, issue, language, customer, intent in product(
        INSTANTS, ("webchat", "email"), (*issues, None), LANGUAGES, CUSTOMERS, intents
    ):
        yield Asked(at=at, kind=kind, issue=issue, language=language, customer=customer, intents=intent)


def facts_of(asked: Asked) -> Facts:
    return Facts(
        now=asked.at,
        channel="site",
        kind=asked.kind,
        text=asked.text,
        language=asked.language,
        language_confidence=1.0 if asked.language else 0.0,
        language_source="detected" if asked.language else "unknown",
        issue=asked.issue,
        issue_confidence=1.0 if asked.issue else 0.0,
        issue_source="words" if asked.issue else "unknown",
        intents=asked.intents,
        customer=asked.customer,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_combination_is_decided_as_the_file_says_plainly() -> None:
    settings = load(EXAMPLE, {}, make_secrets=False)
    rulebook, plain = parse_rules(settings.source, settings.hints), Plain(read(EXAMPLE, {}, {}).data)
    counted = 0
    for asked in islice(combinations(tuple(rulebook.issues)), 0, None, EVERY):
        made = decide(facts_of(asked), rulebook)
        told = Said(
            queue=made.queue,
            priority=made.priority.label,
            open=made.open,
            opens=made.opens,
            due=made.due,
            replies=made.replies,
            labels=made.labels,
            webhooks=made.webhooks,
        )
        assert told == plain.say(asked), asked
        counted += 1
    assert counted * EVERY >= 80_000
