"""P3: mails of about 5 kB read and stored, against the standard library's parser alone and against it with a bare batch behind it."""

import email
import itertools
import re
import sqlite3
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from functools import partial
from pathlib import Path
from typing import Protocol

import asyncpg

from channels.email.arrivals import Account, arrival
from channels.email.normalize import letter
from channels.email.parser_process import Reader
from channels.email.thread_ids import Threads
from conversation.model.message import Attachment, InboundEvent
from ops.composition.account_files import StoredFiles
from ops.system_clock import SystemClock
from router.flows.active_rules import RulesInForce
from router.flows.intake.inbox import IntakeFlow
from router.understanding.language_detector import load_detector
from storage.messages.blobs import FolderBlobs
from storage.migration import upgrade
from storage.store import Store
from tests.bench import reference_postgres, reference_sqlite, stage
from tests.bench.ingest import cpu
from tests.bench.measure import Results, Span, Stopwatch, middle, ratio_of, steady
from tests.bench.workload import Plain, plain, waves

AT_ONCE = 100  # as many as a mailbox hands over together
_FIELDS = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References")
# the quotations that the references know
_QUOTED = re.compile(r"^(?:>.*|On .{10,200} wrote:)$", re.MULTILINE)
_ACCOUNT = Account(channel="app", threads=Threads(b"key", "help@wallet.example"))
_seeds = itertools.count(70_000)


def mails(rows: Sequence[Plain], *, answers: bool) -> list[bytes]:
    """As programs write them: both forms, the fields of three servers on the way; `answers` quote what they answer."""
    return [_mail(row, answers=answers) for row in rows]


def _mail(row: Plain, *, answers: bool) -> bytes:
    made = EmailMessage()
    for hop in range(3):
        made["Received"] = (
            f"from mx{hop}.example.org ([192.0.2.{hop}]) by mx.wallet.example with ESMTPS id {row.external_id}; "
            "Mon, 23 Nov 2026 10:00:00 +0000"
        )
    given = {"From": f"Anna <{row.address}@example.org>", "To": "help@wallet.example", "Subject": "Re: top up"}
    given |= {"Date": "Mon, 23 Nov 2026 10:00:00 +0000", "Message-ID": f"<{row.external_id}@example.org>"}
    given |= (
        {"References": "<a@wallet.example> <b@wallet.example>", "In-Reply-To": "<b@wallet.example>"} if answers else {}
    )
    for name, value in given.items():
        made[name] = value
    words = "\n\n".join([row.body] * 2)
    quoted = (
        "\n\nOn Mon, 23 Nov 2026 at 09:00, Support <help@wallet.example> wrote:\n> which amount?\n" if answers else ""
    )
    made.set_content(words + quoted, cte="8bit")
    made.add_alternative(f"<html><body><p>{words}</p><p>{quoted}</p></body></html>", subtype="html", cte="8bit")
    return made.as_bytes()


def bare(raw: bytes) -> str:
    """What the standard library is asked for: the tree, seven fields, every body decoded; the plain one without quotations."""
    found = email.message_from_bytes(raw)
    for name in _FIELDS:
        found[name]
    texts = [_text(part) for part in found.walk() if not part.is_multipart()]
    return _QUOTED.sub("", texts[0])


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode(part.get_content_charset("utf-8")) if isinstance(payload, bytes) else ""


async def p3(folder: Path, server: stage.Server, results: Results, *, quick: bool = False) -> None:
    """Parsing alone, then parsing and storing on both databases."""
    count = 400 if quick else 1_500
    await _parsing(results, count, rounds=3 if quick else 7)
    await _on_postgres(folder, server, results, count, rounds=3 if quick else 5)
    await _on_sqlite(folder, results, count, rounds=3 if quick else 5)


async def _parsing(results: Results, count: int, *, rounds: int) -> None:
    raws = mails(plain(count, seed=next(_seeds)), answers=True)
    results.say("a mail of P3", f"{sum(map(len, raws)) / count:,.0f} bytes")

    async def one() -> tuple[Span, ...]:
        with Stopwatch(count) as ours:
            for raw in raws:
                letter(raw)
        with Stopwatch(count) as theirs:
            for raw in raws:
                bare(raw)
        return ours.span, theirs.span

    found = await steady(one, rounds=rounds)
    mine, other = middle(found, 0, by=cpu), middle(found, 1, by=cpu)
    note = f"{1000 / mine:,.0f} mails/s a core with all that is read; the bare parser {1000 / other:,.0f}"
    results.at_most(
        "P3 reading a mail", mine, "CPU ms/mail", "the standard library's parser", ratio_of(found, 0, by=cpu), 1.6, note
    )


class Ours:
    """The way of a mail from its bytes to the commit: the reader's own process, what it means, files, the intake."""

    def __init__(self, reader: Reader, flow: IntakeFlow, files: StoredFiles) -> None:
        self._reader = reader
        self._flow = flow
        self._files = files

    async def pour(self, raws: Sequence[bytes]) -> None:
        for at in range(0, len(raws), AT_ONCE):
            events: list[InboundEvent] = []
            files: list[tuple[Attachment, bytes]] = []
            for raw in raws[at : at + AT_ONCE]:
                told = arrival(await self._reader.letter(raw), raw, _ACCOUNT, received_at=datetime.now(UTC))
                files.extend(told.files)
                events.extend(told.events)
            await self._files.keep(files)
            await self._flow.accept(events)

    async def timed(self, raws: Sequence[bytes], server: Sequence[int] = ()) -> Span:
        process = self._reader._process
        assert process is not None
        with Stopwatch(len(raws), server=[process.pid, *server]) as watch:
            await self.pour(raws)
        return watch.span


def _ours(store: Store, flow: IntakeFlow, folder: Path, reader: Reader) -> Ours:
    return Ours(reader, flow, StoredFiles(store, FolderBlobs(folder / "letters"), SystemClock(), "app"))


def _read_barely(rows: Sequence[Plain], raws: Sequence[bytes]) -> list[Plain]:
    return [replace(row, body=bare(raw)) for row, raw in zip(rows, raws, strict=True)]


async def _on_postgres(folder: Path, server: stage.Server, results: Results, count: int, *, rounds: int) -> None:
    url, other = await server.migrated(), await server.fresh()
    rules, reader = RulesInForce(stage.rulebook(1_000)), Reader()
    reference = await asyncpg.connect(other)
    await reference_postgres.make(reference)
    try:
        async with (
            stage.opened(url) as store,
            stage.intake(store, rules, load_detector(rules.rulebook.languages)) as flow,
        ):
            ours = _ours(store, flow, folder, reader)
            await ours.pour(mails(plain(200, seed=next(_seeds)), answers=False))

            async def one(*, answers: bool) -> tuple[Span, ...]:
                rows = plain(count, seed=next(_seeds))
                raws = mails(rows, answers=answers)
                with Stopwatch(count, server=[server.pid]) as theirs:
                    for batch in waves(_read_barely(rows, raws)):
                        await reference_postgres.store(reference, batch)
                return await ours.timed(raws, [server.pid]), theirs.span

            await _both(results, "PostgreSQL", one, rounds=rounds)
    finally:
        await reader.stop()
        await reference.close()


async def _on_sqlite(folder: Path, results: Results, count: int, *, rounds: int) -> None:
    url = f"sqlite:///{folder}/letters.db"
    await upgrade(url)
    rules, reader = RulesInForce(stage.rulebook(1_000)), Reader()
    reference: sqlite3.Connection = reference_sqlite.make(folder / "letters-s.db")
    async with (
        stage.opened(url) as store,
        stage.intake(store, rules, load_detector(rules.rulebook.languages)) as flow,
    ):
        ours = _ours(store, flow, folder, reader)
        await ours.pour(mails(plain(200, seed=next(_seeds)), answers=False))

        async def one(*, answers: bool) -> tuple[Span, ...]:
            rows = plain(count, seed=next(_seeds))
            raws = mails(rows, answers=answers)
            with Stopwatch(count) as theirs:
                for batch in waves(_read_barely(rows, raws)):
                    reference_sqlite.store(reference, batch)
            return await ours.timed(raws), theirs.span

        await _both(results, "SQLite", one, rounds=rounds)
    await reader.stop()
    reference.close()


class _Round(Protocol):
    def __call__(self, *, answers: bool) -> Awaitable[tuple[Span, ...]]: ...


async def _both(results: Results, database: str, one: _Round, *, rounds: int) -> None:
    for name, answers in (("letters", False), ("answers, whole mail kept", True)):
        found = await steady(partial(one, answers=answers), rounds=rounds)
        mine, other = middle(found, 0, by=cpu), middle(found, 1, by=cpu)
        note = f"{1000 / mine:,.0f} mails/s a core, {1000 / other:,.0f} by M"
        what = f"P3 {name}, {database}"
        results.at_most(what, mine, "CPU ms/mail", "M: bare parser and batch", ratio_of(found, 0, by=cpu), 1.6, note)
