"""Reading fields out of a decoded JSON object, each of the right type or `MalformedPayload` that names the field."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from conversation.errors import MalformedPayload

MILLISECONDS_FROM = 1e12  # as seconds this is the year 33658: media that mean milliseconds begin here

_LONGEST_LANGUAGE = 35
_LARGEST = 2**63


def text(data: Mapping[str, Any], key: str, *, longest: int | None = None) -> str | None:
    """A string, or None where it is absent or null."""
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedPayload(f"'{key}' is not a string", code="wrong_type")
    if longest is not None and len(value) > longest:
        raise MalformedPayload(f"'{key}' is longer than {longest} characters", code="too_long")
    return value


def identifier(data: Mapping[str, Any], key: str, *, longest: int = 200) -> str:
    """An id: needed, not empty, and of characters that were not repaired, so that two ids never become one."""
    value = text(data, key, longest=longest)
    if not value:
        raise MalformedPayload(f"'{key}' is missing", code="missing")
    if "\ufffd" in value or any(c < " " or c == "\x7f" for c in value):
        raise MalformedPayload(f"'{key}' holds a control character or a lone surrogate", code="bad_id")
    return value


def truth(data: Mapping[str, Any], key: str) -> bool:
    """A boolean; absent or null is false."""
    value = data.get(key)
    if value is not None and not isinstance(value, bool):
        raise MalformedPayload(f"'{key}' is not true or false", code="wrong_type")
    return value is True


def integer(data: Mapping[str, Any], key: str) -> int | None:
    """A whole number that a database can hold, or None where it is absent or null."""
    value = data.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedPayload(f"'{key}' is not a whole number", code="wrong_type")
    if not -_LARGEST <= value < _LARGEST:
        raise MalformedPayload(f"'{key}' is beyond all measure", code="json_number")
    return value


def table(data: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """An object, or None where it is absent or null."""
    value = data.get(key)
    if value is not None and not isinstance(value, dict):
        raise MalformedPayload(f"'{key}' is not an object", code="wrong_type")
    return value


def object_of(value: Any) -> Mapping[str, Any]:
    """The value itself where it is an object."""
    if not isinstance(value, dict):
        raise MalformedPayload("not an object", code="wrong_type")
    return value


def needed_table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object that must be there."""
    value = table(data, key)
    if value is None:
        raise MalformedPayload(f"'{key}' is missing", code="missing")
    return value


def needed_integer(data: Mapping[str, Any], key: str) -> int:
    """A whole number that must be there."""
    value = integer(data, key)
    if value is None:
        raise MalformedPayload(f"'{key}' is missing", code="missing")
    return value


def rows(data: Mapping[str, Any], key: str, *, most: int) -> list[Any]:
    """A list; absent or null is empty."""
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedPayload(f"'{key}' is not a list", code="wrong_type")
    if len(value) > most:
        raise MalformedPayload(f"'{key}' has more than {most} items", code="too_many")
    return value


def instant(data: Mapping[str, Any], key: str) -> datetime | None:
    """An RFC 3339 time with its zone, converted to UTC, or None."""
    value = text(data, key, longest=64)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise MalformedPayload(f"'{key}' is not an RFC 3339 time", code="bad_time") from None
    if at.tzinfo is None:
        raise MalformedPayload(f"'{key}' has no zone", code="bad_time")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise MalformedPayload(f"'{key}' is before the first or after the last day", code="bad_time") from None


def epoch(data: Mapping[str, Any], key: str) -> datetime | None:
    """A time counted from 1970 in seconds, or in milliseconds where it is that large; as a number or its digits, or None."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:40])
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MalformedPayload(f"'{key}' is not a time", code="wrong_type")
    seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise MalformedPayload(f"'{key}' is before the first or after the last day", code="bad_time") from None


def language(data: Mapping[str, Any], key: str) -> str | None:
    """A language tag such as `zh` or `pt-BR`, in lower case but for nothing: tags compare without case."""
    value = text(data, key, longest=_LONGEST_LANGUAGE)
    if not value:
        return None
    first, *rest = value.split("-")
    fine = first.isascii() and first.isalpha() and len(first) in (2, 3)
    if not fine or not all(part.isascii() and part.isalnum() for part in rest):
        raise MalformedPayload(f"'{key}' is not a language tag", code="bad_language")
    return value.lower()
