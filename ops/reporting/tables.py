"""The sections of a report as tables for people: which columns, in which words; and the tables on a terminal."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ops.reporting.figures import ALL, UNKNOWN
from ops.reporting.translations import word

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_TIMES = tuple(
    f"{what}_{rank}_seconds"
    for what in ("first", "first_open", "resolution", "resolution_open")
    for rank in ("median", "p90")
)
_NAMED = frozenset(
    {"queue", "channel", "language", "issue", "from", "to", "rule", "status", "reason", "code", "webhook", "day"}
)


@dataclass(frozen=True, slots=True)
class Section:
    """One table; `chart` is the column that is drawn, None where a picture would show nothing more."""

    name: str
    columns: tuple[str, ...]
    chart: str | None = None


SECTIONS = (
    Section("per_day", ("day", "count"), "count"),
    *(Section(f"per_{name}", (name, "count"), "count") for name in ("queue", "channel", "language", "issue")),
    Section(
        "service_level",
        ("queue", "share", "within", "late", "unanswered", "pending", "closed_unanswered"),
        "share",
    ),
    Section("times", ("queue", "answered", *_TIMES[:4], "closed", *_TIMES[4:]), "first_open_p90_seconds"),
    Section("waiting", ("queue", "language", "count", "oldest_seconds"), "count"),
    Section(
        "handled",
        ("queue", "offered", "declined", "expired", "released", "abandoned", "transferred", "reopened"),
        "offered",
    ),
    Section("transfers", ("from", "to", "count")),
    Section("rules", ("rule", "count"), "count"),
    Section("relabelled_issues", ("from", "to", "count")),
    Section("relabelled_languages", ("from", "to", "count")),
    Section(
        "messages", ("channel", "received", "answers", "automatic", "failed", "uncertain", "suppressed"), "received"
    ),
    Section("troubles", ("channel", "status", "reason", "count")),
    Section("callbacks", ("channel", "asked", "reached", "attempts", "missed"), "asked"),
    Section("quarantine", ("channel", "code", "count")),
    Section("webhooks", ("webhook", "count", "oldest_seconds")),
)


def is_number(column: str) -> bool:
    """Whether it is set to the right."""
    return column not in _NAMED


def cell(column: str, value: Any, language: str) -> str:
    """A value as it is read: `4 min`, `93.1 %`, `1,204`, a name."""
    if value is None:
        return "–"
    if not is_number(column):
        return word(value, language) if column == "status" or value in (ALL, UNKNOWN) else str(value)
    if column.endswith("_seconds"):
        return span(value)
    return f"{100 * value:.1f} %" if column == "share" else word("number", language, count=value)


def span(seconds: int) -> str:
    """One or two units, as a person would say it."""
    if seconds < _MINUTE:
        return f"{seconds} s"
    for size, unit, small, below in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min")):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{seconds // _MINUTE} min"


def rows_of(section: Section, report: dict[str, Any], language: str) -> list[list[str]]:
    """The cells of a section."""
    return [[cell(column, row[column], language) for column in section.columns] for row in report[section.name]]


def known_since(report: dict[str, Any], language: str) -> str | None:
    """Said where the event feed does not reach back to the window's beginning."""
    since = report["handled_since"]
    if since is None:
        return word("handled_never", language)
    return None if since <= report["since"] else word("handled_since", language, at=since[:16].replace("T", " "))


# -- the terminal ------------------------------------------------------------------------------------------------------


def as_text(report: dict[str, Any], language: str) -> Iterator[str]:
    """Every section that has rows; the names of the others in a line at the end."""
    yield f"{report['since'][:16]} – {report['until'][:16]} {report['timezone']}: {word('opened', language, count=report['opened'])}"
    for section in SECTIONS:
        if report[section.name]:
            yield from ("", word(section.name, language))
            heads = [word(column, language) for column in section.columns]
            yield from _aligned(section.columns, [heads, *rows_of(section, report, language)])
        if section.name == "handled" and (note := known_since(report, language)):
            yield from ("", note)
    empty = [word(section.name, language) for section in SECTIONS if not report[section.name]]
    if empty:
        yield from ("", f"{word('none', language)}: {', '.join(empty)}")


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(columns, row, widths, strict=True)
        yield (
            "  " + "  ".join(_padded(text, width, right=is_number(column)) for column, text, width in cells)
        ).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _width(text: str) -> int:
    """Columns of a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
