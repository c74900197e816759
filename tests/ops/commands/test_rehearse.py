"""`rehearse`: the same file changes nothing in any stored decision; another one says what moves, and what is promised."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from conversation.model.decision import StoredDecision
from ops.__main__ import main
from ops.cli.time_arguments import moment
from ops.commands.rehearse import as_text, rehearse
from ops.configuration.settings import Settings, load
from ops.rule_analysis.replay import Rehearsal, differences
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector
from storage.schema.messages import messages
from storage.store import Store
from tests.example import copied
from tests.ops.rule_analysis.month import Month
from tests.storage.makers import execute

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 1, tzinfo=UTC)
EXAMPLE = Path("config.example.toml")
COUNT = 700
FEW = 150


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(("zh", "en", "fr", "de"))


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load(EXAMPLE, {}, make_secrets=False)


def changed(tmp_path: Path, *swaps: tuple[str, str]) -> Settings:
    return load(copied(tmp_path, *swaps, name="new.toml"), {}, make_secrets=False)


async def every(store: Store) -> list[StoredDecision]:
    async with store.read("test") as work:
        count = await work.decisions.count(START)
        return await work.decisions.stream(START, after=None, limit=count + 1)


async def test_the_same_file_changes_nothing_in_a_month(store: Store, settings: Settings, detector: Detector) -> None:
    await Month(settings, detector, START).store(store, COUNT)
    rehearsal = Rehearsal(settings, settings, detector)
    seen = await every(store)
    assert len(seen) == COUNT
    for stored in seen:
        rehearsal.add_revision(stored.decision.revision, settings.source)
        again = rehearsal.decide(stored)
        assert replace(again, revision=stored.decision.revision) == stored.decision
    assert len({one.decision.joining for one in seen}) == 3
    assert len({one.decision.queue for one in seen}) >= 6
    found = await rehearse(store, settings, settings, START)
    assert (found.decided, found.changed, found.unclear) == (COUNT, 0, 0)
    assert "nothing would change" in list(as_text({"file": "x", "since": START.isoformat(), **found.as_json()}))


async def test_the_same_words_understood_again_change_nothing_in_the_issue(
    store: Store, settings: Settings, detector: Detector
) -> None:
    """Even where every text is read afresh, because the rules of a revision are not kept."""
    await Month(settings, detector, START).store(store, FEW)
    rehearsal = Rehearsal(settings, settings, detector)
    for stored in await every(store):
        rehearsal.add_revision(stored.decision.revision, None)
        assert "issue" not in differences(stored.decision, rehearsal.decide(stored))


async def test_what_moves_is_counted_with_examples(
    store: Store, settings: Settings, detector: Detector, tmp_path: Path
) -> None:
    await Month(settings, detector, START).store(store, FEW)
    vips = 'when = { customer.vip = true }\nthen = { queue = "vip", priority = "high" }'
    new = changed(
        tmp_path, (vips, vips.replace('"vip"', '"cards"')), ('first_response = "2m"', 'first_response = "1m"')
    )
    found = await rehearse(store, settings, new, START)
    told = found.as_json()
    seen = await every(store)
    vip = [one for one in seen if one.decision.queue == "vip" and one.decision.settled_by.get("queue") == "VIPs"]
    moves = {(move["from"], move["to"]): move["count"] for move in told["moves"]}
    assert set(moves) == {("vip", "cards")}
    assert moves["vip", "cards"] >= len(vip) > 0  # and what joined a conversation that stands there
    assert told["moves"][0]["examples"][0]["was"] == "VIPs"
    safety = [one for one in seen if one.decision.queue == "safety" and one.decision.due is not None]
    assert told["service_level"]["earlier"] >= len(safety) > 0
    lines = "\n".join(as_text({"file": "new.toml", "since": START.isoformat(), **told}))
    assert f"vip -> cards: {moves['vip', 'cards']}" in lines
    assert "service level: " in lines


async def test_other_words_are_looked_for_again_in_the_stored_texts(
    store: Store, settings: Settings, detector: Detector, tmp_path: Path
) -> None:
    await Month(settings, detector, START).store(store, FEW)
    new = changed(tmp_path, ('fr = ["frais",', 'fr = ["merci", "frais",'))
    found = await rehearse(store, settings, new, START)
    assert found.kinds["issue"] > 0
    assert found.changed < FEW / 4


async def test_a_text_that_is_gone_is_not_mistaken_for_a_change(
    store: Store, settings: Settings, detector: Detector
) -> None:
    await Month(settings, detector, START).store(store, FEW)
    await execute(store, update(messages).values(text=""))
    found = await rehearse(store, settings, settings, START)
    assert found.changed == 0
    assert found.unclear > 0


async def test_only_what_was_decided_since_then_is_rehearsed(
    store: Store, settings: Settings, detector: Detector
) -> None:
    await Month(settings, detector, START).store(store, FEW)
    found = await rehearse(store, settings, settings, START + timedelta(days=15))
    assert 0 < found.decided < FEW


def test_a_span_or_a_time_says_how_far_back() -> None:
    assert moment("2d", START) == START - timedelta(days=2)
    assert moment("2026-10-01T00:00:00+00:00", START) == datetime(2026, 10, 1, tzinfo=UTC)
    for bad in ("yesterday", "2026-10-01"):
        with pytest.raises(ValueError, match=r"zone|span"):
            moment(bad, START)


def test_the_command_prints_json_and_refuses_a_bad_file(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUNTGROUP_SERVICE__DATABASE", sqlite_url)
    assert main(["--config", str(EXAMPLE), "rehearse", "--json", str(EXAMPLE)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["decided"], told["moves"]) == (0, [])
    bad = tmp_path / "bad.toml"
    bad.write_text("[queues.general\n")
    assert main(["--config", str(EXAMPLE), "rehearse", str(bad)]) == 2
    assert "bad.toml:1" in capsys.readouterr().err
    assert main(["--config", str(EXAMPLE), "rehearse", "--since", "soon", str(EXAMPLE)]) == 2
