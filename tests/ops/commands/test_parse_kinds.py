"""`parse` for every kind: plain JSON for all payloads, a reason instead of a traceback for any bytes, and requests to be called."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlencode

import pytest

from channels import registry as kinds
from channels.webhook import normalize
from conversation.model.message import (
    Attachment,
    CallbackRequested,
    ContactChanged,
    DeliveryReported,
    InboundEvent,
    Malformed,
    MessageEchoed,
    MessageEdited,
    MessageReacted,
    MessageReceived,
    MessageRetracted,
    Status,
)
from conversation.model.people import Identity
from ops.__main__ import main
from ops.commands.parse import event_as_json
from tests.contracts.channel import TWIN
from tests.contracts.hostile import HOSTILE, mistyped

CHANNELS = Path(__file__).parents[2] / "channels"
AT = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
READABLE = tuple(kind for kind in kinds.names() if kind != "webchat")  # a chat has a socket and no payloads
PYTHON = re.compile(r"\b[A-Za-z_]+\([A-Za-z_]+=|<[A-Za-z_.]+ object at|datetime\.datetime|frozenset\(")
COMMON = {"type", "external_id", "from", "name", "text", "attachments", "sent_at"}


def parsed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the lines; nothing may go to standard error."""
    code = main(["--config", "config.example.toml", "parse", *map(str, arguments)])
    printed = capsys.readouterr()
    assert printed.err == ""
    assert not PYTHON.search(printed.out), printed.out[:2_000]
    return code, [json.loads(line) for line in printed.out.splitlines()]


def payloads(kind: str) -> list[Path]:
    return sorted(path for path in (CHANNELS / kind / "payloads").iterdir() if not path.name.endswith(TWIN))


def hostile(kind: str) -> Iterator[bytes]:
    yield from HOSTILE
    yield bytes(range(256)) * 40
    yield b"PK\x03\x04" + bytes(200)
    yield b"the quick brown fox\n" * 5
    wrong: tuple[object, ...] = (
        7,
        "words",
        [7],
        {"entry": 7},
        {"events": {}},
        {"message": []},
        {"number": 7, "id": []},
    )
    yield from (json.dumps(value).encode() for value in wrong)
    for path in payloads(kind):
        if path.suffix == ".json":
            yield from islice(mistyped(path.read_bytes()), 0, None, 15)  # a sample


@pytest.mark.parametrize("kind", READABLE)
def test_every_payload_of_every_kind_is_printed_as_plain_json(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    files = payloads(kind)
    _, lines = parsed(capsys, kind, *files)
    assert [line["file"] for line in lines] == list(map(str, files))
    found = [event for line in lines for event in line.get("events", ())]
    assert all(event.keys() >= COMMON for event in found)
    assert found or kind == "email"


@pytest.mark.parametrize("kind", READABLE)
def test_whatever_a_file_holds_the_reason_is_printed_and_no_bug_shows(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str
) -> None:
    files = []
    for number, raw in enumerate(dict.fromkeys(hostile(kind))):
        files.append(tmp_path / f"{number}")
        files[-1].write_bytes(raw)
    code, lines = parsed(capsys, kind, *files)
    assert (code, len(lines)) == (1, len(files))
    bugs = [line for line in lines if (line["malformed"] or "").startswith("bug")]
    assert not bugs


def test_a_kind_without_payloads_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(b"\xff")
    assert main(["--config", "config.example.toml", "parse", "webchat", str(tmp_path / "any")]) == 2
    assert "no raw payloads" in capsys.readouterr().err


def test_a_bug_of_a_kind_is_the_reason_and_the_next_file_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "any.json"
    path.write_text('{"id": "m1", "from": {"id": "u7"}, "text": "hello"}')
    read, left = normalize.events, [True]

    def broken_once(body: bytes, **how: Any) -> object:
        return left.pop() // 0 if left else read(body, **how)

    monkeypatch.setattr(normalize, "events", broken_once)
    code, (first, second) = parsed(capsys, "webhook", path, path)
    assert (code, first["malformed"]) == (1, "bug: ZeroDivisionError: integer division or modulo by zero")
    assert [event["text"] for event in second["events"]] == ["hello"]


def test_a_file_whose_name_is_no_text_is_named_all_the_same(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    path = tmp_path / "caf\udce9.json"
    path.write_text('{"id": "m1", "from": {"id": "u7"}, "text": "充值"}')
    assert main(["--config", "config.example.toml", "parse", "webhook", str(path)]) == 0
    line = json.loads(capsysbinary.readouterr().out)
    assert (line["file"], line["events"][0]["text"]) == (str(path), "充值")


# -- every type of event -----------------------------------------------------------------------------------------------

ANNA = Identity(channel="a", address="anna", name="Anna", also=("anna2",), reply_until=AT)
FILE = Attachment(id="f1", name="a.png", type="image/png", url="provider:1")
CALL = CallbackRequested(channel="a", external_id="x", sender=ANNA, number="+491", received_at=AT, slot=AT, note="now")
EVENTS: tuple[InboundEvent, ...] = (
    MessageReceived(
        channel="a",
        external_id="x",
        sender=ANNA,
        text="hi",
        received_at=AT,
        attachments=(FILE,),
        callback=CALL,
        raw=b"r",
    ),
    MessageEdited(channel="a", external_id="x", text="hi", received_at=AT, sender=ANNA, edited_at=AT, raw=b"r"),
    MessageRetracted(channel="a", external_id="x", received_at=AT, sender=ANNA),
    MessageReacted(channel="a", external_id="x", received_at=AT, sender=ANNA, emoji="👍"),
    MessageEchoed(channel="a", external_id="x", to=ANNA, text="hi", received_at=AT, sent_at=AT, attachments=(FILE,)),
    ContactChanged(channel="a", external_id="x", sender=ANNA, received_at=AT, reachable=False),
    DeliveryReported(channel="a", external_id="x", status=Status.READ, received_at=AT, to="anna", up_to=AT, raw=b"r"),
    CALL,
    Malformed(channel="a", external_id="x", received_at=AT, raw=b"r", reason="no JSON"),
)


def test_every_type_of_event_is_plain_json_with_all_of_its_fields() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(InboundEvent))
    for event in EVENTS:
        printed = event_as_json(event)
        assert not PYTHON.search(json.dumps(printed)), type(event)
        assert printed.keys() >= COMMON | {one.name for one in fields(event)} - {"raw", "sender"}


def test_the_customer_of_an_echo_is_an_object_and_its_files_are_named() -> None:
    printed = event_as_json(EVENTS[4])
    assert (printed["to"]["address"], printed["to"]["also"]) == ("anna", ["anna2"])
    assert printed["attachments"] == [
        {"name": "a.png", "type": "image/png", "size": 0, "inline": False, "url": "provider:1"}
    ]


# -- requests to be called ---------------------------------------------------------------------------------------------

ASKED = {"number": "+4930123456", "name": "Jürgen", "note": "Karte weg", "language": "de", "consent": "yes"}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({**ASKED, "consent": True}),
        json.dumps(ASKED, ensure_ascii=False),
        urlencode({**ASKED, "when": "asap", "slot": "", "t": "", "issue": "", "id": "f-1"}),
        "number=%2B4930123456&name=Jürgen&note=Karte weg&language=de&consent=on",
    ],
    ids=["JSON", "JSON in UTF-8", "the page's form", "a form in UTF-8"],
)
def test_a_request_to_be_called_becomes_its_event(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, body: str
) -> None:
    path = tmp_path / "request"
    path.write_text(body, "utf-8")
    code, (line,) = parsed(capsys, "callback", path)
    (event,) = line["events"]
    wanted = {"type": "callback", "from": "+4930123456", "phone": "+4930123456", "name": "Jürgen", "text": "Karte weg"}
    assert (code, line["file"], line["malformed"]) == (0, str(path), None)
    assert wanted.items() <= event.items()
    assert (event["number"], event["consent"], event["slot"], event["language"]) == ("+4930123456", True, None, "de")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{}", "number: number_missing"),
        ("[]", "a request is an object"),
        ('{"number": 7}', "number: no_text"),
        ('{"number": "+4930123456", "colour": "red"}', "colour: unknown_field"),
        ('{"number": "+4930123456", "slot": "noon"}', "slot: slot_unreadable"),
        ("number=12&when=slot", "slot: slot_missing"),
        ("number=%2B499001123456", "number: number_premium"),
        ("hello", "hello: unknown_field"),
        ("", "number: number_missing"),
        ("CallSid=CA1&From=anonymous", "cannot be called back"),
    ],
)
def test_a_request_that_cannot_be_read_answers_1_with_every_field_at_fault(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, body: str, reason: str
) -> None:
    path = tmp_path / "request"
    path.write_text(body)
    code, (line,) = parsed(capsys, "callback", path)
    assert (code, line["events"]) == (1, [])
    assert reason in line["malformed"]


def test_a_form_that_only_asks_for_the_page_again_is_no_request(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "request"
    path.write_text(urlencode({**ASKED, "show": "1"}))
    code, (line,) = parsed(capsys, "callback", path)
    assert (code, line["events"], line["malformed"]) == (0, [], None)


def test_with_a_channel_its_own_settings_count(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, config = tmp_path / "request", tmp_path / "config.toml"
    path.write_text('{"number": "030 123456"}')
    config.write_text('[channels.call]\nkind = "callback"\ncountry = "DE"\n[queues.q]\n[fallback]\nqueue = "q"\n')
    assert parsed(capsys, "callback", path)[0] == 1
    assert main(["--config", str(config), "parse", "callback", "--channel", "call", str(path)]) == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert (event["channel"], event["number"]) == ("call", "+4930123456")
