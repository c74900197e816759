"""Strict JSON, safe names, types by content, and paces."""

from datetime import UTC, datetime, timedelta

import pytest

from channels import json_fields as fields
from channels import strict_json
from channels.file_types import safe_name, type_of
from channels.rate_limits import Buckets, RateLimit, RateLimits
from conversation.errors import MalformedPayload, RateLimited
from tests.fakes import FakeClock


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"a":NaN}', "json_number"),
        (b'{"a":-Infinity}', "json_number"),
        (b'{"a":1e400}', "json_number"),
        (b'{"a":' + b"1" * 41 + b"}", "json_number"),
        (b'{"a":1,"a":2}', "json_duplicate_key"),
        (b"[" * 33 + b"]" * 33, "json_depth"),
        (b"[" * 200_000, "json_syntax"),
        (b'{"a":"\x01"}', "json_syntax"),
        (b'{"a":"\xff"}', "encoding"),
        (b"{} {}", "json_syntax"),
        (b"", "json_syntax"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_code(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        strict_json.loads(raw)
    assert caught.value.code == code


def test_what_is_strict_json_is_read() -> None:
    assert strict_json.loads(b"[" * 32 + b"]" * 32) is not None
    assert strict_json.loads(b' {"a": [1, -2.5e3, "\\ud83d\\ude00", null]} ') == {"a": [1, -2500.0, "😀", None]}


def test_poison_is_repaired_in_keys_and_values() -> None:
    assert strict_json.loads(b'{"a\\u0000":["\\udc00x"]}') == {"a\ufffd": ["\ufffdx"]}


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..\u200b/..\u200b/passwd", "passwd"),
        (".\u200b.", "file"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00b\n.png", "ab.png"),
        (".htaccess", "htaccess"),
        ("CON.txt", "_CON.txt"),
        ("收据 1.png", "收据 1.png"),
        ('a<b>:"c".txt', "a_b___c_.txt"),
        ("", "file"),
        ("...", "file"),
        ("x" * 500 + ".jpeg", "x" * 115 + ".jpeg"),
    ],
)
def test_names_are_made_safe(given: str, safe: str) -> None:
    assert safe_name(given) == safe
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"PK\x03\x04", "application/zip"),
        (b"#!AMR\n\x3c\x91", "audio/amr"),
        ("你好".encode(), "text/plain"),
        ("你好".encode()[:-1], "text/plain"),
        (b"<html><script>alert(1)</script>", "text/plain"),
        (b"<svg onload=alert(1)>", "text/plain"),
        (b"MZ\x90\0\x03", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_types_are_told_by_content(head: bytes, kind: str) -> None:
    assert type_of(head) == kind


def test_buckets_refill_and_forget_the_longest_unused() -> None:
    clock = FakeClock()
    buckets = Buckets(clock, per_second=1, burst=2, most=2)
    assert [buckets.allow("a") for _ in range(3)] == [True, True, False]
    assert buckets.wait("a") >= 1
    clock.advance(timedelta(seconds=1))
    assert [buckets.allow("a") for _ in range(2)] == [True, False]
    assert buckets.allow("b")
    assert buckets.allow("c")
    assert buckets.allow("a")  # forgotten, so it begins anew


async def test_a_pace_without_limit_never_waits_and_a_long_queue_is_sent_away() -> None:
    clock = FakeClock()
    for _ in range(100):
        await RateLimit(clock, None).turn()
    slow = RateLimit(clock, 0.1)
    await slow.turn()
    with pytest.raises(RateLimited) as caught:
        await slow.turn()
    assert caught.value.retry_after == timedelta(seconds=10)


async def test_each_chat_has_a_pace_of_its_own_and_the_longest_unused_is_forgotten() -> None:
    paces = RateLimits(FakeClock(), 0.1, most=2)
    await paces.turn("a")
    await paces.turn("b")
    with pytest.raises(RateLimited) as caught:
        await paces.turn("a")
    assert (caught.value.retry_after, caught.value.whole_account) == (timedelta(seconds=10), False)
    await paces.turn("c")
    with pytest.raises(RateLimited):
        await paces.turn("a")
    await paces.turn("b")  # forgotten when c came, so it begins anew


@pytest.mark.parametrize(
    "written", [1_764_640_000, "1764640000", 1_764_640_000_000, "1764640000000", 1_764_640_000.0], ids=repr
)
def test_a_time_since_1970_is_read_in_seconds_and_in_milliseconds(written: object) -> None:
    assert fields.epoch({"at": written}, "at") == datetime(2025, 12, 2, 1, 46, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "code"), [("soon", "wrong_type"), (True, "wrong_type"), (10**30, "bad_time"), ([], "wrong_type")]
)
def test_what_is_no_time_since_1970_is_named(written: object, code: str) -> None:
    with pytest.raises(MalformedPayload) as caught:
        fields.epoch({"at": written}, "at")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("written", "code"), [("1", "wrong_type"), (True, "wrong_type"), (1.0, "wrong_type"), (2**63, "json_number")]
)
def test_a_whole_number_is_one_that_a_database_can_hold(written: object, code: str) -> None:
    assert fields.integer({"n": -(2**63)}, "n") == -(2**63)
    assert fields.integer({}, "n") is None
    with pytest.raises(MalformedPayload) as caught:
        fields.integer({"n": written}, "n")
    assert caught.value.code == code
