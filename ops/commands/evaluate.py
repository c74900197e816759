"""`huntgroup evaluate`: how good the model in use and the words are on labels; nothing is changed."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from conversation.ports.storage.classifiers import StoredModel
from ops.cli.database_session import run_on_store
from ops.commands.train import claims_as_text, model_in_use, progress_on_terminal, routing
from ops.configuration.settings import Settings, parse_rules
from ops.rule_analysis.labelled_texts import BadLabels, labels_from
from router.rules.rulebook import RuleBook
from router.understanding.classifier_blend import guess
from router.understanding.evaluation import Answer, by_language, claimed_by, precision_at, quality_of
from router.understanding.linear_model import Model
from router.understanding.model_card import answered, answered_by_words
from router.understanding.training import Label, Progress
from storage.store import Store

_STEP = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`evaluate [--file LABELLED.jsonl] [--json]`."""
    parser.add_argument(
        "--file",
        type=Path,
        metavar="LABELLED.jsonl",
        help='{"text", "lang", "issue"} a line (default: agents\' relabels)',
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """0 printed, 1 there are no labels, or some cannot be read."""

    async def doing(store: Store, settings: Settings) -> int:
        rulebook = parse_rules(settings.source, settings.hints)
        labels = await labels_from(store, args.file, rulebook, own=False)
        if not labels:
            print("huntgroup evaluate: there are no labels", file=sys.stderr)
            return 1
        active, model = await model_in_use(store)
        result = await asyncio.to_thread(evaluate, labels, rulebook, active, model, progress_on_terminal())
        print(json.dumps(result, ensure_ascii=False) if args.json else "\n".join(_as_text(result)))
        return 0

    try:
        return run_on_store(args, doing)
    except (BadLabels, OSError) as error:
        print(f"huntgroup evaluate: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 1


def evaluate(
    labels: Sequence[Label],
    rulebook: RuleBook,
    active: StoredModel | None,
    model: Model | None,
    progress: Progress = lambda _done, _all: None,
) -> dict[str, Any]:
    """The figures: of words and model together where there is one, and of the words alone."""
    words, both = _answers(labels, rulebook, model, progress)
    got = both if model else words
    thresholds = model.thresholds if model else {}
    sure = claimed_by(got, thresholds)
    return {
        "model": active.id if active else None,
        "labels": len(labels),
        "learned_before": sum(model.knows(label.text) for label in labels) if model else 0,
        **quality_of(got).as_json(),
        "words": quality_of(words).as_json(),
        "trained": _trained(active, quality_of(got).accuracy),
        "claimed": {"precision": sure.precision, "coverage": sure.coverage},
        "precision_at_coverage": precision_at(got),
        "languages": _languages(got, words, thresholds),
        **(routing(model, rulebook, active=True) if model else {"routes": False}),
    }


def _answers(
    labels: Sequence[Label], rulebook: RuleBook, model: Model | None, progress: Progress
) -> tuple[list[Answer], list[Answer]]:
    words: list[Answer] = []
    both: list[Answer] = []
    for place, label in enumerate(labels, start=1):
        found = rulebook.issue_words.scores(label.text)
        words.append(answered_by_words(label, found, tuple(rulebook.issues)))
        if model is not None:
            both.append(answered(label, guess(model, label.text, found)))
        if place % _STEP == 0 or place == len(labels):
            progress(place, len(labels))
    return words, both


def _trained(active: StoredModel | None, accuracy: float) -> dict[str, Any] | None:
    """What it could when it was trained, and how much of that is lost on these labels."""
    if active is None:
        return None
    then = active.card
    return {
        "accuracy": then["accuracy"],
        "macro_f1": then["macro_f1"],
        "labels": active.labels,
        "own": active.own,
        "drop": round(then["accuracy"] - accuracy, 4),
    }


def _languages(
    got: Sequence[Answer], words: Sequence[Answer], thresholds: Mapping[str, float]
) -> dict[str, dict[str, Any]]:
    by_words = by_language(words)
    result: dict[str, dict[str, Any]] = {}
    for language, answers in by_language(got).items():
        sure = claimed_by(answers, thresholds, thresholds.get(language, 0.0)) if language in thresholds else None
        result[language] = {
            **quality_of(answers).as_json(),
            "words": quality_of(by_words[language]).as_json(),
            "claimed": sure.as_json() if sure else None,
        }
    return result


def _as_text(result: Mapping[str, Any]) -> Iterator[str]:
    who = f"model {result['model']}" if result["model"] else "the words alone (no model is in use)"
    yield f"{result['labels']:,} labels, {who}: accuracy {result['accuracy']:.3f}, macro F1 {result['macro_f1']:.3f}"
    if result["model"]:
        yield f"the words alone: accuracy {result['words']['accuracy']:.3f}, macro F1 {result['words']['macro_f1']:.3f}"
        yield f"when it was trained: accuracy {result['trained']['accuracy']:.3f}; lost on these labels: {result['trained']['drop']:+.3f}"
    if result["learned_before"]:
        yield f"note: it has learned {result['learned_before']:,} of these very texts, which proves nothing"
    yield "the surest: " + ", ".join(
        f"{part} at {right:.1%}" for part, right in result["precision_at_coverage"].items()
    )
    yield from claims_as_text(result)
