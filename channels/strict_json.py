"""JSON from strangers, read strictly: no NaN, no repeated keys, no monstrous depth or numbers, and never a poisonous character.

NUL and lone surrogates are repaired to U+FFFD; everything else that is wrong becomes `MalformedPayload`.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from conversation.errors import MalformedPayload

DEPTH = 32
DIGITS = 40
REPLACEMENT = "\ufffd"

_SPACE = " \t\r\n"
_POISON = dict.fromkeys((0, *range(0xD800, 0xE000)), REPLACEMENT)


def _constant(name: str) -> NoReturn:
    raise MalformedPayload(f"{name} is not JSON", code="json_number")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise MalformedPayload(f"a number of {len(digits)} digits", code="json_number")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= 2 * DIGITS else math.inf
    if math.isinf(number):
        raise MalformedPayload("a number beyond all measure", code="json_number")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedPayload("a key stands twice in one object", code="json_duplicate_key")
    return found


_STRICT = json.JSONDecoder(parse_constant=_constant, parse_int=_integer, parse_float=_float, object_pairs_hook=_object)
_LENIENT = json.JSONDecoder(parse_int=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item as it arrived: its exact bytes, and its value or what is wrong with it."""

    raw: bytes
    value: Any = None
    fault: MalformedPayload | None = None


def clean(text: str) -> str:
    """The text with NUL and lone surrogates replaced by U+FFFD."""
    return text.translate(_POISON)


def loads(body: bytes | str) -> Any:
    """The value of a whole body. Raises `MalformedPayload`."""
    text = _decoded(body)
    value, end = _scan(_STRICT, text, _skip(text, 0))
    _at_end(text, end)
    return _checked(text, value)


def items(body: bytes, *, limit: int) -> Sequence[Item]:
    """The items of a body that is a list, each for itself. Raises `MalformedPayload` where the list itself is broken."""
    text = _decoded(body)
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise MalformedPayload("not a list", code="json_syntax")
    at = _skip(text, at + 1)
    found: list[Item] = []
    while text[at : at + 1] != "]" or found:
        item, at = _item(text, at)
        found.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == "]":
            break
        _comma(text, at)
        at = _skip(text, at + 1)
        if len(found) >= limit:
            raise MalformedPayload(f"more than {limit} items in one list", code="too_many")
    _at_end(text, at + 1)
    return found


def compact(value: Any) -> bytes:
    """JSON without spaces. Lone surrogates, which no provider takes, become question marks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def is_list(body: bytes) -> bool:
    """Whether the first character that counts opens a list."""
    return body[:64].lstrip(b" \t\r\n")[:1] == b"["


def _item(text: str, at: int) -> tuple[Item, int]:
    try:
        value, end = _scan(_STRICT, text, at)
        return Item(raw=text[at:end].encode(), value=_checked(text[at:end], value)), end
    except MalformedPayload as fault:
        if fault.code in ("json_syntax", "encoding"):
            raise
        _, end = _scan(_LENIENT, text, at)
        return Item(raw=text[at:end].encode(), fault=fault), end


def _decoded(body: bytes | str) -> str:
    if isinstance(body, str):
        return body
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPayload(f"not UTF-8 at byte {error.start}", code="encoding") from None


def _scan(decoder: json.JSONDecoder, text: str, at: int) -> tuple[Any, int]:
    try:
        return decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        raise MalformedPayload(f"not JSON at character {error.pos}: {error.msg}", code="json_syntax") from None
    except RecursionError:
        raise MalformedPayload("nested beyond all measure", code="json_syntax") from None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _comma(text: str, at: int) -> None:
    if text[at : at + 1] != ",":
        raise MalformedPayload(f"not JSON at character {at}: a comma is missing", code="json_syntax")


def _at_end(text: str, at: int) -> None:
    if _skip(text, at) != len(text):
        raise MalformedPayload(f"not JSON at character {at}: something follows the end", code="json_syntax")


def _checked(text: str, value: Any) -> Any:
    # few brackets cannot nest deeply, and only an escape can bring poison: the usual message is not walked at all
    if text.count("{") + text.count("[") > DEPTH and _depth(value) > DEPTH:
        raise MalformedPayload(f"nested deeper than {DEPTH}", code="json_depth")
    return _cleaned(value) if "\\u" in text else value


def _depth(value: Any) -> int:
    depth, level = 0, _containers([value])
    while level:
        depth += 1
        level = _containers([inner for outer in level for inner in _children(outer)])
    return depth


def _containers(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(inner) for key, inner in value.items()}
    return value
