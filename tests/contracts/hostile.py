"""Bytes that nobody should send, and small accidents made of bytes that somebody does send."""

import copy
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

HOSTILE: tuple[bytes, ...] = (
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe\x00",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"[{}]",
    b"{",
    b"[1,",
    b'{"id":"1"}}',
    b'{"id":NaN}',
    b'{"id":Infinity}',
    b'{"id":' + b"9" * 5000 + b"}",
    b'{"id":1e999}',
    b"[" * 100_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"id":"a","id":"b"}',
    b'{"id":"\\ud800","from":{"id":"\\udfff"},"text":"\\u0000"}',
    b'{"id":{"id":{"id":[]}},"from":[],"text":{}}',
    b'{"__proto__":{"x":1},"id":"\\u0000","from":{"id":"\\u0000"},"text":"x"}',
    '{"id":"٣","from":{"id":"x\u202e"},"text":"\u200f"}'.encode(),
    b"<xml><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a></xml>",
    b"a=1&b=%00",
    '{"id":"1"}'.encode("utf-16"),
    b"\xef\xbb\xbf{}",
)

TEXTS: tuple[str, ...] = (
    "充值不成功,钱扣了没到账",
    "مرحبا، لا أستطيع تسجيل الدخول",
    "שלום עולם",
    "\u202eright to left\u202c and \u200bzero\u200b width",
    "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301 é",
    "x" * 900_000,
    "<script>alert(1)</script> ' OR 1=1 -- %s {0} {{7*7}}",
)


def accidents(raw: bytes, *, count: int, seed: int = 7) -> Iterator[bytes]:
    """The bytes cut short, with bytes changed, doubled or left out."""
    chance = random.Random(seed)
    for _ in range(count):
        at = chance.randrange(max(1, len(raw)))
        kind = chance.randrange(4)
        if kind == 0:
            yield raw[:at]
        elif kind == 1:
            yield raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
        elif kind == 2:
            yield raw[:at] + raw[at : at + 8] + raw[at:]
        else:
            yield raw[:at] + raw[at + chance.randrange(1, 9) :]


_EMPTY: tuple[Any, ...] = (None, "", "\u200b\ufe0f\ufffc", {})  # None: left out


def emptied(raw: bytes) -> Iterator[bytes]:
    """A JSON payload once more for each of its fields, which is left out, empty, or holds nothing that a reader sees."""
    payload = _json(raw)
    for path in _paths(payload):
        for instead in _EMPTY:
            changed = copy.deepcopy(payload)
            inner: Any = changed
            for key in path[:-1]:
                inner = inner[key]
            if instead is None:
                del inner[path[-1]]
            else:
                inner[path[-1]] = instead
            yield json.dumps(changed).encode()


def mistyped(raw: bytes, *, seed: int = 7) -> Iterator[bytes]:
    """A JSON payload once more for each of its fields, which holds a value of another type."""
    chance = random.Random(seed)
    payload = _json(raw)
    for path in _paths(payload):
        changed = copy.deepcopy(payload)
        inner: Any = changed
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = chance.choice([7, -1.5, True, None, "x", [], ["x"], {}, {"x": [{}]}])
        yield json.dumps(changed).encode()


def _json(raw: bytes) -> Any:
    """None for what is no JSON, or more than the decoder takes."""
    with suppress(ValueError, RecursionError):
        return json.loads(raw)
    return None


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *rest) for rest in _paths(inner))
