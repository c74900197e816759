"""`huntgroup train`: learn issues from labels, examine the result, use it unless it is worse than what is in use; or one step back."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from conversation.errors import NotFound
from conversation.id_generator import new_id
from conversation.model.events import Hint, Topic
from conversation.ports.storage.classifiers import StoredModel
from ops.cli.database_session import run_on_store
from ops.configuration.settings import Settings, parse_rules
from ops.rule_analysis.labelled_texts import BadLabels, labels_from
from ops.system_clock import SystemClock
from router.rules.rulebook import RuleBook
from router.understanding.linear_model import BadModel, Model, from_bytes, to_bytes
from router.understanding.model_card import Plan, Study, study
from router.understanding.training import Progress
from storage.store import Store

_FEWEST = 20
ACTOR = "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`train [--file F [--own]] [--dry-run | --keep]`, `train --rollback | --activate ID | --list`."""
    parser.add_argument(
        "--file",
        type=Path,
        metavar="LABELLED.jsonl",
        help='{"text", "lang", "issue"} a line (default: agents\' relabels)',
    )
    parser.add_argument(
        "--own", action="store_true", help="the file holds this service's own messages: they count as such"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--dry-run", action="store_true", help="learn and examine; keep nothing")
    instead.add_argument("--keep", action="store_true", help="keep the model, but do not use it yet")
    instead.add_argument("--activate", metavar="ID", help="use a model that was kept")
    instead.add_argument("--rollback", action="store_true", help="use the model before, or none")
    instead.add_argument("--list", action="store_true", help="the models that are kept")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 the model is worse than what is in use, or there is too little to learn from, 2 wrong usage."""
    if args.own and args.file is None:
        print("huntgroup train: --own says something about --file", file=sys.stderr)
        return 2

    async def doing(store: Store, settings: Settings) -> int:
        if args.rollback:
            return await _roll_back(store, as_json=args.json)
        if args.activate:
            return await _activate_kept(store, args.activate, as_json=args.json)
        if args.list:
            return await _list(store, as_json=args.json)
        return await _train(args, store, settings)

    try:
        return run_on_store(args, doing)
    except (BadLabels, OSError) as error:
        print(f"huntgroup train: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 1


# -- learning ----------------------------------------------------------------------------------------------------------


async def _train(args: argparse.Namespace, store: Store, settings: Settings) -> int:
    clock = SystemClock()
    rulebook = parse_rules(settings.source, settings.hints)
    labels = await labels_from(store, args.file, rulebook, own=args.own)
    if len(labels) < _FEWEST or len({label.issue for label in labels}) < 2:  # noqa: PLR2004 one issue is no question
        print(f"huntgroup train: {len(labels)} labels are too few to learn from", file=sys.stderr)
        return 1
    started = clock.monotonic()
    learned = await asyncio.to_thread(study, labels, await _plan(store, rulebook), progress_on_terminal())
    weights, made = to_bytes(learned.model), _made(learned, clock.now())
    use = not (args.dry_run or args.keep or learned.faults)
    if not args.dry_run:
        await _keep(store, made, weights, use=use, now=clock.now())
    result = {
        **learned.card,
        "model": None if args.dry_run else made.id,
        "active": use,
        **routing(learned.model, rulebook, active=use),
        "seconds": round(clock.monotonic() - started, 1),
        "bytes": len(weights),
        "unknown_issues": sorted({label.issue for label in labels} - set(rulebook.issues)),
    }
    print(json.dumps(result, ensure_ascii=False) if args.json else "\n".join(_as_text(result, learned)))
    return 1 if learned.faults else 0


async def _plan(store: Store, rulebook: RuleBook) -> Plan:
    active, before = await model_in_use(store)
    return Plan(
        issues=tuple(rulebook.issues),
        words=rulebook.issue_words.scores,
        target=rulebook.classifying.target_precision,
        before=before,
        before_card=active.card if active else None,
    )


def _made(learned: Study, now: datetime) -> StoredModel:
    model = learned.model
    return StoredModel(id=new_id(), trained_at=now, author=ACTOR, labels=model.labels, own=model.own, card=learned.card)


async def model_in_use(store: Store) -> tuple[StoredModel | None, Model | None]:
    """The model in use and what it knows; one that cannot be read any more is none."""
    async with store.read("train.before") as work:
        active = await work.models.active()
        weights = await work.models.weights(active.id) if active else b""
    try:
        return active, from_bytes(weights) if active else None
    except BadModel as error:
        print(f"huntgroup: the model in use cannot be read: {error}", file=sys.stderr)
        return None, None


async def _keep(store: Store, made: StoredModel, weights: bytes, *, use: bool, now: datetime) -> None:
    async with store.begin("train.keep") as work:
        await work.models.add(made, weights)
        if use:
            await work.models.activate(made.id)
            data = {"labels": made.labels, "own": made.own, "accuracy": made.card["accuracy"]}
            await work.rulebooks.audit(actor=ACTOR, action="models.activate", subject=made.id, data=data, now=now)
            work.hint(Hint(topic=Topic.RULES, keys=(made.id,)))


def routing(model: Model, rulebook: RuleBook, *, active: bool) -> dict[str, Any]:
    """Whether this model places messages by itself, and what that takes."""
    minimum = rulebook.classifying.minimum_labels
    enough = rulebook.classifying.engine == "model" and model.own >= minimum
    return {"routes": active and enough, "minimum_labels": minimum}


def progress_on_terminal() -> Progress:
    """A line that counts up where somebody watches, nothing in a pipe."""
    if not sys.stderr.isatty():
        return lambda _done, _all: None

    def show(done: int, whole: int) -> None:
        sys.stderr.write(f"\rlearning {done / whole:4.0%}" + ("\n" if done == whole else ""))
        sys.stderr.flush()

    return show


# -- what is kept ------------------------------------------------------------------------------------------------------


async def _roll_back(store: Store, *, as_json: bool) -> int:
    async with store.begin("train.rollback") as work:
        active = await work.models.active()
        if active is None:
            raise NotFound("no model is in use: there is nothing to go back from")
        now = await work.models.roll_back()
        subject = now.id if now else "words"
        await work.rulebooks.audit(
            actor=ACTOR, action="models.rollback", subject=subject, data={"from": active.id}, now=SystemClock().now()
        )
        work.hint(Hint(topic=Topic.RULES, keys=(subject,)))
    words = (
        f"model {now.id} of {now.trained_at:%Y-%m-%d %H:%M} is in use" if now else "no model is in use: the words alone"
    )
    print(json.dumps({"model": now.id if now else None, "was": active.id}) if as_json else words)
    return 0


async def _activate_kept(store: Store, model: str, *, as_json: bool) -> int:
    async with store.begin("train.activate") as work:
        kept = await work.models.get(model)
        faults = kept.card.get("faults", ())
        if not faults:
            await work.models.activate(model)
            await work.rulebooks.audit(
                actor=ACTOR, action="models.activate", subject=model, data={}, now=SystemClock().now()
            )
            work.hint(Hint(topic=Topic.RULES, keys=(model,)))
    result = {"model": model, "active": not faults, "faults": list(faults)}
    words = f"not used: {'; '.join(faults)}" if faults else f"model {model} is in use"
    print(json.dumps(result, ensure_ascii=False) if as_json else words)
    return 1 if faults else 0


async def _list(store: Store, *, as_json: bool) -> int:
    async with store.read("train.list") as work:
        kept = await work.models.all()
    for one in kept:
        if as_json:
            result = {
                "model": one.id,
                "trained_at": one.trained_at.isoformat(),
                "active": one.active,
                "before": one.before,
            }
            print(json.dumps({**result, **one.card}, ensure_ascii=False))
        else:
            mark = "*" if one.active else " "
            print(f"{mark} {one.id}  {one.trained_at:%Y-%m-%d %H:%M}Z  {one.labels:>7,} labels  {_figures(one.card)}")
    return 0


# -- for people --------------------------------------------------------------------------------------------------------


def _as_text(result: Mapping[str, Any], learned: Study) -> Iterator[str]:
    yield (
        f"learned from {result['labels']:,} labels ({result['own']:,} of your own), {len(result['issues'])} issues, "
        f"in {result['seconds']} s: {result['bytes'] / 1e6:.1f} MB"
    )
    yield f"{_figures(result)}; the words alone {_figures(result['words'])}"
    yield from claims_as_text(result)
    for issue in result["unknown_issues"]:
        yield f"note: '{issue}' is no issue of the rules: nothing is routed by it"
    for fault in learned.faults:
        yield f"not used: {fault}"
    if result["active"]:
        yield f"model {result['model']} is in use" + ("" if result["routes"] else f"; {_waits(result)}")
    elif result["model"] and not learned.faults:
        yield f"kept as {result['model']}; use it with: huntgroup train --activate {result['model']}"


def _waits(result: Mapping[str, Any]) -> str:
    return f"it places no message before it has seen {result['minimum_labels']} labels of your own"


def claims_as_text(result: Mapping[str, Any]) -> Iterator[str]:
    """What is claimed, on the whole and by language."""
    sure = result["claimed"]
    yield f"claims {sure['coverage']:.0%} of the messages, {sure['precision']:.1%} of them rightly"
    for language, part in result["languages"].items():
        claimed = part["claimed"]
        silent = (
            "claims nothing" if claimed is None else f"claims {claimed['coverage']:.0%} at {claimed['precision']:.1%}"
        )
        yield f"  {language or '?':4} {part['answers']:>7,} answers  {_figures(part)}  words {part['words']['accuracy']:.3f}  {silent}"


def _figures(card: Mapping[str, Any]) -> str:
    return f"accuracy {card['accuracy']:.3f}, macro F1 {card['macro_f1']:.3f}"
