"""Small wrong changes to a rules file, one at a time: what a slip of the hand would do. `check --mutate` asks who would notice."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ops.configuration.toml_positions import Path
from router.hours.calendars import ALWAYS
from router.rules.read_hours import read_span, weekdays

_LATER = 60
_DAY = 24 * 60
_PRIORITIES = ("low", "normal", "high", "urgent")
_ADDING = ("labels", "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change: at a place, of a kind, described in words."""

    path: Path
    kind: str
    words: str
    change: Callable[[dict[str, Any]], None]

    def of(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The file so changed."""
        changed: dict[str, Any] = copy.deepcopy(dict(data))
        self.change(changed)
        return changed


def structural(data: Mapping[str, Any]) -> Iterator[Mutant]:
    """All but those of words: rules, spans and dates, settings of queues and issues."""
    yield from _rules(data.get("rules", []))
    for name, part in data.get("hours", {}).items():
        yield from _hours(("hours", name), part)
    queues = list(data.get("queues", {}))
    calendars = [name for name, part in data.get("hours", {}).items() if "per_language" not in part]
    for path in (("queue_defaults",), *(("queues", name) for name in queues)):
        yield from _queue(path, found(data, path) or {}, calendars)
    for name, part in data.get("issues", {}).items():
        yield from _issue(("issues", name), part, queues)
    if "fallback" in data:
        yield from _otherwise(("fallback", "queue"), "queue", data["fallback"]["queue"], queues)


def found(data: Any, path: Path) -> Any:
    """What stands at a place; None where nothing does."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _set(path: Path, value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        found(data, path[:-1])[path[-1]] = copy.deepcopy(value)

    return change


def _drop(path: Path) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        del found(data, path[:-1])[path[-1]]

    return change


def _without(path: Path, kind: str, words: str) -> Mutant:
    return Mutant(path=path, kind=kind, words=f"without {words}", change=_drop(path))


def _becomes(path: Path, kind: str, words: str, value: object) -> Mutant:
    return Mutant(path=path, kind=kind, words=f"{words} becomes {value}", change=_set(path, value))


# -- rules -------------------------------------------------------------------------------------------------------------


def _rules(rules: list[dict[str, Any]]) -> Iterator[Mutant]:
    for number, rule in enumerate(rules):
        path: Path = ("rules", number)
        name = f"rule '{rule['name']}'"
        yield _without(path, "rule", name)
        for key, wanted in rule.get("when", {}).items():
            yield _without((*path, "when", key), "rule", f"'{key}' in {name}")
            yield from _condition((*path, "when", key), wanted, f"'{key}' in {name}")
        then = rule["then"]
        for action, value in then.items():
            if len(then) > 1:
                yield _without((*path, "then", action), "rule", f"action '{action}' in {name}")
            if action == "priority":
                yield _becomes((*path, "then", action), "rule", f"priority in {name}", _other(_PRIORITIES, value))
        if number + 1 < len(rules) and _meet(then, rules[number + 1]["then"]):
            yield _swapped(path, rules[number + 1]["name"], name)


def _meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the order of two rules can matter at all: they differ in an action both name, or one of them stops."""
    differ = any(one[action] != other[action] for action in set(one) & set(other) if action not in _ADDING)
    return differ or "stop" in one or "stop" in other


def _swapped(path: Path, later: str, name: str) -> Mutant:
    number = int(path[-1])

    def change(data: dict[str, Any]) -> None:
        rules = data["rules"]
        rules[number], rules[number + 1] = rules[number + 1], rules[number]

    return Mutant(path=path, kind="rule", words=f"{name} below '{later}'", change=change)


def _condition(path: Path, wanted: Any, words: str) -> Iterator[Mutant]:
    """Lists lose one item, tables one key, flags turn, bounds and spans double."""
    if isinstance(wanted, bool):
        yield _becomes(path, "rule", words, not wanted)
    elif isinstance(wanted, int | float):
        yield _becomes(path, "rule", words, wanted * 2 or 1)
    elif isinstance(wanted, dict):
        yield from _table(path, wanted, words)
    elif isinstance(wanted, list) and len(wanted) > 1:
        yield from (_without((*path, at), "rule", f"{_short(item)} of {words}") for at, item in enumerate(wanted))
    elif path[-1] in ("older", "newer"):
        yield _becomes(path, "rule", words, f"{wanted}{wanted}")


def _table(path: Path, wanted: Mapping[str, Any], words: str) -> Iterator[Mutant]:
    for key, inner in wanted.items():
        if len(wanted) > 1:
            yield _without((*path, key), "rule", f"'{key}' of {words}")
        yield from _condition((*path, key), inner, f"'{key}' of {words}")


def _short(item: object) -> str:
    text = str(item)
    return f"'{text if len(text) <= 40 else text[:39] + '…'}'"  # noqa: PLR2004 - enough to find it


# -- hours -------------------------------------------------------------------------------------------------------------


def _hours(path: Path, part: Mapping[str, Any]) -> Iterator[Mutant]:
    name = f"calendar '{path[-1]}'"
    for key, value in part.items():
        if weekdays(key) is not None:
            yield from _spans((*path, key), value, f"{key} of {name}")
    for at, line in enumerate(part.get("dates", [])):
        when = line.get("date") or f"{line.get('from')} to {line.get('to')}"
        yield _without((*path, "dates", at), "date", f"{when} of {name}")
        yield from _spans((*path, "dates", at, "hours"), line.get("hours", []), f"{when} of {name}")
    if part.get("holidays"):
        yield _without((*path, "holidays"), "date", f"the holidays of {name}")
    yield from _made_of(path, part, name)


def _made_of(path: Path, part: Mapping[str, Any], name: str) -> Iterator[Mutant]:
    for key in ("any", "all"):
        listed = part.get(key, [])
        for at, other in enumerate(listed if len(listed) > 1 else []):
            yield _without((*path, key, at), "span", f"'{other}' in {name}")
    for language in part.get("per_language", {}):
        if language != "default":
            yield _without((*path, "per_language", language), "span", f"'{language}' in {name}")


def _spans(path: Path, spans: list[str], words: str) -> Iterator[Mutant]:
    """Each span goes, begins an hour later, ends an hour sooner."""
    for at, text in enumerate(spans):
        here = (*path, at)
        yield _without(here, "span", f"{text} on {words}")
        low, high = read_span(text)
        if high - low > _LATER:
            yield _becomes(here, "span", f"{text} on {words}", f"{_clock(low + _LATER)}-{_clock(high)}")
            yield _becomes(here, "span", f"{text} on {words}", f"{_clock(low)}-{_clock(high - _LATER)}")


def _clock(at: int) -> str:
    at = at if at == _DAY else at % _DAY
    return f"{at // 60:02d}:{at % 60:02d}"


# -- queues and issues -------------------------------------------------------------------------------------------------


def _queue(path: Path, part: Mapping[str, Any], calendars: list[str]) -> Iterator[Mutant]:
    name = f"queue '{path[1]}'" if len(path) > 1 else "all queues"
    others = {
        "hours": _other((ALWAYS, *calendars), part.get("hours")),
        "languages": "conversation" if part.get("languages") == "any" else "any",
        "strategy": _other(("least_busy", "longest_idle"), part.get("strategy")),
    }
    for key, value in part.items():
        here = (*path, key)
        if key in others:
            yield _becomes(here, "queue", f"{key} of {name}", others[key])
        elif key in ("closed", "arrival", "page") and value:
            yield Mutant(path=here, kind="queue", words=f"no {key} for {name}", change=_set(here, False))
        elif key == "skills" and value:
            yield Mutant(path=here, kind="queue", words=f"no skills for {name}", change=_set(here, []))
        yield from _times(here, value, name)


def _times(path: Path, value: Any, name: str) -> Iterator[Mutant]:
    """Steps of overflow go or come later; a page and a promise come later."""
    key = path[-1]
    if key == "overflow":
        for at, step in enumerate(value):
            yield _without((*path, at), "queue", f"overflow of {name} to '{step['queue']}'")
            yield _twice((*path, at, "after"), step["after"], f"overflow of {name}")
    elif key == "page" and value:
        yield _twice((*path, "after"), value["after"], f"page of {name}")
    elif key == "first_response":
        for kind, span in value.items() if isinstance(value, dict) else ():
            yield _twice((*path, kind), span, f"first_response.{kind} of {name}")
        if isinstance(value, str):
            yield _twice(path, value, f"first_response of {name}")


def _twice(path: Path, span: str, words: str) -> Mutant:
    return _becomes(path, "queue", words, f"{span}{span}")


def _issue(path: Path, part: Mapping[str, Any], queues: list[str]) -> Iterator[Mutant]:
    name = f"issue '{path[-1]}'"
    if part.get("queue"):
        yield from _otherwise((*path, "queue"), f"queue of {name}", part["queue"], queues)
    if part.get("priority"):
        yield _becomes((*path, "priority"), "issue", f"priority of {name}", _other(_PRIORITIES, part["priority"]))
    if part.get("alarm"):
        yield _without((*path, "alarm"), "issue", f"alarm of {name}")
    for at, asked in enumerate(part.get("ask", [])):
        yield _without((*path, "ask", at), "issue", f"question '{asked}' of {name}")


def _otherwise(path: Path, words: str, value: str, queues: list[str]) -> Iterator[Mutant]:
    other = _other(queues, value)
    if other is not None:
        yield _becomes(path, "issue", words, other)


def _other(known: tuple[str, ...] | list[str], value: object) -> str | None:
    return next((one for one in known if one != value), None)
