"""How good answers are: accuracy, macro F1, precision at coverage, and the margin from which a precision is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COVERAGES = (0.3, 0.5, 0.7, 0.9)
FEWEST = 30  # answers below which nothing is promised for a language


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered to a text of which a person said what it is about. The greater the margin, the surer."""

    language: str
    truth: str
    found: str | None
    margin: float = 0.0

    @property
    def right(self) -> bool:
        """Whether it was found."""
        return self.found == self.truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Of how many answers how many were right; macro F1 over the issues that occur."""

    answers: int
    accuracy: float
    macro_f1: float

    def as_json(self) -> dict[str, Any]:
        """For cards and reports."""
        return {"answers": self.answers, "accuracy": self.accuracy, "macro_f1": self.macro_f1}

    def worse_than(self, other: "Quality") -> bool:
        """Worse in either figure."""
        return self.accuracy < other.accuracy or self.macro_f1 < other.macro_f1


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """From this margin answers are claimed; what share of them was right then, and what share of all was claimed."""

    least: float
    precision: float
    coverage: float

    def as_json(self) -> dict[str, Any]:
        """For cards and reports."""
        return {"threshold": round(self.least, 4), "precision": self.precision, "coverage": self.coverage}


def quality_of(answers: Sequence[Answer]) -> Quality:
    """Accuracy and macro F1."""
    if not answers:
        return Quality(answers=0, accuracy=0.0, macro_f1=0.0)
    right = Counter(one.truth for one in answers if one.right)
    wanted, found = Counter(one.truth for one in answers), Counter(one.found for one in answers)
    each = [2 * right[issue] / (wanted[issue] + found[issue]) for issue in wanted]
    return Quality(
        answers=len(answers),
        accuracy=round(sum(right.values()) / len(answers), 4),
        macro_f1=round(sum(each) / len(each), 4),
    )


def precision_at(answers: Sequence[Answer]) -> dict[str, float]:
    """The precision of the surest 30, 50, 70 and 90 %."""
    surest = sorted(answers, key=lambda one: -one.margin)
    cut = {f"{coverage:.0%}": surest[: max(1, round(len(surest) * coverage))] for coverage in COVERAGES}
    return {name: round(sum(one.right for one in part) / len(part), 4) for name, part in cut.items() if part}


def claim_for(answers: Sequence[Answer], target: float) -> Claim | None:
    """The lowest margin at which the target precision is kept; None where it never is, or where too few were asked."""
    surest = sorted(answers, key=lambda one: -one.margin)
    right, best = 0, 0
    for place, one in enumerate(surest, start=1):
        right += one.right
        if right >= target * place:
            best = place
    if best < FEWEST:
        return None
    return claimed(answers, surest[best - 1].margin)


def claimed(answers: Sequence[Answer], least: float) -> Claim:
    """What is claimed from this margin on."""
    return claimed_by(answers, dict.fromkeys({one.language for one in answers}, least), least)


def claimed_by(answers: Sequence[Answer], thresholds: Mapping[str, float], least: float = 0.0) -> Claim:
    """What is claimed where every language has a margin of its own; one that has none claims nothing."""
    sure = [one for one in answers if one.language in thresholds and one.margin >= thresholds[one.language]]
    return Claim(
        least=least,
        precision=round(sum(one.right for one in sure) / len(sure), 4) if sure else 0.0,
        coverage=round(len(sure) / len(answers), 4) if answers else 0.0,
    )


def by_language(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    """The answers of each language, the most frequent first."""
    counted = Counter(one.language for one in answers)
    return {language: [one for one in answers if one.language == language] for language, _ in counted.most_common()}
