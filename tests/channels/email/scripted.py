"""Servers that do as a script says, over loopback: the faults that real ones have on a bad day."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

# -- SMTP --------------------------------------------------------------------------------------------------------------

HANG = "hang"
DROP = "drop"
GOOD = {
    "banner": "220 mx.example.test",
    "ehlo": "250-mx.example.test\r\n250 AUTH PLAIN",
    "auth": "235 2.7.0 in",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "dot": "250 2.0.0 taken",
    "rset": "250 2.0.0 ok",
    "quit": "221 2.0.0 bye",
}


@dataclass(slots=True)
class ScriptedSmtp:
    """`script` names a step and what is answered there instead: a line, HANG or DROP.

    `offered` are all mails that came as far as their final dot, `taken` those of them that may be delivered.
    """

    script: dict[str, str] = field(default_factory=dict)
    taken: list[bytes] = field(default_factory=list)
    offered: list[bytes] = field(default_factory=list)
    envelopes: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            if await self._say(writer, "banner"):
                await self._talk(reader, writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            step = line[:4].decode().lower()
            if step in ("mail", "rcpt"):
                self.envelopes.append(line.decode().strip())
            if not await self._say(writer, step):
                return
            if step == "data" and self.script.get("data", "354").startswith("354"):
                body = await reader.readuntil(b"\r\n.\r\n")
                self.offered.append(body)
                if self.script.get("dot", "250")[:1] == "2" or self.script.get("dot") in (HANG, DROP):
                    self.taken.append(body)
                if not await self._say(writer, "dot"):
                    return
            if step == "quit":
                return

    async def _say(self, writer: asyncio.StreamWriter, step: str) -> bool:
        answer = self.script.get(step, GOOD.get(step, "500 5.5.2 what?"))
        if answer == HANG:
            await asyncio.sleep(30)
        if answer in (HANG, DROP):
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return not answer.startswith("421")


@asynccontextmanager
async def scripted_smtp(**script: str) -> AsyncIterator[ScriptedSmtp]:
    playing = ScriptedSmtp(script)
    async with _serving(playing.serve) as port:
        playing.port = port
        yield playing


# -- IMAP --------------------------------------------------------------------------------------------------------------

_COMMAND = re.compile(r"(\S+) (UID )?(\S+) ?(.*)")


class Dropped(Exception):
    """The connection ends here."""


@dataclass(slots=True)
class ScriptedImap:
    """A mailbox in memory. `fault` is asked before each answer, with the command; it may raise `Dropped`, or wait.

    A FETCH of the body of a mail in `refused` is answered with those words; of one in `withheld`, with OK and these instead of it.
    """

    mails: dict[int, bytes] = field(default_factory=dict)
    uidvalidity: int = 1
    capabilities: str = "IMAP4rev1 IDLE UIDPLUS"
    next_uid: int = 1
    port: int = 0
    sessions: int = 0
    commands: list[str] = field(default_factory=list)
    fault: Callable[["Session", str], None] = lambda _session, _command: None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    refused: dict[int, str] = field(default_factory=dict)
    withheld: dict[int, str] = field(default_factory=dict)

    def add(self, raw: bytes) -> None:
        self.mails[self.next_uid] = raw
        self.next_uid += 1
        self.changed.set()

    def renumber(self, uidvalidity: int) -> None:
        """As after a restore: every mail has another number."""
        kept = list(self.mails.values())
        self.uidvalidity, self.mails, self.next_uid = uidvalidity, {}, 1
        for raw in kept:
            self.add(raw)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.sessions += 1
        session = Session(self, reader, writer)
        with suppress(Dropped, OSError, asyncio.IncompleteReadError):
            await session.talk()
        writer.close()


@dataclass(slots=True)
class Session:
    """One connection."""

    server: ScriptedImap
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    hung: bool = False
    refused: bool = False

    def say(self, *lines: str) -> None:
        for line in lines:
            self.writer.write(line.encode() + b"\r\n")

    async def talk(self) -> None:
        self.say(f"* OK [CAPABILITY {self.server.capabilities}] ready")
        while line := (await self.reader.readline()).decode():
            found = _COMMAND.match(line.strip())
            assert found is not None, line
            tag, by_uid, name, rest = found.groups()
            command = f"{by_uid or ''}{name.upper()}"
            self.server.commands.append(f"{command} {rest}".strip())
            self.server.fault(self, command)
            if self.hung:
                await asyncio.sleep(30)
            await self.answer(tag, command, rest)
            await self.writer.drain()

    async def answer(self, tag: str, command: str, rest: str) -> None:
        if command == "CAPABILITY":
            self.say(f"* CAPABILITY {self.server.capabilities}")
        elif command == "SELECT":
            self.say(f"* {len(self.server.mails)} EXISTS", f"* OK [UIDVALIDITY {self.server.uidvalidity}] is")
        elif command == "UID SEARCH":
            self.search(rest)
        elif command == "UID FETCH":
            if (words := self.refusal(rest)) is not None:
                self.say(f"{tag} {words}")
                return
            self.fetch(rest)
        elif command == "IDLE":
            await self.idle()
        self.say(f"{tag} NO [AUTHENTICATIONFAILED] no" if self.refused else f"{tag} OK done")
        if command == "LOGOUT":
            raise Dropped

    def search(self, rest: str) -> None:
        found = re.search(r"UID (\d+):\*", rest)
        if found is None:
            asked = {int(word) for word in rest.removeprefix("UID ").split(",")}
            self.say("* SEARCH " + " ".join(str(uid) for uid in self.server.mails if uid in asked))
            return
        above = [uid for uid in self.server.mails if uid >= int(found[1])]
        last = [max(self.server.mails)] if self.server.mails and not above else []
        self.say("* SEARCH " + " ".join(str(uid) for uid in above or last))

    def refusal(self, rest: str) -> str | None:
        uids, _, items = rest.partition(" ")
        asked = [int(word) for word in uids.split(",")] if "BODY" in items else []
        return next((self.server.refused[uid] for uid in asked if uid in self.server.refused), None)

    def fetch(self, rest: str) -> None:
        uids, _, items = rest.partition(" ")
        places = {uid: place for place, uid in enumerate(self.server.mails, 1)}
        for uid in (int(word) for word in uids.split(",")):
            raw = self.server.mails.get(uid)
            if raw is None:
                continue
            if "BODY" not in items:
                self.say(f"* {places[uid]} FETCH (UID {uid} RFC822.SIZE {len(raw)})")
                continue
            if uid in self.server.withheld:
                self.say(*filter(None, [self.server.withheld[uid]]))
                continue
            self.server.fault(self, f"LITERAL {uid}")
            part = re.search(r"<0\.(\d+)>", items)
            raw = raw[: int(part[1])] if part else raw
            self.writer.write(f"* {places[uid]} FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")

    async def idle(self) -> None:
        self.say("+ idling")
        await self.writer.drain()
        self.server.changed.clear()
        done = asyncio.ensure_future(self.reader.readline())
        changed = asyncio.ensure_future(self.server.changed.wait())
        await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        if not done.done():
            self.server.fault(self, "IDLING")
            self.say(f"* {len(self.server.mails)} EXISTS")
            await self.writer.drain()
        await done


@asynccontextmanager
async def scripted_imap(**how: Any) -> AsyncIterator[ScriptedImap]:
    playing = ScriptedImap()
    async with _serving(playing.serve, **how) as port:
        playing.port = port
        yield playing


@asynccontextmanager
async def _serving(serve: Callable[..., Awaitable[None]], **how: Any) -> AsyncIterator[int]:
    """Ends every connection at its end, also one that hangs."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, limit=2**24, **how)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
