"""`train` and `evaluate` on the command line: labels in, a model that is used only if it is no worse, and one step back."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conversation.ports.storage.classifiers import Relabel, StoredModel
from ops.__main__ import main
from ops.composition.classifier_loading import ClassifierFollower
from ops.rule_analysis.labelled_texts import BadLabels, first_words, labels_from, read_labels
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Guarded
from router.understanding.linear_model import to_bytes
from router.understanding.model_card import Plan, study
from storage.signals import open_signals
from storage.store import Store
from tests.fakes import FakeClock
from tests.router.flows.stage import rulebook
from tests.router.understanding.test_linear_model import made
from tests.storage.makers import NOW, conversation, put, say

pytestmark = pytest.mark.slow

CONFIG = """
[service]
database = "sqlite:///{folder}/try.db"
[languages]
offered = ["en", "de"]
[issues.card]
words = {{ en = ["card"] }}
[issues.fees]
words = {{ en = ["transfer"] }}
[issues.topup]
[issues.other]
[classifier]
minimum_labels = 100
[queues.general]
hours = "always"
closed = false
[fallback]
queue = "general"
"""

Told = dict[str, Any]
Run = Callable[..., tuple[int, Told]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command with `--json`: its exit code and what it told."""
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")

    def running(*arguments: str) -> tuple[int, Told]:
        code = main(["--config", str(config), *arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out.strip() else {"error": said.err}

    return running


def write(folder: Path, labels: Sequence[Any], name: str = "labels.jsonl") -> str:
    path = folder / name
    lines = [json.dumps({"text": one.text, "lang": one.language, "issue": one.issue}) for one in labels]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def noise(count: int) -> list[Any]:
    pick = random.Random(2)
    return [replace(one, issue=pick.choice(["card", "fees", "topup", "other"])) for one in made(count, seed=2)]


def test_a_model_is_learned_used_examined_and_taken_back(run: Run, tmp_path: Path) -> None:
    labels, fresh = write(tmp_path, made(200)), write(tmp_path, made(100, seed=7), "fresh.jsonl")
    code, before = run("evaluate", "--file", fresh)
    assert (code, before["model"], before["routes"], before["accuracy"]) == (
        0,
        None,
        False,
        before["words"]["accuracy"],
    )
    code, trained = run("train", "--file", labels, "--own")
    assert (code, trained["active"], trained["routes"], trained["own"]) == (0, True, True, 200)
    assert trained["bytes"] < 5_000_000
    code, after = run("evaluate", "--file", fresh)
    assert (code, after["model"], after["routes"]) == (0, trained["model"], True)
    assert after["accuracy"] > 0.9 > after["words"]["accuracy"] == before["accuracy"]
    assert after["claimed"]["precision"] >= 0.9
    assert after["languages"]["en"]["answers"] == after["labels"] == 100
    assert run("train", "--rollback") == (0, {"model": None, "was": trained["model"]})
    assert run("evaluate", "--file", fresh)[1]["model"] is None
    assert run("train", "--rollback")[0] == 1
    assert run("train", "--activate", trained["model"]) == (
        0,
        {"model": trained["model"], "active": True, "faults": []},
    )
    assert run("train", "--list")[1]["active"] is True


def test_a_model_of_other_peoples_labels_is_kept_but_places_nothing(run: Run, tmp_path: Path) -> None:
    code, trained = run("train", "--file", write(tmp_path, made(200)))
    assert (code, trained["active"], trained["routes"], trained["own"]) == (0, True, False, 0)
    foreign = [*noise(120)]
    _, told = run("evaluate", "--file", write(tmp_path, foreign, "foreign.jsonl"))
    assert told["trained"]["drop"] > 0.3
    assert not told["routes"]


def test_a_worse_model_is_kept_and_not_used(run: Run, tmp_path: Path) -> None:
    _, good = run("train", "--file", write(tmp_path, made(200)), "--own")
    code, bad = run("train", "--file", write(tmp_path, noise(150), "noise.jsonl"), "--own")
    assert (code, bad["active"], bad["routes"]) == (1, False, False)
    assert any("worse than the model before" in fault for fault in bad["faults"])
    code, refused = run("train", "--activate", bad["model"])
    assert (code, refused["active"], refused["faults"]) == (1, False, bad["faults"])
    assert run("train", "--rollback")[1]["was"] == good["model"]


def test_a_dry_run_keeps_nothing_and_keep_does_not_use(run: Run, tmp_path: Path) -> None:
    labels = write(tmp_path, made(120))
    code, dry = run("train", "--file", labels, "--dry-run")
    assert (code, dry["model"], dry["active"]) == (0, None, False)
    code, kept = run("train", "--file", labels, "--keep")
    assert (code, kept["active"]) == (0, False)
    assert run("train", "--list")[1]["model"] == kept["model"]
    assert run("evaluate", "--file", labels)[1]["model"] is None


def test_too_few_labels_bad_lines_and_a_missing_file_are_told(run: Run, tmp_path: Path) -> None:
    assert run("train")[0] == 1
    assert run("evaluate")[0] == 1
    assert "too few" in run("train", "--file", write(tmp_path, made(19)))[1]["error"]
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b'{"text": "a", "issue": "card"}\n\n[1]\n{"text": " ", "issue": "x"}\n\xff\n{"text": 1}\n')
    code, told = run("train", "--file", str(bad))
    assert (code, told["error"].splitlines()) == (
        1,
        [
            f"{bad}:3: not a JSON object",
            f"{bad}:4: 'text' is missing or no text",
            f"{bad}:5: not UTF-8",
            f"{bad}:6: 'text' is missing or no text",
        ],
    )
    assert run("evaluate", "--file", str(tmp_path / "none.jsonl"))[0] == 1
    assert run("train", "--own")[0] == 2


def test_a_message_is_explained_with_the_model_in_use_where_it_is_asked_for(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'{config.read_text(encoding="utf-8")}[channels.site]\nkind = "webchat"\n', encoding="utf-8")
    message = ("explain", "--channel", "site", "--text", "hello I cannot load my wallet since monday")
    assert run(*message, "--model")[1]["issue"] is None
    _, trained = run("train", "--file", write(tmp_path, made(200)), "--own")
    _, told = run(*message, "--model")
    assert (told["issue"], told["issue_source"], told["facts"]["model"]) == ("topup", "model", trained["model"])
    assert run(*message)[1]["issue"] is None


def test_hundreds_of_bad_lines_are_counted_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("x\n" * 300, encoding="utf-8")
    with pytest.raises(BadLabels) as caught:
        read_labels(path)
    assert str(caught.value).splitlines()[-1] == "... and 280 more"


def test_words_for_people_name_what_is_in_use(tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write(tmp_path, made(120))
    config = ["--config", str(tmp_path / "config.toml")]
    for command, expected in (
        (["train", "--file", labels], "it places no message before it has seen 100 labels of your own"),
        (["train", "--list"], "labels  accuracy"),
        (["evaluate", "--file", labels], "it has learned 120 of these very texts"),
        (["train", "--rollback"], "the words alone"),
    ):
        assert main([*config, *command]) == 0
        assert expected in capsys.readouterr().out


# -- labels of agents --------------------------------------------------------------------------------------------------


def test_what_a_customer_wrote_first_goes_up_to_the_first_message_that_says_something() -> None:
    texts = ("Hello", "my card has not come for two weeks", "and the fee is too high")
    relabel = Relabel(conversation="c", issue="card", language=None, at=NOW, texts=texts)
    assert first_words(relabel) == "Hello\nmy card has not come for two weeks"


async def test_relabels_become_labels_of_this_houses_own(store: Store) -> None:
    one, gone = conversation(language="de"), conversation()
    await put(store, one, gone)
    await say(store, one, text="Meine Karte ist noch immer nicht da")
    await say(store, gone, text="what is this about")
    async with store.begin("test") as work:
        await work.conversations.relabelled(one.id, "anna", language=None, issue="topup", now=NOW)
        await work.conversations.relabelled(gone.id, "anna", language=None, issue="retired", now=NOW)
    (label,) = await labels_from(store, None, rulebook(), own=False)
    assert (label.text, label.issue, label.language, label.own) == (
        "Meine Karte ist noch immer nicht da",
        "topup",
        "de",
        True,
    )


# -- a serving house ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights() -> bytes:
    done = study(
        made(60), Plan(issues=("topup", "unauthorised", "card", "fees", "other"), words=lambda _: {}, target=0.9)
    )
    return to_bytes(done.model)


async def kept(store: Store, weights: bytes, name: str) -> None:
    model = StoredModel(id=name, trained_at=NOW, author="t", labels=60, own=60, card={})
    async with store.begin("test") as work:
        await work.models.add(model, weights)
        await work.models.activate(name)


def in_use(follower: ClassifierFollower) -> Guarded | None:
    return follower.classifiers.built_in


async def test_a_serving_house_takes_the_model_in_use_and_lets_it_go(store: Store, weights: bytes) -> None:
    signals = open_signals("local", database="sqlite:///unused", clock=FakeClock())
    follower = ClassifierFollower(store, RulesInForce(rulebook()), signals)
    await follower.look()
    assert in_use(follower) is None
    await kept(store, weights, "m1")
    await follower.look()
    first = in_use(follower)
    assert first is not None
    await follower.look()
    assert in_use(follower) is first, "it is loaded once"
    await kept(store, weights[:-1], "m2")
    await follower.look()
    assert in_use(follower) is None, "a damaged one leaves the words alone"
    async with store.begin("test") as work:
        await work.models.roll_back()
    await follower.look()
    assert in_use(follower) is not None
