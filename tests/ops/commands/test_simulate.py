"""`simulate`: small cases worked out by hand, queueing theory, the same seed, and more hands never a longer wait."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.model.conversation import Priority
from conversation.model.events import EventType, NewEvent
from conversation.model.people import Agent, Presence, WorkKind
from conversation.ports.storage.figures import Seen, Window
from ops.__main__ import main
from ops.commands.simulate import Question, as_text, simulate
from ops.configuration.settings import Settings, load, parse_rules
from ops.simulation.results import result
from ops.simulation.simulator import Arrival, SimulatedOutcome, Simulation, Worker, merged
from ops.simulation.team import WEEK, Hiring, Team, hiring_of, week_of
from router.rules.rulebook import RuleBook
from router.understanding.language_detector import load_detector
from storage.store import Store
from tests.example import copied
from tests.ops.rule_analysis.month import Month
from tests.storage.makers import hire

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
END = MONDAY + 30 * DAY
ALWAYS = ((int(MONDAY.timestamp()), int(END.timestamp())),)
FILE = """
[languages]
offered = ["en", "de"]
[hours.day]
timezone = "UTC"
every = ["09:00-17:00"]
[queue_defaults]
first_response = "10m"
[queues.help]
overflow = [ { after = "5m", queue = "second" } ]
[queues.second]
skills = ["second"]
[queues.office]
hours = "day"
skills = ["office"]
[issues.fees]
queue = "help"
[fallback]
queue = "help"
[channels.app]
kind = "webhook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""


def read(folder: Path, text: str = FILE) -> Settings:
    path = folder / "config.toml"
    path.write_text(text)
    return load(path, {}, make_secrets=False)


@pytest.fixture(scope="module")
def rulebook(tmp_path_factory: pytest.TempPathFactory) -> RuleBook:
    settings = read(tmp_path_factory.mktemp("simulate"))
    return parse_rules(settings.source, settings.hints)


def worker(
    name: str,
    *,
    cap: int = 1,
    shifts: tuple[tuple[int, int], ...] = ALWAYS,
    skills: tuple[str, ...] = (),
    **more: object,
) -> Worker:
    told = {"languages": {"en": 3}, "skills": dict.fromkeys(skills, 3), "capacity": {WorkKind.MESSAGE: cap}, **more}
    return Worker(Agent(id=name, email=name, name=name, **told), shifts)  # type: ignore[arg-type]


def came(minute: float, handling: float = 10, queue: str = "help", **more: object) -> Arrival:
    told = {"queue": queue, "kind": "webhook", "language": "en", **more}
    return Arrival(at=MONDAY + minute * MINUTE, handling=handling * MINUTE, **told)  # type: ignore[arg-type]


def shift(begin: int, end: int) -> tuple[int, int]:
    """Minutes after Monday began."""
    base = int(MONDAY.timestamp())
    return base + 60 * begin, base + 60 * end


def minutes(outcome: SimulatedOutcome) -> list[float | None]:
    """When each was taken, in minutes after Monday began."""
    return [None if at is None else (at - MONDAY) / MINUTE for at in outcome.started]


def test_one_agent_takes_one_after_the_other(rulebook: RuleBook) -> None:
    outcome = Simulation(rulebook, [worker("a")], END).run([came(0), came(1), came(2, 5), came(60)])
    assert minutes(outcome) == [0, 10, 20, 60]
    assert outcome.busy == {"a": 35 * 60}


def test_what_is_urgent_goes_first_and_interrupts_nothing(rulebook: RuleBook) -> None:
    urgent = came(2, priority=Priority.URGENT)
    assert minutes(Simulation(rulebook, [worker("a")], END).run([came(0), came(1), urgent])) == [0, 20, 10]


def test_two_slots_are_two_hands_and_the_least_busy_goes_first(rulebook: RuleBook) -> None:
    team = [worker("a", cap=2), worker("b")]
    outcome = Simulation(rulebook, team, END).run([came(0), came(0), came(0), came(0)])
    assert minutes(outcome) == [0, 0, 0, 10]
    assert outcome.busy == {"a": 20 * 60, "b": 10 * 60}


def test_nobody_takes_work_before_their_shift_or_after_it(rulebook: RuleBook) -> None:
    team = [worker("a", shifts=(shift(30, 45), shift(100, 200)))]
    outcome = Simulation(rulebook, team, END).run([came(0), came(10), came(11)])
    assert minutes(outcome) == [30, 40, 100]  # the second is finished after the shift
    assert outcome.busy == {"a": (15 + 10) * 60}


def test_who_does_not_speak_it_or_has_not_the_skill_is_not_asked(rulebook: RuleBook) -> None:
    team = [worker("a"), worker("b", languages={"de-AT": 2}, skills=("office",))]
    german, office = came(0, language="de"), came(1, queue="office", language="de")
    assert minutes(Simulation(rulebook, team, END).run([german, office, came(2, queue="office")])) == [0, 10, None]


def test_time_takes_it_to_another_queue_when_somebody_there_can_serve_it(rulebook: RuleBook) -> None:
    second = worker("b", queues=("second",), shifts=(shift(8, 500),))
    outcome = Simulation(rulebook, [worker("a"), second], END).run([came(0, 60), came(1), came(2)])
    # after 5 min nobody is on duty there; looked at again when somebody is, and then one after the other
    assert minutes(outcome) == [0, 8, 18]


def test_a_queue_that_opens_takes_what_waited_for_it(tmp_path: Path) -> None:
    settings = read(tmp_path, FILE.replace('after = "5m", queue = "second"', 'after = "5m", queue = "office"'))
    team = [worker("a", skills=("office",), queues=("office",))]
    outcome = Simulation(parse_rules(settings.source, settings.hints), team, END).run([came(0), came(9 * 60 + 30)])
    assert minutes(outcome) == [9 * 60, 9 * 60 + 35]


def test_lines_tell_waits_promises_and_who_never_was_answered(rulebook: RuleBook) -> None:
    end = MONDAY + HOUR
    arrivals = [came(0, 12), came(1, 30), came(2), came(55), came(3, language="de")]
    told = result(rulebook, [worker("a", shifts=(shift(0, 60),))], arrivals, end)
    lines = {(line["queue"], line["language"]): line for line in told["lines"]}
    english = lines["help", "en"]
    # taken at 0, 12, 42 and 55: the promise of 10 min is kept twice of four; nobody speaks German
    assert (english["count"], english["answered"], english["unanswered"], english["share"]) == (4, 4, 0, 0.5)
    assert (english["wait_median_seconds"], english["wait_p90_seconds"]) == (0, 40 * 60)
    assert (lines["help", "de"]["unanswered"], lines["help", "de"]["share"]) == (1, 0.0)
    assert lines["all", "all"]["share"] == 0.4
    assert told["agents"] == [{"agent": "a", "duty_seconds": 3_600, "busy_seconds": 57 * 60, "share": 0.95}]


def test_waits_are_those_of_queueing_theory(rulebook: RuleBook) -> None:
    """M/M/2 with one arrival a minute and one minute of work: Erlang C gives a mean wait of a third of a minute."""
    dice = random.Random(7)
    at, arrivals = 0.0, []
    for _ in range(20_000):
        at += dice.expovariate(1)
        arrivals.append(came(at, dice.expovariate(1), queue="second"))
    team = [worker("a", skills=("second",)), worker("b", skills=("second",))]
    started = minutes(Simulation(rulebook, team, END).run(arrivals))
    waits = [
        begin - (one.at - MONDAY) / MINUTE for one, begin in zip(arrivals, started, strict=True) if begin is not None
    ]
    assert len(waits) == len(arrivals)
    assert sum(waits) / len(waits) == pytest.approx(1 / 3, rel=0.05)


def first_come(arrivals: list[Arrival], hands: int) -> list[datetime]:
    """The plainest queue there is: each takes whichever hand is free first."""
    free = [MONDAY] * hands
    started = []
    for one in arrivals:
        begin = max(one.at, min(free))
        free[free.index(min(free))] = begin + one.handling
        started.append(begin)
    return started


traffic = st.lists(st.tuples(st.integers(0, 120), st.integers(1, 40)), max_size=40)


@given(traffic, st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 3))
def test_more_hands_let_nobody_wait_longer(
    rulebook: RuleBook, told: list[tuple[int, int]], caps: list[int], added: int
) -> None:
    """In a queue that only they serve, first come, first served."""
    arrivals = [came(at, handling, queue="second") for at, handling in sorted(told)]
    team = [worker(f"{number}", cap=cap, skills=("second",)) for number, cap in enumerate(caps)]
    before = Simulation(rulebook, team, END).run(arrivals).started
    after = Simulation(rulebook, [*team, worker("new", cap=added, skills=("second",))], END).run(arrivals).started
    assert all(late and soon and soon <= late for late, soon in zip(before, after, strict=True))
    assert list(before) == first_come(arrivals, sum(caps))
    assert list(after) == first_come(arrivals, sum(caps) + added)


@given(traffic, st.integers(1, 3))
def test_nobody_holds_more_than_they_can_and_nobody_waits_beside_free_hands(
    rulebook: RuleBook, told: list[tuple[int, int]], cap: int
) -> None:
    arrivals = [came(at, handling) for at, handling in sorted(told)]
    started = minutes(Simulation(rulebook, [worker("a", cap=cap)], END).run(arrivals))
    spans = [(at, at + one.handling / MINUTE) for at, one in zip(started, arrivals, strict=True) if at is not None]
    assert len(spans) == len(arrivals)
    for moment in {begin for begin, _ in spans}:
        assert sum(begin <= moment < end for begin, end in spans) <= cap
    for (begin, _), one in zip(spans, arrivals, strict=True):
        if begin > (one.at - MONDAY) / MINUTE:
            assert sum(low < begin <= high for low, high in spans) >= cap  # taken when a hand became free


# -- who is there ------------------------------------------------------------------------------------------------------


def test_an_agent_is_added_in_words() -> None:
    told = hiring_of("languages=de:4,en,skills=payments:3,hours=day,capacity=chat:1,count=2")
    assert told.languages == {"de": 4, "en": 3}
    assert (told.skills, told.hours, told.count) == ({"payments": 3}, "day", 2)
    assert (told.capacity[WorkKind.CHAT], told.capacity[WorkKind.EMAIL]) == (1, 10)
    for wrong in ("de:4", "language=de", "count=0", "count=x", ""):
        with pytest.raises(ValueError, match=r"not one of|from 1 on"):
            hiring_of(wrong)


def test_whoever_is_added_works_by_the_calendar_or_while_their_queues_are_open(rulebook: RuleBook) -> None:
    team = Team(rulebook, Window(MONDAY, MONDAY + DAY), {})
    day, queues = team.hired([Hiring(hours="day"), Hiring(queues=("office",), count=1)])
    assert day.shifts == queues.shifts == (shift(9 * 60, 17 * 60),)
    assert team.hired([Hiring()])[0].shifts == (shift(0, 24 * 60),)  # `help` is always open
    for wrong in (Hiring(hours="dya"), Hiring(queues=("nowhere",))):
        with pytest.raises(ValueError, match="there is no"):
            team.hired([wrong])


def test_a_week_that_was_seen_comes_again(rulebook: RuleBook) -> None:
    until = MONDAY + WEEK
    seen = [
        *(Seen("a", MONDAY + 9 * HOUR, True), Seen("b", MONDAY + HOUR, False), Seen("a", MONDAY + 12 * HOUR, False)),
        *(Seen("a", MONDAY + 12 * HOUR + MINUTE, False), Seen("b", MONDAY + 6 * DAY, True)),
    ]
    week = week_of(seen, until)
    assert week == {
        "a": (shift(9 * 60, 12 * 60),),
        "b": (shift(0, 60), shift(6 * 24 * 60, 7 * 24 * 60)),
    }
    a = replace(worker("a").agent, id="a")
    [shown] = Team(rulebook, Window(MONDAY - WEEK + 10 * HOUR, until), week).stored([a])
    assert shown.shifts == (shift(-7 * 24 * 60 + 10 * 60, -7 * 24 * 60 + 12 * 60), shift(9 * 60, 12 * 60))


def test_spans_that_touch_are_one() -> None:
    assert merged([(5, 7), (1, 3), (3, 4), (6, 6), (9, 9)]) == ((1, 4), (5, 7))


# -- the whole ---------------------------------------------------------------------------------------------------------


def asked(**values: object) -> Question:
    told = {
        "window": Window(MONDAY, MONDAY + 3 * DAY), "new": None, "add": (), "remove": (), "synthetic": 200.0,
        "handling": 8 * MINUTE, "seed": 7,
    }  # fmt: skip
    return Question(**(told | values))  # type: ignore[arg-type]


async def test_the_same_seed_gives_the_same_and_another_one_something_else(store: Store, tmp_path: Path) -> None:
    settings = read(tmp_path)
    anna = await hire(store, languages={"en": 3, "de": 3}, capacity={WorkKind.MESSAGE: 1})
    first = await simulate(store, settings, asked())
    assert first == await simulate(store, settings, asked())
    other = await simulate(store, settings, asked(seed=8))
    assert other["baseline"] != first["baseline"]
    assert first["changed"] is None
    assert [line["agent"] for line in first["baseline"]["agents"]] == [anna.email.lower()]
    assert "–" not in next(line for line in as_text(first) if line.startswith("all"))


async def test_one_who_is_added_helps_and_one_who_is_removed_is_missed(store: Store, tmp_path: Path) -> None:
    settings = read(tmp_path)
    anna = await hire(store, languages={"en": 3, "de": 3}, capacity={WorkKind.MESSAGE: 1})
    more = await simulate(store, settings, asked(add=(hiring_of("languages=en,de"),)))
    alone, helped = (
        next(one for one in more[side]["lines"] if one["queue"] == "all") for side in ("baseline", "changed")
    )
    assert alone["count"] == helped["count"] > 500
    assert alone["share"] < helped["share"]
    assert alone["wait_p90_seconds"] > helped["wait_p90_seconds"]
    less = await simulate(store, settings, asked(remove=(anna.email.upper(),)))
    assert less["baseline"] == more["baseline"]
    assert less["changed"]["lines"][-1]["answered"] == 0
    assert " -> " in "\n".join(as_text(less))
    with pytest.raises(ValueError, match="there is no agent"):
        await simulate(store, settings, asked(remove=("nobody@example.com",)))


async def test_stored_traffic_comes_again_under_other_rules(store: Store, tmp_path: Path) -> None:
    example = load(Path("config.example.toml"), {}, make_secrets=False)
    detector = load_detector(example.document.languages.offered)
    await Month(example, detector, MONDAY).store(store, 120)
    vips = 'then = { queue = "vip", priority = "high" }'
    swapped = copied(tmp_path, (vips, 'then = { queue = "cards", priority = "high" }'))
    new = load(swapped, {}, make_secrets=False)
    told = await simulate(store, example, asked(window=Window(MONDAY, END), new=new, synthetic=None))
    before, after = (
        {one["queue"]: one["count"] for one in told[side]["lines"] if one["language"] == "all"}
        for side in ("baseline", "changed")
    )
    assert told["arrivals"] == before["all"] == after["all"] > 20
    assert before["vip"] > 0
    assert after.get("vip", 0) == 0
    assert after["cards"] == before.get("cards", 0) + before["vip"]


async def test_who_came_and_went_is_read_from_the_feed(store: Store) -> None:
    agent = await hire(store, online=False)
    for hours, presence in ((1, Presence.ONLINE), (2, Presence.AWAY), (3, Presence.ONLINE)):
        event = NewEvent(type=EventType.PRESENCE, agent=agent.id, data={"presence": presence.value})
        async with store.begin("test") as work:
            await work.events.add([event], now=MONDAY + hours * HOUR)
    async with store.read("test") as work:
        seen = await work.figures.presences(Window(MONDAY, MONDAY + 3 * HOUR))
    assert seen == [Seen(agent.id, MONDAY + HOUR, True), Seen(agent.id, MONDAY + 2 * HOUR, False)]


def test_the_command_prints_json_and_refuses(
    sqlite_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUNTGROUP_SERVICE__DATABASE", sqlite_url)
    command = ["--config", "config.example.toml", "simulate"]
    more = ["--synthetic", "30", "--since", "2d", "--add-agent", "languages=de:4,en:3,queues=general,hours=berlin"]
    assert main([*command, *more, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["baseline"]["agents"] == []
    assert [one["agent"] for one in told["changed"]["agents"]] == ["added-1.1"]
    assert main([*command, *more]) == 0
    assert "service level" in capsys.readouterr().out
    for wrong in (
        *(["--since", "soon"], ["--synthetic", "0"], ["--add-agent", "hours=mars"], ["--add-agent", "skill=x"]),
        *(["--remove-agent", "nobody@example.com"], ["--handling", "0s"], ["--until", "40d"]),
    ):
        assert main([*command, *wrong]) == 2
        assert "huntgroup simulate:" in capsys.readouterr().err
