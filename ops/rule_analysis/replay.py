"""What stored traffic would become under another rules file: what moves from where to where, how many, and what is promised."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Any

from conversation.model.conversation import reference_of
from conversation.model.decision import Decision, StoredDecision
from conversation.ports.storage.hours_overrides import Override
from ops.configuration.settings import Settings, parse_rules
from ops.rule_analysis.with_overrides import under
from router.decision.redecide import ReinterpretationNeeds, redecide, reinterpretation_needs
from router.rules.document import Document
from router.rules.rulebook import RuleBook, RuleFaults
from router.understanding.language import Detector

EXAMPLES = 3
COMPARED = (
    *("joining", "conversation", "queue", "moves", "priority", "language", "issue", "open", "opens", "due"),
    *("replies", "labels", "ask", "callback", "webhooks", "page", "alert", "choices", "languages"),
)
_SHORT = 70


def differences(before: Decision, after: Decision) -> tuple[str, ...]:
    """What came out otherwise. Who settled it, and how sure anybody was, is no difference."""
    return tuple(name for name in COMPARED if getattr(before, name) != getattr(after, name))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rules that a stored decision was made by; no document where they are not kept."""

    document: Document | None
    rulebook: RuleBook | None


class Rehearsal:
    """Decides stored decisions again and keeps count. `sources` are the rules of revisions by id, as they are found."""

    def __init__(
        self, current: Settings, new: Settings, detector: Detector, overrides: Sequence[Override] = ()
    ) -> None:
        self._overrides = overrides
        self._current = current
        self._new = new
        self._detector = detector
        self._rulebook = parse_rules(new.source, new.hints)
        self._under: dict[tuple[str, ...], RuleBook] = {}
        self._kept: dict[str, tuple[_Kept, ReinterpretationNeeds]] = {}
        self._hints = {name: hint for name, hint in new.hints.items() if current.hints.get(name) not in (None, hint)}
        self.found = Found()

    def knows(self, revision: str) -> bool:
        """Whether the rules of that revision are known."""
        return revision in self._kept

    def add_revision(self, revision: str, source: str | None) -> None:
        """The rules of a revision; None where they are not kept: then every text is understood again. A second call for the same revision reads nothing."""
        if revision in self._kept:
            return
        kept = _read(source, revision, self._current)
        needed = (
            ReinterpretationNeeds()
            if kept.document is None
            else reinterpretation_needs(kept.document, self._new.document)
        )
        self._kept[revision] = (kept, needed)

    def stand(self, overrides: Sequence[Override]) -> None:
        """The emergencies to decide under from now on."""
        if overrides != self._overrides:
            self._overrides, self._under = overrides, {}

    def decide(self, stored: StoredDecision) -> Decision:
        """What would be decided now."""
        _, needed = self._kept[stored.decision.revision]
        hints = self._hints.get(stored.facts.channel)
        return redecide(stored.facts, self._at(stored.facts.now), needed, self._detector, hints=hints)

    def _at(self, now: datetime) -> RuleBook:
        """The new rules with the emergencies that stood then."""
        active = [one for one in self._overrides if one.stands_at(now)]
        if not active:
            return self._rulebook
        key = tuple(one.id for one in active)
        if key not in self._under:
            self._under[key] = under(self._rulebook, active)
        return self._under[key]

    def add(self, stored: StoredDecision) -> None:
        """Decide it again and count what differs."""
        after = self.decide(stored)
        changed = differences(stored.decision, after)
        if changed and not stored.facts.text and not self._same_without_text(stored):
            self.found.unclear += 1
            changed = ()
        self.found.add(stored, after, changed)

    def _same_without_text(self, stored: StoredDecision) -> bool:
        """Whether the old rules still say the same without the text: then its absence explains no difference."""
        kept, _ = self._kept[stored.decision.revision]
        if kept.rulebook is None:
            return False
        redecided = redecide(
            stored.facts, kept.rulebook, ReinterpretationNeeds(words=False, languages=False), self._detector
        )
        return not differences(stored.decision, redecided)


def _read(source: str | None, revision: str, settings: Settings) -> _Kept:
    if source is None:
        return _Kept(None, None)
    document = Document.model_validate_json(source)
    try:
        return _Kept(document, parse_rules(source, settings.hints, revision=revision))
    except RuleFaults:  # it names a channel that is no longer there
        return _Kept(document, None)


@dataclass(slots=True)
class _Move:
    """From one place to another."""

    count: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Found:
    """What a rehearsal found so far. `unclear` are decisions whose text is gone and mattered."""

    decided: int = 0
    changed: int = 0
    unclear: int = 0
    conversations: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    moves: dict[tuple[str, str], _Move] = field(default_factory=dict)
    priorities: Counter[tuple[str, str]] = field(default_factory=Counter)
    replies: Counter[tuple[str, str]] = field(default_factory=Counter)
    promises: Counter[str] = field(default_factory=Counter)
    shifts: list[float] = field(default_factory=list)

    def add(self, stored: StoredDecision, after: Decision, changed: tuple[str, ...]) -> None:
        """One more decision."""
        self.decided += 1
        if not changed:
            return
        before = stored.decision
        self.changed += 1
        self.conversations.add(stored.conversation)
        self.kinds.update(changed)
        if "queue" in changed:
            self._move(stored, after)
        if "priority" in changed:
            self.priorities[before.priority.label, after.priority.label] += 1
        if "replies" in changed:
            self.replies[" + ".join(before.replies) or "none", " + ".join(after.replies) or "none"] += 1
        if "due" in changed:
            self._promise(before.due, after.due)

    def _move(self, stored: StoredDecision, after: Decision) -> None:
        move = self.moves.setdefault((stored.decision.queue, after.queue), _Move())
        move.count += 1
        if len(move.examples) < EXAMPLES:
            move.examples.append(_example(stored, after))

    def _promise(self, before: datetime | None, after: datetime | None) -> None:
        if before is None or after is None:
            self.promises["promised" if after is not None else "dropped"] += 1
            return
        self.promises["earlier" if after < before else "later"] += 1
        self.shifts.append((after - before).total_seconds())

    def as_json(self) -> dict[str, Any]:
        """For `--json`, and what the text is made of."""
        ordered = sorted(self.moves.items(), key=lambda item: -item[1].count)
        return {
            "decided": self.decided,
            "changed": self.changed,
            "conversations": len(self.conversations),
            "unclear": self.unclear,
            "changes": dict(self.kinds.most_common()),
            "moves": [
                {"from": old, "to": new, "count": move.count, "examples": move.examples} for (old, new), move in ordered
            ],
            "priorities": _pairs(self.priorities),
            "replies": _pairs(self.replies),
            "service_level": {
                **{name: self.promises[name] for name in ("earlier", "later", "promised", "dropped")},
                "median_shift_seconds": median(self.shifts) if self.shifts else None,
            },
        }


def _pairs(counted: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"from": old, "to": new, "count": count} for (old, new), count in counted.most_common()]


def _example(stored: StoredDecision, after: Decision) -> dict[str, Any]:
    words = " ".join(stored.facts.text.split())
    return {
        "conversation": stored.conversation,
        "reference": reference_of(stored.conversation),
        "at": stored.facts.now.isoformat(),
        "text": words if len(words) <= _SHORT else f"{words[: _SHORT - 1]}…",
        "was": _settled_by(stored.decision.settled_by),
        "now": _settled_by(after.settled_by),
    }


def _settled_by(by: Mapping[str, str]) -> str:
    return by.get("queue", "fallback")
