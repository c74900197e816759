"""A mailbox on its bad days: dropped, hung, renumbered, flooded, read by others. Each mail once, and soon."""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import trustme

from channels.email import create
from channels.email.account import EmailAccount
from channels.email.credentials import Password
from channels.email.imap import connection as imap
from channels.email.imap.connection import Connection
from channels.email.imap.folder_names import encoded, quoted
from channels.email.mime.parsed_mail import Letter
from channels.email.normalize import letter
from channels.email.parser_process import Reader
from channels.email.settings import Server, Tls
from channels.supervisor import Supervisor
from conversation.errors import ChannelMisconfigured, StoreUnavailable, TransientFailure
from conversation.model.message import Accepted, InboundEvent, Malformed, MessageReceived
from tests.channels.email.scripted import Dropped, ScriptedImap, Session, scripted_imap
from tests.channels.email.test_account import SETTINGS
from tests.contracts.tools import Bench, FakeState
from tests.fakes import FakeClock, FakeInbox
from tests.mailservers import PASSWORD, USER, mailbox

CALL = imap.CALL  # in earnest


def raw(number: int, text: str = "hello") -> bytes:
    return (
        f"From: anna{number % 7}@example.org\r\nSubject: {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\n{text}\r\n"
    ).encode()


class Kept(FakeState):
    """The cursor that was committed last, and a lease that somebody else may hold."""

    def __init__(self, inbox: "Store") -> None:
        self.inbox = inbox
        self.free = True

    async def cursor(self) -> Mapping[str, object] | None:
        return self.inbox.cursors[-1] if self.inbox.cursors else None

    async def lease(self, name: str, owner: str, span: Any) -> int | None:
        return 1 if self.free else None


class Store(FakeInbox):
    """Stores a mail once, under its id, as the house does; `fault` may refuse.

    Two ids for one mail would show as two mails: that a mail keeps its id is what the tests here are about.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stored: dict[str, bytes] = {}
        self.offered = 0
        self.fault: Callable[[], None] = lambda: None
        self.changed = asyncio.Event()

    async def accept(
        self, events: Sequence[InboundEvent], *, cursor: Mapping[str, object] | None = None
    ) -> list[Accepted]:
        self.fault()
        self.offered += len(events)
        accepted = await super().accept(events, cursor=cursor)
        for event in events:
            if isinstance(event, MessageReceived):
                self.stored.setdefault(event.external_id, event.raw)
        self.changed.set()
        return accepted

    async def holds(self, number: int, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while len(self.stored) < number:
                self.changed.clear()
                await self.changed.wait()

    @property
    def numbers(self) -> list[int]:
        """In the order of arrival, repeats left out."""
        return [int(name.partition("@")[0]) for name in self.stored]


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def reading(
    server: ScriptedImap, store: Store, *, idle: float = 0.3, **changed: Any
) -> AsyncIterator[EmailAccount]:
    """A supervised account on this server; restarts come at once."""
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}", **changed}
    given.pop("smtp")
    account = create("mail", given, Bench(clock=FakeClock()).tools(state=Kept(store)))
    account._idle = idle

    async def soon(_: float) -> None:
        await asyncio.sleep(0.01)

    supervisor = Supervisor([account], store, FakeClock(), sleep=soon)
    task = asyncio.ensure_future(supervisor.run())
    try:
        yield account
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def server() -> AsyncIterator[ScriptedImap]:
    async with scripted_imap() as playing:
        yield playing


@pytest.fixture(autouse=True)
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail is read without a process of its own: a second saved at each start. The journey and test_parsing have it."""

    async def read(_: Reader, raw: bytes) -> Letter:
        return letter(raw)

    monkeypatch.setattr(Reader, "letter", read)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that hang are given up sooner than in earnest."""
    monkeypatch.setattr("channels.email.imap.connection.CALL", 1.0)
    monkeypatch.setattr("channels.email.imap.connection.FETCH", 2.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    """Where the server is a real one, in a process of its own, and others use the machine."""
    monkeypatch.setattr("channels.email.imap.connection.CALL", CALL)


# -- what must hold ----------------------------------------------------------------------------------------------------


async def test_a_backlog_is_read_oldest_first_and_new_mail_at_once(server: ScriptedImap) -> None:
    for number in range(230):
        server.add(raw(number))
    store = Store()
    async with reading(server, store):
        await store.holds(230)
        assert store.numbers == list(range(230))
        server.add(raw(230))
        await store.holds(231, seconds=5)
    widest = max(len(one.split()[2].split(",")) for one in server.commands if one.startswith("UID FETCH"))
    assert widest <= 100
    assert not [one for one in server.commands if "BODY[" in one.replace("BODY.PEEK", "") or "STORE" in one]
    assert store.cursors[-1] == {"folder": "INBOX", "uidvalidity": 1, "uid": 231}


async def test_after_a_restart_only_what_is_new_is_fetched(server: ScriptedImap) -> None:
    store = Store()
    for number in range(5):
        server.add(raw(number))
    async with reading(server, store):
        await store.holds(5)
    server.commands.clear()
    for number in range(5, 8):
        server.add(raw(number))
    async with reading(server, store):
        await store.holds(8)
    assert [one for one in server.commands if "BODY" in one] == ["UID FETCH 6,7,8 (UID BODY.PEEK[])"]
    assert store.offered == 8


async def test_new_numbers_lose_nothing_and_store_nothing_twice(server: ScriptedImap) -> None:
    store = Store()
    for number in range(10):
        server.add(raw(number))
    async with reading(server, store):
        await store.holds(10)
        for validity in range(2, 7):
            server.renumber(validity)
            server.add(raw(100 + validity))

            def cut(session: Session, command: str) -> None:
                server.fault = lambda _session, _command: None
                raise Dropped

            server.fault = cut
            await store.holds(9 + validity)
    assert sorted(store.numbers) == [*range(10), *range(102, 107)]
    assert sorted(store.stored.values()) == sorted(server.mails.values())
    assert store.offered > len(store.stored)  # they came again, under other numbers, and were known


@pytest.mark.slow
async def test_dropped_at_random_each_mail_arrives_once(server: ScriptedImap) -> None:
    chance = random.Random(5)
    drops = 0

    def fault(session: Session, command: str) -> None:
        nonlocal drops
        if drops < 60 and chance.random() < 0.12:
            drops += 1
            raise Dropped

    server.fault = fault
    store = Store()
    async with reading(server, store, idle=0.05):
        for number in range(400):
            server.add(raw(number))
            if number % 20 == 0:
                await asyncio.sleep(0.02)
        await store.holds(400, seconds=60)
    assert sorted(store.numbers) == list(range(400))
    assert sorted(store.stored.values()) == sorted(server.mails.values())
    assert drops >= 20


@pytest.mark.slow
@pytest.mark.parametrize("command", ["CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "IDLE"])
async def test_a_server_that_hangs_is_left(server: ScriptedImap, command: str) -> None:
    server.add(raw(1))
    hung = 0

    def fault(session: Session, at: str) -> None:
        nonlocal hung
        if at == command and hung < 1:
            hung += 1
            session.hung = True

    server.fault = fault
    store = Store()
    async with reading(server, store):
        await store.holds(1, seconds=15)
        async with asyncio.timeout(60):
            while not hung:
                await asyncio.sleep(0.01)
        server.add(raw(2))
        await store.holds(2, seconds=15)
    assert hung == 1


async def test_a_goodbye_during_idle_is_noticed(server: ScriptedImap) -> None:
    said = 0

    def fault(session: Session, command: str) -> None:
        nonlocal said
        if command == "IDLING" and said == 0:
            said += 1
            session.say("* BYE restarting")

    server.fault = fault
    store = Store()
    async with reading(server, store, idle=30):
        async with asyncio.timeout(60):
            while "IDLE" not in server.commands:
                await asyncio.sleep(0.01)
        server.add(raw(1))
        await store.holds(1, seconds=10)
    assert server.sessions >= 2


async def test_five_thousand_lines_at_once_are_taken(server: ScriptedImap) -> None:
    def fault(session: Session, command: str) -> None:
        if command == "UID FETCH":
            session.say(*[f"* {place} FETCH (FLAGS (\\Seen))" for place in range(1, 5001)])

    server.fault = fault
    server.add(raw(1))
    store = Store()
    async with reading(server, store):
        await store.holds(1, seconds=10)
    assert server.sessions == 1


async def test_a_literal_larger_than_asked_for_ends_the_connection_not_the_memory(server: ScriptedImap) -> None:
    flooded = 0

    def fault(session: Session, command: str) -> None:
        nonlocal flooded
        if command.startswith("LITERAL") and flooded == 0:
            flooded += 1
            session.writer.write(b"* 1 FETCH (UID 1 BODY[] {9999999999}\r\n" + b"x" * 6_000_000)

    server.fault = fault
    server.add(raw(1))
    store = Store()
    async with reading(server, store):
        await store.holds(1, seconds=20)
    assert server.sessions == 2


async def test_a_mail_that_somebody_deletes_meanwhile_keeps_nobody_waiting(server: ScriptedImap) -> None:
    def fault(session: Session, command: str) -> None:
        if command == "UID FETCH":
            server.mails.pop(2, None)

    server.fault = fault
    for number in range(4):
        server.add(raw(number))
    store = Store()
    async with reading(server, store):
        await store.holds(3)
    assert store.numbers == [0, 2, 3]


async def test_one_mail_that_cannot_be_read_is_put_aside_and_the_next_flows(server: ScriptedImap) -> None:
    server.add(raw(0))
    server.add(b"\r\nno header at all\r\n")
    server.add(raw(2))
    store = Store()
    async with reading(server, store):
        await store.holds(2)
    aside = [event for event in store.events if isinstance(event, Malformed)]
    assert [(event.raw, event.code) for event in aside] == [(b"\r\nno header at all\r\n", "no_header")]
    assert store.cursors[-1]["uid"] == 3


@pytest.mark.parametrize("words", ["NO [SERVERBUG] cannot read it", "BAD internal error"])
async def test_a_mail_that_the_server_will_not_give_out_is_passed_and_asked_for_again(
    server: ScriptedImap, words: str
) -> None:
    for number in range(5):
        server.add(raw(number))
    server.refused[3] = words
    store = Store()
    counted = Counter[str]()
    async with reading(server, store) as account:
        account.tools = replace(account.tools, count=lambda event, amount=1, /: counted.update({event: amount}))
        await store.holds(4)
        await until(lambda: "read up to number 5" in account.status_text())
    assert counted == {"received": 4, "passed_over": 1}
    (noted,) = [event for event in store.events if isinstance(event, Malformed)]
    assert (noted.code, b"UID 3" in noted.raw, words.partition(" ")[2] in noted.reason) == ("not_given", True, True)
    assert store.numbers == [0, 1, 3, 4]
    assert store.cursors[-1] == {"folder": "INBOX", "uidvalidity": 1, "uid": 5, "passed": [3]}
    assert server.sessions == 1
    server.refused.clear()
    async with reading(server, store):
        await store.holds(5)
    assert store.numbers == [0, 1, 3, 4, 2]
    assert store.cursors[-1] == {"folder": "INBOX", "uidvalidity": 1, "uid": 5}
    assert len([event for event in store.events if isinstance(event, Malformed)]) == 1


@pytest.mark.parametrize("told", ["", "* 2 FETCH (UID 2)"])
async def test_a_mail_that_an_ok_answer_leaves_out_is_not_passed_in_silence(server: ScriptedImap, told: str) -> None:
    for number in range(3):
        server.add(raw(number))
    server.withheld[2] = told
    store = Store()
    async with reading(server, store):
        await store.holds(2)
        await until(lambda: bool(store.cursors) and store.cursors[-1].get("passed") == [2])
    assert [event.code for event in store.events if isinstance(event, Malformed)] == ["not_given"]
    assert store.numbers == [0, 2]


@pytest.mark.parametrize(
    ("told", "held"),
    [('* 1 FETCH (UID 1 BODY[] "a \\"b\\" {5}")', b'a "b" {5}'), ("* 1 FETCH (BODY[] NIL UID 1)", b"")],
)
async def test_a_mail_so_short_that_it_is_no_literal_is_read(server: ScriptedImap, told: str, held: bytes) -> None:
    server.add(raw(0))
    server.withheld[1] = told
    store = Store()
    async with reading(server, store):
        await until(lambda: bool(store.cursors))
    assert [event.raw for event in store.events if isinstance(event, Malformed)] == [held]
    assert "passed" not in store.cursors[-1]


async def test_a_mailbox_that_gives_out_nothing_is_not_passed(
    server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.imap.mailbox.MOST_PASSED", 3)
    for number in range(6):
        server.add(raw(number))
        server.refused[number + 1] = "NO [UNAVAILABLE] later"
    store = Store()
    cursors: list[int] = []

    def relent(session: Session, command: str) -> None:
        """Between two connections: what was passed in one that goes on is asked for an hour later."""
        if command == "LOGIN" and server.sessions > 2 and server.refused:
            cursors.append(len(store.cursors))
            server.refused.clear()

    server.fault = relent
    async with reading(server, store):
        await store.holds(6)
    assert store.numbers == list(range(6))
    assert cursors == [0]


class Counting(Kept):
    """How often the lease was renewed."""

    renewed = 0

    async def lease(self, name: str, owner: str, span: Any) -> int | None:
        self.renewed += 1
        return await super().lease(name, owner, span)


async def test_the_lease_is_renewed_while_a_mail_takes_long_and_who_loses_it_stops_at_once(
    server: ScriptedImap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.imap.mailbox.LEASE", timedelta(seconds=0.3))
    monkeypatch.setattr("channels.email.imap.connection.FETCH", 30.0)

    def hang(session: Session, command: str) -> None:
        session.hung = command == "UID FETCH"

    server.fault = hang
    server.add(raw(1))
    store = Store()
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    state = Counting(store)
    account = create("mail", given, Bench(clock=FakeClock()).tools(state=state))
    listening = asyncio.ensure_future(account.listen(store))
    await until(lambda: "UID FETCH 1 (UID RFC822.SIZE)" in server.commands)
    held = state.renewed
    await until(lambda: state.renewed >= held + 3)
    state.free = False
    with pytest.raises(TransientFailure, match="another node"):
        await asyncio.wait_for(listening, 60)
    await account.stop()


async def test_of_a_mail_that_is_too_large_the_beginning_is_read(server: ScriptedImap) -> None:
    server.add(raw(0, "x" * 50_000))
    server.add(raw(1))
    store = Store()
    async with reading(server, store, message_bytes=20_000):
        await store.holds(2)
    assert any("BODY.PEEK[]<0." in one for one in server.commands)
    assert [event.code for event in store.events if isinstance(event, Malformed)] == ["too_large"]


async def test_nothing_counts_as_read_while_the_store_fails(server: ScriptedImap) -> None:
    refusals = 3

    def fault() -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise StoreUnavailable("gone")

    store = Store()
    store.fault = fault
    server.add(raw(1))
    async with reading(server, store):
        await store.holds(1)
    assert refusals == 0
    assert len(store.cursors) == 1


async def test_a_node_without_the_lease_does_not_read(server: ScriptedImap) -> None:
    store = Store()
    server.add(raw(1))
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    state = Kept(store)
    account = create("mail", given, Bench(clock=FakeClock()).tools(state=state))
    state.free = False
    listening = asyncio.ensure_future(account.listen(store))
    async with asyncio.timeout(60):
        while account.status_text() != "another node reads this mailbox":
            await asyncio.sleep(0.01)
    assert server.sessions == 0
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def test_who_stops_lets_the_next_one_read_at_once(server: ScriptedImap) -> None:
    held: set[str] = set()

    class One(Kept):
        async def lease(self, name: str, owner: str, span: Any) -> int | None:
            held.update({owner} if not held else ())
            return 1 if owner in held else None

        async def release(self, name: str, owner: str) -> None:
            held.discard(owner)

    store = Store()
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    for number in (1, 2):
        account = create("mail", given, Bench(clock=FakeClock()).tools(state=One(store)))
        server.add(raw(number))
        listening = asyncio.ensure_future(account.listen(store))
        await store.holds(number, seconds=10)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await account.stop()
        assert held == set()


async def test_who_loses_the_lease_stops_reading(server: ScriptedImap) -> None:
    store = Store()
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    state = Kept(store)
    account = create("mail", given, Bench(clock=FakeClock()).tools(state=state))
    account._idle = 0.1
    server.add(raw(1))
    listening = asyncio.ensure_future(account.listen(store))
    await store.holds(1)
    state.free = False
    with pytest.raises(TransientFailure, match="another node"):
        await asyncio.wait_for(listening, 60)
    await account.stop()


async def test_how_far_it_is_read_is_told(server: ScriptedImap) -> None:
    store = Store()
    server.add(raw(1))
    async with reading(server, store) as account:
        await store.holds(1)
        async with asyncio.timeout(60):
            while "read up to number 1" not in account.status_text():
                await asyncio.sleep(0.01)


async def test_how_long_a_mailbox_has_not_been_read_is_told_up_or_down(server: ScriptedImap) -> None:
    store, clock = Store(), FakeClock()
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    state = Kept(store)
    account = create("mail", given, Bench(clock=clock).tools(state=state))
    account._idle = 30
    clock.advance(timedelta(minutes=10))
    assert account.lag() == 600  # nothing was ever read
    server.add(raw(1))
    listening = asyncio.ensure_future(account.listen(store))
    async with asyncio.timeout(60):
        while "IDLE" not in server.commands:
            await asyncio.sleep(0.01)
    assert account.lag() == 0
    await account._let_go()
    with pytest.raises(TransientFailure):
        await asyncio.wait_for(listening, 60)
    clock.advance(timedelta(minutes=7))
    assert account.lag() == 420  # the server is away
    state.free = False
    waiting = asyncio.ensure_future(account.listen(store))
    await asyncio.sleep(0)
    assert account.lag() is None  # somebody else's to read
    waiting.cancel()
    await account.stop()


async def test_a_server_without_idle_is_asked_again_and_told_who_asks(server: ScriptedImap) -> None:
    """As QQ and NetEase have it: no pushes, and nobody may open a folder who did not say their name, in just this form."""
    server.capabilities = "IMAP4rev1 ID"
    store = Store()
    async with reading(server, store, idle=0.1):
        server.add(raw(1))
        await store.holds(1)
        server.add(raw(2))
        await store.holds(2)
    assert "IDLE" not in server.commands
    assert server.commands.index('ID ("name" "huntgroup" "version" "1")') < server.commands.index('SELECT "INBOX"')


# -- logging in, and names ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("patient")
async def test_a_wrong_password_stops_the_account() -> None:
    async with mailbox() as box:
        wrong = Password("wrong")
        with pytest.raises(ChannelMisconfigured, match="refused the login") as caught:
            await opened(box.port, wrong)
    assert "wrong" not in str(caught.value)


async def test_a_mailbox_that_was_read_before_names_refused_credentials_as_such(server: ScriptedImap) -> None:
    refuse = False

    def fault(session: Session, command: str) -> None:
        if refuse and command == "LOGIN":
            session.refused = True

    server.fault = fault
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    given.pop("smtp")
    account = create("mail", given, Bench(clock=FakeClock()).tools())
    await account.start()
    await account.stop()
    refuse = True
    with pytest.raises(ChannelMisconfigured) as caught:
        await account.start()
    assert caught.value.credentials  # the supervisor tries it again, soon and then more slowly
    await account.stop()


async def test_a_server_that_mail_cannot_leave_by_does_not_keep_mail_from_being_read(server: ScriptedImap) -> None:
    given = {**SETTINGS, "imap": f"imap+plain://mailbox@127.0.0.1:{server.port}"}
    account = create("mail", given, Bench(clock=FakeClock()).tools())
    await account.start()
    assert server.sessions == 1
    await account.stop()


@pytest.mark.usefixtures("patient")
async def test_what_is_stored_is_marked_and_moved_where_it_is_asked_for() -> None:
    async with mailbox() as box:
        for number in range(3):
            await box.deliver(raw(number))
        await box.do("create", "Stored")
        given = {
            **SETTINGS,
            "imap": f"imap+plain://{USER}@127.0.0.1:{box.port}",
            "archive": "Stored",
            "mark_seen": True,
        }
        given.pop("smtp")
        store = Store()
        account = create("mail", given, Bench(clock=FakeClock()).tools(state=Kept(store)))
        listening = asyncio.ensure_future(account.listen(store))
        await store.holds(3)
        async with asyncio.timeout(60):
            while len(await box.mails("Stored")) < 3:
                await asyncio.sleep(0.05)
        assert await box.mails() == []
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await account.stop()


async def test_certificates_are_verified() -> None:
    authority, others = trustme.CA(), trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    known, unknown = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(known)
    others.configure_trust(unknown)
    async with scripted_imap(ssl=served) as playing:
        server = Server(host="127.0.0.1", port=playing.port, tls=Tls.IMPLICIT, user=USER)
        connection = await Connection.open(server, "a@b.example", Password(PASSWORD), known)
        await connection.goodbye()
        with pytest.raises(ChannelMisconfigured, match="certificate"):
            await Connection.open(server, "a@b.example", Password(PASSWORD), unknown)


async def opened(port: int, password: Password) -> Connection:
    server = Server(host="127.0.0.1", port=port, tls=Tls.NONE, user=USER)
    return await Connection.open(server, "a@b.example", password, ssl.create_default_context())


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("INBOX", '"INBOX"'),
        ("My Folder", '"My Folder"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("R&D", '"R&-D"'),
        ("台北", '"&U,BTFw-"'),
        ("Entwürfe/2026", '"Entw&APw-rfe/2026"'),
    ],
)
def test_folder_names_are_written_as_servers_read_them(name: str, wire: str) -> None:
    assert quoted(name) == wire
    assert encoded(name).isascii()


# -- at length ---------------------------------------------------------------------------------------------------------


@dataclass
class BadDays:
    """Drops in every place, hangs, floods, literals without end, and colleagues who read the mail, at random."""

    server: ScriptedImap
    chance: random.Random
    down: bool = False
    drops: int = 0
    happened: Counter[str] = field(default_factory=Counter)

    def __call__(self, session: Session, command: str) -> None:
        if self.down:
            raise Dropped
        if self.drops >= 200:
            return
        kind = command.partition(" ")[0]
        if command.startswith("LITERAL") and self.chance.random() < 0.004:
            self.cut(session, int(command.split()[1]))
        elif kind == "IDLING" and not self.happened["dropped at IDLING"]:
            self.drop("dropped at IDLING")
        elif kind != "LITERAL" and self.chance.random() < 0.05:
            self.drop(f"dropped at {kind}")
        elif self.happened["hung"] < 5 and self.chance.random() < 0.01:
            self.happened["hung"] += 1
            session.hung = True
        elif command == "UID FETCH" and self.chance.random() < 0.05:
            self.happened["5,000 lines"] += 1
            session.say(*[f"* {place} FETCH (FLAGS (\\Seen))" for place in range(1, 5001)])
        elif command == "UID SEARCH" and self.chance.random() < 0.1:
            self.happened["read by a colleague"] += 1
            session.say("* 1 FETCH (FLAGS (\\Seen))", "* 2 FETCH (FLAGS (\\Seen \\Flagged))")

    def cut(self, session: Session, uid: int) -> None:
        """In the middle of a mail; now and then of one that was announced as endless."""
        raw = self.server.mails[uid]
        endless = self.chance.random() < 0.2
        size = 9_999_999_999 if endless else len(raw)
        session.writer.write(f"* 1 FETCH (UID {uid} BODY[] {{{size}}}\r\n".encode() + raw[: len(raw) // 2])
        if endless:
            session.writer.write(b"x" * 5_000_000)
        self.drop("literal without end" if endless else "dropped within a mail")

    def drop(self, how: str) -> None:
        self.happened[how] += 1
        self.drops += 1
        raise Dropped


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_ten_thousand_mails_through_two_hundred_drops_and_ten_new_numberings(server: ScriptedImap) -> None:
    """And a backlog of five thousand after an outage."""
    bad = BadDays(server, random.Random(3))
    server.fault = bad
    store, renumbered = Store(), 0
    async with reading(server, store, idle=0.05):
        for number in range(5_000):
            server.add(raw(number))
            if number % 500 == 499:
                renumbered += 1
                server.renumber(1 + renumbered)
            # slowly at first: later it has no time to idle
            await asyncio.sleep(0.002 if bad.happened["dropped at IDLING"] else 0.05)
        await store.holds(5_000, seconds=600)
        bad.down = True
        await asyncio.sleep(0.5)
        for number in range(5_000, 10_000):
            server.add(raw(number))
        bad.down = False
        began = asyncio.get_running_loop().time()
        await store.holds(5_001, seconds=60)
        first = asyncio.get_running_loop().time() - began
        await store.holds(10_000, seconds=600)
        whole = asyncio.get_running_loop().time() - began
        async with asyncio.timeout(300):  # a fast machine reads more at once, and has fewer calls that can fail by then
            while bad.drops < 200:
                await asyncio.sleep(0.05)
    print(f"\nfirst mail {first:.1f} s after the server's return, all 5,000 after {whole:.1f} s; {dict(bad.happened)}")
    assert sorted(store.numbers) == list(range(10_000))
    assert sorted(store.stored.values()) == sorted(server.mails.values())
    assert [number for number in store.numbers if number >= 5_000] == list(range(5_000, 10_000))
    assert (renumbered, bad.drops) == (10, 200)
    assert {"dropped within a mail", "literal without end", "dropped at IDLING", "hung", "5,000 lines"} <= set(
        bad.happened
    )


async def test_however_long_the_outage_the_next_mail_is_here_within_a_minute_of_its_end() -> None:
    pauses: list[float] = []
    over = asyncio.Event()

    async def slept(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 40:
            over.set()
        await asyncio.sleep(0)

    given = {**SETTINGS, "imap": "imap+plain://mailbox@127.0.0.1:9"}
    given.pop("smtp")
    account = create("mail", given, Bench(clock=FakeClock()).tools())
    supervisor = Supervisor([account], Store(), FakeClock(), sleep=slept, chance=lambda: 1.0)
    task = asyncio.ensure_future(supervisor.run())
    await asyncio.wait_for(over.wait(), 60)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert max(pauses) + CALL <= 50  # the longest pause, and a first try that hangs
