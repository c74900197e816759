"""`parse`: raw payloads as events, one JSON object a file; malformed ones and wrong signatures with their reason."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Protocol

import pytest

from ops.__main__ import main


class Write(Protocol):
    def __call__(self, text: str | bytes, name: str = ...) -> Path: ...


KEY = b"a secret of twenty-four b"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
AT = "2026-11-23T02:00:00+00:00"
STAMP = "1795399200"
BODY = '{"id": "m1", "from": {"id": "u7", "name": "Li", "attributes": {"vip": true}}, "text": "充值不成功"}'


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    code = main(["--config", "config.example.toml", "parse", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, [json.loads(line) for line in printed.out.splitlines()], printed.err


@pytest.fixture
def payload(tmp_path: Path) -> Write:
    def write(text: str | bytes, name: str = "payload.json") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_payload_becomes_its_events(capsys: pytest.CaptureFixture[str], payload: Write) -> None:
    path = payload(BODY)
    code, (told,), _ = run(capsys, "webhook", path, "--at", AT)
    (event,) = told["events"]
    assert (code, told["file"], told["malformed"], told["answer"]) == (0, str(path), None, {"status": 200})
    expected = {
        "type": "message",
        "external_id": "m1",
        "from": "u7",
        "name": "Li",
        "text": "充值不成功",
        "reply_to": None,
    }
    assert expected.items() <= event.items()
    assert (event["attributes"], event["attachments"], event["received_at"]) == ({"vip": True}, [], AT)


def test_each_file_has_one_line_and_a_malformed_one_answers_1(
    capsys: pytest.CaptureFixture[str], payload: Write
) -> None:
    good, bad = payload(BODY), payload('{"id": ', "bad.json")
    code, told, _ = run(capsys, "webhook", good, bad, Path("nowhere.json"))
    assert code == 1
    assert [len(one["events"]) for one in told] == [1, 0, 0]
    assert told[0]["malformed"] is None
    assert "not JSON" in told[1]["malformed"]
    assert "cannot be read" in told[2]["malformed"]


def test_a_bad_item_of_a_list_is_told_beside_its_mates(capsys: pytest.CaptureFixture[str], payload: Write) -> None:
    code, (told,), _ = run(capsys, "webhook", payload(f'[{BODY}, {{"id": "m2"}}]'))
    assert code == 1
    assert [event["type"] for event in told["events"]] == ["message", "malformed"]
    assert told["malformed"]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"\x00", b"[" * 50_000, b'{"id": ' + b"9" * 5000 + b"}", b"null", b'"text"', b""]
)
def test_whatever_the_bytes_the_reason_is_told(capsys: pytest.CaptureFixture[str], payload: Write, body: bytes) -> None:
    code, (told,), _ = run(capsys, "webhook", payload(body))
    assert code == 1
    assert told["malformed"]


def signed(body: str, key: bytes = KEY) -> list[str]:
    digest = hmac.new(key, f"m1.{STAMP}.{body}".encode(), hashlib.sha256).digest()
    headers = {
        "webhook-id": "m1",
        "webhook-timestamp": STAMP,
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNTGROUP_CHANNELS__APP__SECRET", SECRET)


@pytest.mark.usefixtures("secret")
def test_with_a_channel_the_signature_is_checked(capsys: pytest.CaptureFixture[str], payload: Write) -> None:
    path = payload(BODY)
    code, (told,), _ = run(capsys, "webhook", path, "--channel", "app", "--at", AT, *signed(BODY))
    assert (code, told["malformed"], told["answer"]["status"]) == (0, None, 200)
    assert told["events"][0]["channel"] == "app"
    assert json.loads(told["answer"]["body"])["items"][0]["id"] == "m1"


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    "flags",
    [
        ["--at", AT, *signed(BODY, b"another secret of 24 byte")],
        ["--at", "2026-11-23T03:00:00+00:00", *signed(BODY)],
        ["--at", AT],
    ],
    ids=["another secret", "too late", "no signature"],
)
def test_a_wrong_signature_answers_1_and_never_shows_the_secret(
    capsys: pytest.CaptureFixture[str], payload: Write, flags: list[str]
) -> None:
    code, (told,), err = run(capsys, "webhook", payload(BODY), "--channel", "app", *flags)
    assert (code, told["events"], told["answer"]) == (1, [], {"status": 401})
    assert "signature" in told["malformed"]
    assert SECRET not in f"{told}{err}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["webhok", "x"], "did you mean 'webhook'"),
        (["webchat", "x"], "no raw payloads"),
        (["webhook", "x", "--channel", "ap"], "did you mean 'app'"),
        (["webhook", "x", "--channel", "site"], "of kind 'webchat', not 'webhook'"),
        (["webhook", "x", "--header", "nothing"], "NAME:VALUE"),
        (["webhook", "x", "--at", "noon"], "with its zone"),
    ],
)
def test_wrong_usage_answers_2_in_words(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, told, err = run(capsys, *arguments)
    assert (code, told) == (2, [])
    assert words in err


def test_a_mail_is_told_in_its_own_words(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mail, junk = tmp_path / "a.eml", tmp_path / "b.eml"
    mail.write_bytes(b"From: Lena <lena@example.org>\nTo: help@example.com\nSubject: card\n\nIt works.\n\n-- \nLena\n")
    junk.write_bytes(b"no mail at all")
    assert main(["parse", "email", str(mail)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["file"], told["from"], told["to"], told["reply"]) == (
        str(mail),
        "lena@example.org",
        ["help@example.com"],
        "It works.",
    )
    assert told["text"] == "It works.\n\n-- \nLena"
    assert main(["parse", "email", str(mail), str(junk)]) == 1
    assert "no_header" in json.loads(capsys.readouterr().out.splitlines()[1])["malformed"]
