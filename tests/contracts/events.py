"""Events as the JSON of a payload's twin: the type, and every field that is not at its default."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from typing import Any

from conversation.errors import MalformedPayload
from conversation.model.message import InboundEvent


def told(events: Sequence[InboundEvent]) -> list[Any]:
    """The events as they stand in a twin."""
    return [{"event": type(event).__name__, **_fields(event)} for event in events]


def fault(error: MalformedPayload) -> dict[str, str]:
    """A refusal as it stands in a twin."""
    return {"error": error.code}


def _fields(data: Any) -> dict[str, Any]:
    found = {field.name: _plain(getattr(data, field.name)) for field in fields(data) if _counts(data, field)}
    found.pop("received_at", None)
    found.pop("raw", None)
    return found


def _counts(data: Any, field: "Field[Any]") -> bool:
    value = getattr(data, field.name)
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return bool(value != default)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, tuple) else value
