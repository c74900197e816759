"""An emergency override: from the command line or the API into every node's rules, until its time or until it is cleared."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from conversation.errors import NotFound
from ops.__main__ import main
from ops.configuration.settings import Settings, load, parse_rules
from ops.rule_analysis.replay import Rehearsal
from ops.rule_analysis.with_overrides import under
from router.flows.maintenance.hours_override import BadOverride, declare, withdraw
from router.hours.overrides import Emergency, with_emergencies
from router.rules.rulebook import RuleBook
from storage.schema.events import audit
from storage.store import Store
from tests.ops.rule_analysis.month import Month

EXAMPLE = Path("config.example.toml")
MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)  # Berlin and Shanghai work
NIGHT = datetime(2026, 11, 23, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(EXAMPLE, {}, make_secrets=False)


@pytest.fixture(scope="module")
def rulebook(settings: Settings) -> RuleBook:
    return parse_rules(settings.source, settings.hints)


async def declared(store: Store, rulebook: RuleBook, calendar: str, *, is_open: bool, **changed: Any) -> None:
    asked: dict[str, Any] = {"until": MONDAY + HOUR, "reason": "the line is cut", "now": MONDAY, **changed}
    async with store.begin("test") as work:
        await declare(work, rulebook.calendars, calendar=calendar, is_open=is_open, actor="anna", **asked)


async def active(store: Store, now: datetime) -> list[tuple[str, bool]]:
    async with store.read("test") as work:
        return [(one.calendar, one.open) for one in await work.overrides.active(now)]


async def test_an_override_stands_until_its_time_and_is_audited(store: Store, rulebook: RuleBook) -> None:
    await declared(store, rulebook, "berlin", is_open=False)
    assert await active(store, MONDAY) == [("berlin", False)]
    assert await active(store, MONDAY + HOUR) == []
    async with store.read("test") as work:
        row = await work._run(lambda c: c.execute(select(audit)).mappings().one())
    assert (row["actor"], row["action"], row["subject"]) == ("anna", "hours.override", "berlin")


async def test_a_second_one_replaces_the_first_and_clearing_ends_it(store: Store, rulebook: RuleBook) -> None:
    await declared(store, rulebook, "berlin", is_open=False)
    await declared(store, rulebook, "berlin", is_open=True, now=MONDAY + HOUR / 2)
    assert await active(store, MONDAY + HOUR / 2) == [("berlin", True)]
    async with store.begin("test") as work:
        await withdraw(work, calendar="berlin", actor="anna", now=MONDAY + HOUR * 0.6)
    assert await active(store, MONDAY + HOUR * 0.6) == []
    async with store.read("test") as work:
        kept = await work.overrides.since(MONDAY)
    assert [one.stands_at(MONDAY + HOUR / 4) for one in kept] == [True, False]
    assert [one.stands_at(MONDAY + HOUR * 0.55) for one in kept] == [False, True]
    with pytest.raises(NotFound):
        async with store.begin("test") as work:
            await withdraw(work, calendar="berlin", actor="anna", now=MONDAY)


@pytest.mark.parametrize(
    ("calendar", "changed", "words"),
    [
        ("berln", {}, "did you mean 'berlin'"),
        ("berlin", {"until": MONDAY}, "ends in the future"),
        ("berlin", {"until": MONDAY + timedelta(days=91)}, "within 90 days"),
        ("berlin", {"reason": "  "}, "say why"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    store: Store, rulebook: RuleBook, calendar: str, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadOverride, match=words):
        await declared(store, rulebook, calendar, is_open=False, **changed)
    assert await active(store, MONDAY) == []


async def test_the_rules_under_it_say_so_and_calendars_made_of_it_follow(store: Store, rulebook: RuleBook) -> None:
    await declared(store, rulebook, "berlin", is_open=False)
    await declared(store, rulebook, "shanghai", is_open=False)
    async with store.read("test") as work:
        book = under(rulebook, await work.overrides.active(MONDAY))
    for name in ("berlin", "shanghai", "english", "desk"):
        assert rulebook.calendars.is_open(name, MONDAY, "en")
        assert not book.calendars.is_open(name, MONDAY, "en")
        assert book.calendars.next_opening(name, MONDAY, "en") == MONDAY + HOUR
    assert book.calendars.add_open_time("desk", MONDAY, HOUR / 4, "de") == MONDAY + HOUR * 1.25
    assert under(rulebook, []) is rulebook


async def test_an_emergency_wins_over_dates_holidays_and_the_week(store: Store, rulebook: RuleBook) -> None:
    christmas = datetime(2026, 12, 25, 10, tzinfo=UTC)
    for at in (NIGHT, christmas, datetime(2026, 12, 24, 15, tzinfo=UTC)):
        assert not rulebook.calendars.is_open("berlin", at)
        await declared(store, rulebook, "berlin", is_open=True, now=at, until=at + HOUR)
        async with store.read("test") as work:
            book = under(rulebook, await work.overrides.active(at))
        assert book.calendars.is_open("berlin", at)
        assert not book.calendars.is_open("berlin", at + HOUR)


async def test_one_chosen_by_language_is_overridden_for_itself_alone(store: Store, rulebook: RuleBook) -> None:
    await declared(store, rulebook, "desk", is_open=False)
    async with store.read("test") as work:
        book = under(rulebook, await work.overrides.active(MONDAY))
    assert not any(book.calendars.is_open("desk", MONDAY, language) for language in ("zh", "en", "fr", "de", None))
    assert book.calendars.is_open("berlin", MONDAY)


async def test_what_was_decided_under_an_emergency_is_rehearsed_under_it(store: Store, settings: Settings) -> None:
    month = Month(settings, lambda text: [("en", 0.99)] if text else [], MONDAY)
    await declared(store, parse_rules(settings.source, settings.hints), "desk", is_open=False, until=MONDAY + HOUR)
    async with store.read("test") as work:
        overrides = await work.overrides.since(MONDAY)
    plain = Rehearsal(settings, settings, month.detector)
    aware = Rehearsal(settings, settings, month.detector, overrides)
    await month.store(store, 14)
    async with store.read("test") as work:
        (first, *_) = await work.decisions.stream(MONDAY, after=None, limit=1)
    first = replace(first, facts=replace(first.facts, now=MONDAY, issue="fees", issue_source="chosen", matters=()))
    for one in (plain, aware):
        one.add_revision(first.decision.revision, settings.source)
    assert plain.decide(first).open is True
    assert aware.decide(first).open is False


def test_the_command_overrides_lists_and_clears(
    sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUNTGROUP_SERVICE__DATABASE", sqlite_url)
    hours = ["--config", str(EXAMPLE), "hours"]
    assert main([*hours, "override", "berlin", "closed", "--until", "2h", "--reason", "strike", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calendar"] == "berlin"
    assert main([*hours, "list"]) == 0
    assert "berlin is closed until" in capsys.readouterr().out
    assert main([*hours, "clear", "berlin"]) == 0
    assert main([*hours, "clear", "berlin"]) == 1
    assert main([*hours, "override", "nowhere", "open", "--until", "2h", "--reason", "x"]) == 2
    assert "no calendar 'nowhere'" in capsys.readouterr().err
    assert main([*hours, "override", "berlin", "open", "--until", "soon", "--reason", "x"]) == 2


def test_many_random_emergencies_agree_with_asking_each_minute(rulebook: RuleBook) -> None:
    dice = random.Random(3)
    for _ in range(40):
        since = MONDAY + timedelta(minutes=dice.randrange(3_000))
        until = since + timedelta(minutes=dice.randrange(1, 900))
        one = Emergency(calendar="berlin", open=dice.random() < 0.5, since=since, until=until)
        calendars = with_emergencies(rulebook.calendars, [one])
        for _ in range(40):
            at = MONDAY + timedelta(minutes=dice.randrange(4_500))
            wanted = one.open if since <= at < until else rulebook.calendars.is_open("berlin", at)
            assert calendars.is_open("berlin", at) is wanted
