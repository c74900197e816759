"""`huntgroup doctor`: each thing that can be wrong is told once, with what to do; and nothing is changed by looking."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from conversation.errors import ChannelError, PermanentFailure, RateLimited, TransientFailure
from conversation.ports.channel import Channel
from ops.__main__ import main
from ops.commands import doctor
from ops.configuration.service import Service
from ops.diagnostics import channels as doctor_channels
from ops.diagnostics import database as doctor_memory
from ops.diagnostics import machine as doctor_machine
from ops.diagnostics.check_result import Finding, State, bad, is_whole, ok, one_line, skipped, warn
from ops.diagnostics.connections import connections, limit
from ops.system_clock import SystemClock
from storage.database.connection_limits import ConnectionLimits, connection_limits
from storage.database.inspection import Server
from storage.migration import head_revision
from storage.schema_window import OLDEST, SchemaState
from tests.channels.test_outgoing import Told
from tests.contracts.provider import provider
from tests.contracts.tools import Bench
from tests.fakes import FakeClock
from tests.mailservers import PASSWORD, USER, mailbox, post_office
from tests.ops.commands.test_check import GOOD
from tests.ports import free_port
from tests.postgres import Postgres
from tests.storage.test_signals import nats_server

Printed = pytest.CaptureFixture[str]
FINE = Server(
    schema=SchemaState("0001"), version="18.1", encoding="UTF8", fsync=True, full_page_writes=True, synchronous_commit="on",
    read_only=False, ahead=timedelta(0),
)  # fmt: skip


# -- this machine ------------------------------------------------------------------------------------------------------


def test_another_python_than_those_that_are_tried_is_a_warning() -> None:
    assert [doctor_machine.python(one).state.value for one in ((3, 10), (3, 11), (3, 13), (3, 14))] == [
        "warn", "ok", "ok", "warn",
    ]  # fmt: skip


def test_rooms_that_belong_to_others_too_or_lie_elsewhere_are_told() -> None:
    assert doctor_machine.packages().state is State.OK
    owners = {"channels": ["Huntgroup", "channels"], "router": ["huntgroup"], "aiohttp": ["aiohttp"]}
    shared = doctor_machine.packages(owners)
    assert (shared.state, shared.words) == (State.BAD, "'channels' belongs to channels too")
    elsewhere = doctor_machine.packages({}, {"router": Path("/opt/other"), "desk": None})
    assert elsewhere.words == "'router' is read from /opt/other; 'desk' is not installed"


def test_a_distribution_that_brings_a_room_of_our_name_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Django's `channels` would be, installed beside us: whichever came last, some of the files are not ours."""
    told = tmp_path / "channels-4.3.1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: channels\nVersion: 4.3.1\n")
    (told / "top_level.txt").write_text("channels\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert doctor_machine.packages().words == "'channels' belongs to channels too"


@pytest.mark.parametrize(
    ("version", "state"),
    [("2026a", "ok"), ("2025c", "ok"), ("2025a", "warn"), ("2019z", "warn"), ("none is set", "warn"), ("", "warn")],
)
def test_time_zone_data_grows_old(version: str, state: str) -> None:
    assert doctor_machine.zones(date(2026, 11, 1), version).state.value == state


def test_the_systems_time_zone_data_wins_over_the_packages(tmp_path: Path) -> None:
    system, bare = tmp_path / "system", tmp_path / "bare"
    for folder in (system, bare):
        folder.mkdir()
        (folder / "UTC").write_bytes(b"TZif")
    (system / "tzdata.zi").write_text("# version 2031c\nR d 1916\n")
    seen = doctor_machine._version_in_use
    assert seen([str(tmp_path / "none"), str(system), str(bare)]) == "2031c"
    assert seen([str(bare)]) == "none is set"
    assert doctor_machine.zones(date(2026, 1, 1), seen([])).state is State.OK


def test_a_folder_that_is_there_or_can_be_made_is_fine_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new" / "deep"):
        assert doctor_machine.folder("attachments", folder).state is State.OK
        refusing = doctor_machine.folder("attachments", folder, keep_free=1 << 60)
        assert (refusing.state, "keep_free" in refusing.words) == (State.BAD, True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (Path("/proc/huntgroup"), tmp_path / "file" / "below"):
        assert doctor_machine.folder("attachments", path).state is State.BAD


def test_a_disk_that_fills_up_is_told_before_it_is_full(tmp_path: Path) -> None:
    free = (2 * 1024**3, 500 * 1024**2, 50 * 1024**2)
    assert [doctor_machine._free_space("attachments", tmp_path, one).state.value for one in free] == [
        "ok",
        "warn",
        "bad",
    ]


# -- the memory --------------------------------------------------------------------------------------------------------


def states(findings: Any) -> dict[str, str]:
    return {one.name: one.state.value for one in findings}


async def test_a_sqlite_file_is_looked_at_and_left_as_it_is(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "huntgroup.db"
    before = path.read_bytes()
    found = await doctor_memory.database(sqlite_url, FakeClock())
    assert states(found) == {"database": "ok", "schema": "ok"}
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (before, ["huntgroup.db"])


async def test_a_sqlite_file_that_a_house_holds_open_is_read_as_it_is(sqlite_url: str, tmp_path: Path) -> None:
    """What was committed last may stand beside the file only."""
    with closing(sqlite3.connect(tmp_path / "huntgroup.db")) as house:
        house.execute("PRAGMA journal_mode = WAL")
        house.execute("UPDATE alembic_version SET version_num = '0001'")
        house.commit()
        found = await doctor_memory.database(sqlite_url, FakeClock())
    assert found[1].words.startswith("at 0001: ")


async def test_before_the_first_start_there_is_no_file_and_none_is_made(tmp_path: Path) -> None:
    found = await doctor_memory.database(f"sqlite:///{tmp_path}/new.db", FakeClock())
    assert (states(found), list(tmp_path.iterdir())) == ({"database": "ok"}, [])


async def test_a_file_that_is_no_database_or_has_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "words.db").write_text("no database at all " * 100)
    for path in (tmp_path / "words.db", tmp_path / "none" / "new.db", Path("/proc/new.db")):
        assert states(await doctor_memory.database(f"sqlite:///{path}", FakeClock())) == {"database": "bad"}


def test_a_schema_is_told_by_where_it_stands() -> None:
    served = {
        one: doctor_memory.schema(SchemaState(one), is_embedded=False).state.value for one in (None, "0001", "9999")
    }
    embedded = {
        one: doctor_memory.schema(SchemaState(one), is_embedded=True).state.value for one in (None, "0001", "9999")
    }
    assert served == {None: "bad", "0001": "bad", "9999": "bad"}
    assert embedded == {None: "warn", "0001": "warn", "9999": "bad"}
    assert doctor_memory.schema(SchemaState(head_revision()), is_embedded=False).state is State.OK
    assert doctor_memory.schema(SchemaState(OLDEST), is_embedded=False).state is State.WARN
    assert doctor_memory.schema(SchemaState("9999", head_revision()), is_embedded=False).state is State.OK


async def test_a_postgresql_that_forgets_what_it_committed_is_told(postgres: Postgres, postgres_url: str) -> None:
    """The server of the tests is one: it is quick, and not to be trusted with messages."""
    database = postgres_url.split("/")[3].partition("?")[0]
    await asyncio.to_thread(postgres.run, f"ALTER DATABASE {database} SET synchronous_commit = off")
    found = {one.name: one for one in await doctor_memory.database(postgres_url, SystemClock())}
    assert states(found.values()) == {"database": "ok", "schema": "ok", "durability": "bad", "clock": "ok"}
    assert found["durability"].words.endswith("synchronous_commit is off")


async def test_an_empty_database_and_one_that_is_not_there_are_told(postgres: Postgres) -> None:
    empty = await asyncio.to_thread(postgres.create)
    found = await doctor_memory.database(empty, SystemClock())
    await asyncio.to_thread(postgres.drop, empty)
    assert states(found) | {"durability": ""} == {"database": "ok", "schema": "bad", "durability": "", "clock": "ok"}
    assert states(await doctor_memory.database(empty, SystemClock())) == {"database": "bad"}


async def test_a_server_that_nobody_runs_is_told_without_a_password() -> None:
    nobody = f"postgresql://anna:hidden@127.0.0.1:{free_port()}/huntgroup"
    (found,) = await doctor_memory.database(nobody, SystemClock())
    assert found.state is State.BAD
    assert "hidden" not in str(found)


class Behind(SystemClock):
    """A machine whose clock is wrong."""

    def __init__(self, span: timedelta) -> None:
        self._span = span

    def now(self) -> datetime:
        return super().now() - self._span


@pytest.mark.parametrize(("seconds", "words"), [(60, "60.0 s ahead of"), (-60, "60.0 s behind")])
async def test_a_clock_that_goes_wrong_is_told(postgres_url: str, seconds: int, words: str) -> None:
    found = await doctor_memory.database(postgres_url, Behind(timedelta(seconds=seconds)))
    assert (found[-1].name, found[-1].state) == ("clock", State.BAD)
    assert found[-1].words.startswith("the database's clock is ")
    assert words[3:] in found[-1].words


def test_a_little_is_forgiven_a_clock_and_a_little_more_is_a_warning() -> None:
    apart = (0.0, 0.4, -0.6, 0.9, -1.1)
    assert [doctor_memory.clocks(timedelta(seconds=one)).state.value for one in apart] == [
        "ok", "ok", "warn", "warn", "bad",
    ]  # fmt: skip


@pytest.mark.parametrize("lax", [{"fsync": False}, {"full_page_writes": False}, {"synchronous_commit": "off"}])
def test_every_way_to_lose_a_commit_is_bad(lax: dict[str, Any]) -> None:
    assert doctor_memory.durability(FINE).state is State.OK
    found = doctor_memory.durability(Server(**{**_fields(FINE), **lax}))
    assert (found.state, found.words) == (State.BAD, f"{next(iter(lax))} is off")


def _fields(server: Server) -> dict[str, Any]:
    return {name: getattr(server, name) for name in Server.__dataclass_fields__}


@pytest.mark.parametrize(("wrong", "words"), [({"read_only": True}, "standby"), ({"encoding": "LATIN1"}, "LATIN1")])
def test_a_server_that_cannot_keep_everybodys_words_is_bad(wrong: dict[str, Any], words: str) -> None:
    assert doctor_memory._answers(FINE).state is State.OK
    found = doctor_memory._answers(Server(**{**_fields(FINE), **wrong}))
    assert (found.state, words in found.words) == (State.BAD, True)


async def test_a_server_with_room_for_our_nodes_is_distinguished_from_a_full_one(postgres_url: str) -> None:
    service = Service(database=postgres_url, signals="postgres")
    (found,) = await connections(service)
    assert found.state is State.OK
    assert found.words == (
        "a node opens up to 13 (8 + 4 in the pool, 1 for hints), the server takes 197 of us: place for nodes 15, connected 1"
    )
    small = ConnectionLimits(usable=26, pooled=13, listening=1)
    assert (limit(service, small).state, "place for nodes 1, connected 2" in limit(service, small).words) == (
        State.WARN,
        True,
    )
    assert limit(Service(database=postgres_url, pool_size=4, pool_overflow=4), small).state is State.OK
    assert await connections(Service()) == []


async def test_the_limit_of_a_role_or_a_database_counts_too(postgres: Postgres, postgres_url: str) -> None:
    database = postgres_url.split("/")[3].partition("?")[0]
    await asyncio.to_thread(postgres.run, f"ALTER DATABASE {database} CONNECTION LIMIT 20")
    assert (await connection_limits(postgres_url)).usable == 20


async def test_nodes_that_can_wake_one_another_are_told_from_those_that_cannot(postgres_url: str) -> None:
    port = free_port()
    with nats_server(port, "--user", "anna", "--pass", "right"):
        (refused,) = await doctor_memory.signals(Service(signals=f"nats://anna:hidden@127.0.0.1:{port}"))
        assert (refused.state, refused.words) == (State.BAD, "NATS: our credentials are refused")
        through = Service(signals=f"nats://anna:right@127.0.0.1:{port}")
        assert states(await doctor_memory.signals(through)) == {"signals": "ok"}
    (gone,) = await doctor_memory.signals(Service(signals=f"nats://anna:hidden@127.0.0.1:{port}"))
    assert (gone.state, gone.words) == (State.BAD, "NATS: nothing answers there")
    over = Service(signals="postgres", database=postgres_url)
    assert states(await doctor_memory.signals(over)) == {"signals": "ok"}
    assert states(await doctor_memory.signals(Service(signals="postgres"))) == {"signals": "bad"}
    assert states(await doctor_memory.signals(Service())) == {"signals": "skipped"}


# -- accounts ----------------------------------------------------------------------------------------------------------


class Playing:
    """An account whose provider says one thing."""

    name = "account"

    def __init__(self, said: str | ChannelError | None, *, stays_silent: bool = False) -> None:
        self._said = said
        self._stays_silent = stays_silent
        self.stopped = False

    async def prove(self) -> str | None:
        if self._stays_silent:
            await asyncio.Event().wait()
        if isinstance(self._said, ChannelError):
            raise self._said
        return self._said

    async def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        ("it knows us", "ok", "it knows us"),
        (None, "skipped", "nothing can be asked of it without an effect"),
        (RateLimited("429", retry_after=timedelta(seconds=7)), "warn", "slowed by the provider: 429"),
        (PermanentFailure("the certificate is not trusted", code="certificate"), "bad", "refused: the certificate"),
        (TransientFailure("could not connect: OSError"), "bad", "could not connect: OSError"),
    ],
)
async def test_what_a_provider_says_becomes_words(said: Any, state: str, words: str) -> None:
    account: Any = Playing(said)
    found = await doctor_channels.account(account)
    assert (found.name, found.state.value, found.words.startswith(words)) == ("channel account", state, True)
    assert bool(found.advice) == (state in ("warn", "bad"))
    assert account.stopped


async def test_a_provider_that_says_nothing_is_not_waited_for() -> None:
    account: Any = Playing(None, stays_silent=True)
    found = await doctor_channels.account(account, patience=0.01)
    assert (found.state, found.words, account.stopped) == (State.BAD, "no answer within 0.01 seconds", True)


def built(kind: str, **settings: object) -> Channel:
    return kinds.create_of(kind)(kind, settings, Bench(clock=FakeClock()).tools())


def test_an_address_is_needed_by_whoever_is_called() -> None:
    token = "123456789:TESTtoken_of-the-fake-Bot-API-0001"
    inside = {"mail": built("email", address="a@b.example", smtp="smtp+plain://127.0.0.1:1")}
    inside |= {"site": built("webchat", origins=["http://127.0.0.1:1"]), "bot": built("telegram", token=token)}
    hooked = built("telegram", token=token, mode="webhook", secret="a-secret_for-the-webhook")
    outside = inside | {"phone": built("callback"), "bot": hooked}
    told = doctor_channels.public_address
    assert told(None, inside).state is State.SKIPPED
    assert (told(None, outside).state, "bot, phone" in told(None, outside).words) == (State.BAD, True)
    assert told("https://help.wallet.example", outside).state is State.OK
    assert told("http://127.0.0.1:8080", outside).state is State.OK
    assert told("http://help.wallet.example", outside).state is State.WARN


async def test_a_webhook_is_resolved_and_not_called() -> None:
    clock = FakeClock()
    async with provider() as playing, OutgoingHttp(clock) as http:
        found = [
            await doctor_channels.webhook("duty", playing.url, http, signed=True),
            await doctor_channels.webhook("duty", playing.url, http, signed=False),
            await doctor_channels.webhook("duty", "https://user@wallet.test/", http, signed=True),
            await doctor_channels.webhook("duty", "http://nobody.invalid/", http, signed=True),
        ]
        assert playing.seen == []
    assert [one.state.value for one in found] == ["ok", "bad", "bad", "bad"]


async def test_the_guarded_door_tells_where_it_would_not_go() -> None:
    async with OutgoingHttp(FakeClock(), resolver=Told("10.0.0.1")) as http:
        await http.resolve("https://wallet.example/", trusted=True)
        for url in ("https://wallet.example/", "http://127.0.0.1/"):
            with pytest.raises(PermanentFailure) as caught:
                await http.resolve(url, trusted=False)
            assert caught.value.code == "address_refused"


# -- the command -------------------------------------------------------------------------------------------------------


def written(folder: Path, *, service: str = "", more: str = "") -> Path:
    path = folder / "config.toml"
    place = f'[service]\nattachments = "{folder / "files"}"\n'
    path.write_text(f"{place}{service}\n{GOOD}{more}")
    return path


async def doctored(path: Path, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["--config", str(path), "doctor", *arguments])


def mail(imap: int, smtp: int, password: str) -> str:
    return (
        '[channels.mail]\nkind = "email"\naddress = "help@wallet.example"\n'
        f'imap = "imap+plain://{USER}@127.0.0.1:{imap}"\nsmtp = "smtp+plain://127.0.0.1:{smtp}"\n'
        f'password = {{ env = "{password}" }}\nsigning_key = {{ env = "RIGHT" }}\nbelieve_senders = true\n'
    )


async def test_a_house_that_is_whole_is_told_so_and_nothing_is_changed(
    tmp_path: Path, sqlite_url: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHT", PASSWORD)
    monkeypatch.setattr(doctor_machine, "_OLD", timedelta(days=36_500))  # of this machine's zones is not asked here
    service = f'database = "{sqlite_url}"\npublic_url = "https://wallet.example"\n'
    async with mailbox() as box, post_office() as office:
        path = written(tmp_path, service=service, more=mail(box.port, office.port, "RIGHT"))
        before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
        code, told = await doctored(path, "--json"), json.loads(capsys.readouterr().out)
    assert {one["name"]: one["state"] for one in told["findings"]} == {
        "configuration": "ok", "python": "ok", "packages": "ok", "time zones": "ok", "database": "ok", "schema": "ok",
        "signals": "skipped", "attachments": "ok", "public_url": "ok", "channel site": "skipped", "channel mail": "ok",
    }  # fmt: skip
    assert (code, told["ok"]) == (0, True)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


async def test_one_wrong_password_is_told_in_words_without_it(
    tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIGHT", PASSWORD)
    monkeypatch.setenv("WRONG", "the wrong password")
    async with mailbox() as box, post_office() as office:
        path = written(tmp_path, more=mail(box.port, office.port, "WRONG"))
        code, told = await doctored(path, "--channel", "mail"), capsys.readouterr().out
    lines = told.splitlines()
    assert code == 1
    assert [line[:8].strip() for line in lines[:3]] == ["ok", "bad", ""]
    assert lines[1].startswith("bad     channel mail: ")
    assert "the credentials they name" in lines[2]
    assert lines[-1].endswith("1 ok, 1 bad")
    assert not any(secret in told for secret in ("the wrong password", PASSWORD))


async def test_a_configuration_with_faults_ends_there(tmp_path: Path, capsys: Printed) -> None:
    path = written(tmp_path, more='[queues.cards]\nhours = "never-written"\n')
    assert await doctored(path) == 2
    told = capsys.readouterr()
    assert (told.out, "config.toml:" in told.err) == ("", True)
    assert await doctored(path, "--json") == 2
    faulty = json.loads(capsys.readouterr().out)
    assert (faulty["ok"], faulty["findings"], len(faulty["faults"])) == (False, [], 1)


async def test_an_account_that_does_not_exist_is_wrong_usage(tmp_path: Path, capsys: Printed) -> None:
    assert await doctored(written(tmp_path), "--channel", "sit") == 2
    assert capsys.readouterr().err == "huntgroup doctor: there is no account 'sit', did you mean 'site'?\n"


async def test_a_check_that_falls_is_a_finding_and_the_others_are_told() -> None:
    async def falls() -> Any:
        raise RuntimeError("with a secret in its words")

    (found,) = await doctor._within_reason("channel x", falls)
    assert (found.state, found.words) == (State.BAD, "this check fell with RuntimeError")


def test_what_others_said_stays_one_line_and_commands_no_terminal() -> None:
    told = Finding(name="channel x", state=State.OK, words="hello\x1b[2J\nbad     forged: line\u202e")
    assert str(told) == "ok      channel x: hello [2J bad forged: line"
    assert len(one_line("word " * 1000)) <= 300


def test_only_what_is_bad_keeps_a_house_from_being_whole() -> None:
    assert is_whole([ok("a", ""), warn("b", "", ""), skipped("c", "")])
    assert not is_whole([ok("a", ""), bad("b", "", "")])
