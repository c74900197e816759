"""A broken configuration keeps the old rules in force and names the line; broken files keep the command line honest."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.__main__ import main
from tests.faults.raw import House, answered_at_once, exchange, hooked, message, serving
from tests.serving import environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.xdist_group("bad_rules")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("rules")
    with serving(folder, f"sqlite:///{folder / 'bad.db'}") as one:
        yield one


def _rule(when: str, then: str = 'queue = "general"') -> str:
    return f'\n[[rules]]\nname = "Broken"\nwhen = {{ {when} }}\nthen = {{ {then} }}\n'


# what is added to the file, and the words that the fault must have
BROKEN: list[tuple[str, bytes, str]] = [
    ("no TOML", b"\n[[rules\n", ""),
    ("not UTF-8", b'\n# \xff\xfe\n[extra]\nname = "\xff"\n', ""),
    ("NUL", b'\n[extra]\nname = "a\x00b"\n', ""),
    ("a table twice", b'\n[fallback]\nqueue = "general"\n', ""),
    ("5,000 digits", b"\n[agents]\ngrace = " + b"9" * 5_000 + b"\n", ""),
    ("nested 2,000 deep", b"\nextra = " + b"[" * 2_000 + b"]" * 2_000 + b"\n", ""),
    ("a key nobody knows", b"\n[nonsense]\nx = 1\n", "nonsense"),
    ("an unknown action", _rule('text = "x"', 'quue = "general"').encode(), "queue"),
    ("an unknown queue", _rule('text = "x"', 'queue = "generl"').encode(), "general"),
    ("an unknown condition", _rule('colour = "red"').encode(), "colour"),
    ("an unknown issue", _rule('issue = "topp"').encode(), "topup"),
    ("a pattern that is none", _rule('text = "(("').encode(), ""),
    ("a pattern that looks ahead", _rule('text = "x(?=y)"').encode(), ""),
    ("a pattern that looks back at itself", _rule("text = '(a)\\1'").encode(), ""),
    ("a rule without name", b'\n[[rules]]\nwhen = { text = "x" }\nthen = { queue = "general" }\n', "name"),
    ("hours that are none", b'\n[hours.desk]\ntimezone = "Mars/Olympus"\nmon-fri = ["25:00-26:00"]\n', ""),
    ("calendars in a circle", b'\n[hours.a]\nany = ["b"]\n[hours.b]\nany = ["a"]\n', ""),
    ("overflow to nowhere", b'\n[queues.extra]\noverflow = [ { after = "5m", queue = "nowhere" } ]\n', "nowhere"),
    ("a channel of no kind", b'\n[channels.more]\nkind = "pigeon"\n', "pigeon"),
    ("a secret that is none", b'\n[channels.more]\nkind = "webhook"\nsecret = "hello"\n', ""),
    ("a test that fails", b'\n[[tests]]\nname = "t"\nchannel = "app"\ncases = [ { text = "locked", queue = "payments" } ]\n', "accounts"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "more", "words"), BROKEN, ids=[name for name, _, _ in BROKEN])
async def test_a_broken_file_keeps_the_old_rules(house: House, name: str, more: bytes, words: str) -> None:
    await answered_at_once(lambda: _refused(house, name, more, words))


async def _refused(house: House, name: str, more: bytes, words: str) -> float:
    """The file with this added is refused, by line; how long a good message takes afterwards."""
    good = house.config.read_bytes()
    before = (await exchange(house.url, "GET", "/api/v1/rules", house.bearer)).json["revision"]
    try:
        house.config.write_bytes(good + more)
        refused = await exchange(house.url, "POST", "/api/v1/rules/reload", house.bearer)
    finally:
        house.config.write_bytes(good)

    assert refused.status == 422, refused.body[:500]
    faults = refused.json["errors"]
    assert faults
    assert any(words in fault["message"] for fault in faults), faults
    lines = [fault["field"].rpartition(":")[2] for fault in faults]
    # the fault stands in what was added, where it can be told; a broken encoding is told of the whole file
    first = good.count(b"\n") + 1
    assert any(line.isdecimal() and int(line) >= first for line in lines) or name in (
        "not UTF-8",
        "nested 2,000 deep",
    ), faults
    assert (await exchange(house.url, "GET", "/api/v1/rules", house.bearer)).json["revision"] == before
    started = time.monotonic()
    assert (await hooked(house, message())).status == 200
    return time.monotonic() - started


def _command(config: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    try:
        code = main(["--config", str(config), *arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    return code, told.out + told.err


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULT_SECRET", environment()["FAULT_SECRET"])


@pytest.mark.usefixtures("known")
def test_check_names_file_and_line(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, broken = house.config.read_bytes(), tmp_path / "broken.toml"
    for name, more, words in BROKEN:
        broken.write_bytes(good + more)
        code, told = _command(house.config, "check", str(broken), capsys=capsys)
        assert code in (1, 2), name
        assert "broken.toml:" in told, (name, told)
        assert words in told, (name, told)


@pytest.mark.usefixtures("known")
def test_explain_tells_bad_lines_and_goes_on(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = json.dumps({"channel": "app", "text": "My top-up is missing"}).encode()
    bad = [
        b"{", b"[]", b"17", b"null", b'{"channel": "app"}', b'{"text": "x"}', b'{"channel": "nobody", "text": "x"}',
        b'{"channel": "app", "text": 5}', b'{"channel": "app", "text": "\xff"}', b'{"channel": "app", "text": NaN}',
        b'{"channel": "app", "text": "x", "at": "yesterday"}', b'{"channel": "app", "text": "x", "at": 5}',
        b"[" * 100_000, b'{"n": ' + b"9" * 5_000 + b"}",
        b'{"channel": "app", "text": "x", "at": "0001-01-01T00:00:00+14:00"}',
    ]  # fmt: skip
    odd = [b'{"channel": "app", "text": "a\\u0000b"}', b'{"channel": "app", "text": "a\\ud800b"}']
    path = tmp_path / "messages.jsonl"
    path.write_bytes(b"\n".join([*(line for one in bad for line in (one, good)), *odd, good]) + b"\n")

    code, told = _command(house.config, "explain", "--file", str(path), "--json", capsys=capsys)

    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert code == 1
    assert len(lines) == 2 * len(bad) + 3
    assert all("error" in line and line["line"] == 2 * at + 1 for at, line in enumerate(lines[: 2 * len(bad) : 2]))
    assert all(line["queue"] == "payments" for line in lines[1 : 2 * len(bad) : 2])
    assert lines[-1]["queue"] == "payments"


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "--channel", "nobody", "--text", "x"),
        ("explain", "--channel", "app", "--text", "x", "--at", "0001-01-01T00:00:00+14:00"),
        ("explain", "--channel", "app", "--text", "x", "--at", "tomorrow"),
        ("explain", "--channel", "app", "--text", "x", "--set", "nonsense"),
        ("explain", "--file", "/does/not/exist.jsonl", "--json"),
        ("explain",),
        ("parse", "pigeon", "x"),
        ("parse", "webhook", "/does/not/exist"),
        ("parse", "webhook", "."),
        ("check", "/does/not/exist.toml"),
    ],
    ids=" ".join,
)
def test_nonsense_on_the_command_line_ends_with_a_word_and_a_code(
    house: House, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = _command(house.config, *arguments, capsys=capsys)
    assert code in (1, 2)
    assert told.strip()


@pytest.mark.usefixtures("known")
def test_parse_says_why_a_payload_is_malformed(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bodies = [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"id": ' + b"7" * 5_000 + b"}", b'{"id": "\\u0000"}', b"NaN"]
    files = []
    for at, body in enumerate(bodies):
        path = tmp_path / f"{at}.json"
        path.write_bytes(body)
        files.append(str(path))
    good = tmp_path / "good.json"
    good.write_bytes(message())

    code, told = _command(house.config, "parse", "webhook", *files, str(good), capsys=capsys)

    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert code == 1
    assert len(lines) == len(files) + 1
    assert "My top-up is missing" in json.dumps(lines[-1])
