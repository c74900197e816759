"""Spans of time as people write them: `90s`, `5m`, `72h`, `2d`, `1w`, `1h30m`."""

from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HINT = "write a number and a unit, for example '90s', '5m', '72h' or '2d'"
_DIGITS = 10
_LONGEST = 3660 * 86400


def parse_duration(text: object) -> timedelta:
    """The span; `ValueError` with a sentence for people where it cannot be read."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is not a span of time: {_HINT}")  # noqa: TRY004 - one error for every misspelling
    total, digits = 0, ""
    for letter in text.strip():
        if letter in "0123456789":
            digits += letter
        elif letter in _UNITS and digits and len(digits) < _DIGITS:
            total, digits = total + int(digits) * _UNITS[letter], ""
        else:
            raise ValueError(f"'{text}' is not a span of time: {_HINT}")
    if digits or not text.strip():
        raise ValueError(f"'{text}' is not a span of time: {_HINT}")
    if total > _LONGEST:
        raise ValueError(f"'{text}' is longer than ten years")
    return timedelta(seconds=total)
