"""One connection to a mailbox. Every call has its time; whatever goes wrong ends the connection and is transient."""

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from aioimaplib.aioimaplib import AioImapException, Command

from channels.email.credentials import Credentials, without
from channels.email.imap.fetch_response import Answer, full_response_text, literals, response_text, sizes
from channels.email.imap.folder_names import quoted
from channels.email.imap.protocol import Client
from channels.email.patterns import pattern
from channels.email.settings import Server, Tls
from conversation.errors import ChannelMisconfigured, TransientFailure

log = logging.getLogger(__name__)
T = TypeVar("T")

CALL = 20.0
FETCH = 90.0
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LITTLE = 4_000_000  # bytes of answers to a command that asks for no mail

_UIDVALIDITY = pattern(rb"UIDVALIDITY (\d+)")
_UIDNEXT = pattern(rb"UIDNEXT (\d+)")


class Refused(TransientFailure):
    """The server answered NO to one command; the connection goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A folder as it was when it was opened."""

    uidvalidity: int
    uidnext: int | None


class Connection:
    """Open with `open`, then `select`; never used again after an error."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def open(cls, server: Server, address: str, credentials: Credentials, tls: ssl.SSLContext) -> "Connection":
        """Connected and logged in. Raises `ChannelMisconfigured` for a refused login, certificate or unknown host."""
        try:
            return await cls._opened(server, address, credentials, tls)
        except ChannelMisconfigured:
            if not credentials.oauth:
                raise
            credentials.refused()  # the token may have been withdrawn early: once more, with a new one
            return await cls._opened(server, address, credentials, tls)

    @classmethod
    async def _opened(cls, server: Server, address: str, credentials: Credentials, tls: ssl.SSLContext) -> "Connection":
        secret = await credentials.secret()
        context = tls if server.tls is Tls.IMPLICIT else None
        # the library's own time limits leave a command pending for ever: ours end the connection
        connection = cls(Client(server.host, server.port, timeout=10 * FETCH, ssl_context=context))
        try:
            await connection._within(connection._client.wait_hello_from_server(), CALL, "connecting")
            await connection._login(server.user or address, secret, oauth=credentials.oauth)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def close(self) -> None:
        """Without ceremony: nothing waits for a goodbye."""
        await self._client.let_go()

    async def goodbye(self) -> None:
        """Politely, where there is time."""
        with suppress(TransientFailure):
            await self._within(self._client.logout(), 2.0, "LOGOUT")
        await self.close()

    def able(self, capability: str) -> bool:
        """Whether the server has this capability; only whole words count."""
        return capability in {word.strip("[]()") for word in self._client.protocol.capabilities}

    async def select(self, folder: str) -> Selected:
        """Raises `ChannelMisconfigured` where there is no such folder."""
        answer: Answer = await self._within(self._client.select(quoted(folder)), CALL, "SELECT")
        text = b"\n".join(bytes(line) for line in answer.lines)
        found, upcoming = _UIDVALIDITY.search(text), _UIDNEXT.search(text)
        if answer.result != "OK":
            raise ChannelMisconfigured(
                f"the folder '{folder}' cannot be opened: {response_text(answer)}", credentials=False
            )
        if found is None:
            raise TransientFailure("SELECT: the server gave no UIDVALIDITY")
        return Selected(uidvalidity=int(found[1]), uidnext=int(upcoming[1]) if upcoming else None)

    async def uids_after(self, uid: int, since: date | None = None) -> list[int]:
        """All above `uid`, sorted. The server answers with the last one even where nothing is new."""
        criteria = ["UID", f"{uid + 1}:*"]
        if since is not None:
            criteria += ["SINCE", f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"]
        return [found for found in await self._search(criteria) if found > uid]

    async def uids_among(self, uids: Sequence[int]) -> list[int]:
        """Those of them that are still there."""
        found = set(await self._search(["UID", _set(uids)]))
        return [uid for uid in uids if uid in found]

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """In bytes, of those that are still there. At most 100 at once."""
        answer = await self._fetch(uids, "(UID RFC822.SIZE)", _LITTLE)
        return sizes(answer)

    async def mails(self, uids: Sequence[int], size: int) -> dict[int, bytes]:
        """The raw bytes of those that are given out; `size` is what they amount to. Nothing is marked as read.

        Raises `Refused` where the server answers NO to all of them because of one.
        """
        return literals(await self._fetch(uids, "(UID BODY.PEEK[])", size + _LITTLE))

    async def beginning(self, uid: int, size: int) -> bytes | None:
        """The first bytes of a mail that is too large."""
        answer = await self._fetch([uid], f"(UID BODY.PEEK[]<0.{size}>)", size + _LITTLE)
        return literals(answer).get(uid)

    async def idle(self, seconds: float) -> bool:
        """Whether something happened. Also false after `seconds` of silence."""
        if not self.able("IDLE"):
            await self._quiet(seconds)
            return False
        ended = await self._within(self._client.idle_start(2 * seconds + CALL), CALL, "IDLE")
        pushed = await self._pushed(seconds)
        self._client.idle_done()
        await self._within(_answer(ended), CALL, "DONE")
        return pushed

    async def mark_seen(self, uids: Sequence[int]) -> None:
        """As read."""
        call = self._client.uid("store", _set(uids), "+FLAGS.SILENT", r"(\Seen)")
        self._check(await self._within(call, CALL, "STORE"), "STORE")

    async def move(self, uids: Sequence[int], folder: str) -> bool:
        """Whether they could be moved without touching what somebody else deleted."""
        if self.able("MOVE"):
            call = self._client.uid("move", _set(uids), quoted(folder))
            answer: Answer = await self._within(call, CALL, "MOVE")
            return answer.result == "OK"
        if not self.able("UIDPLUS"):
            return False
        copied: Answer = await self._within(self._client.uid("copy", _set(uids), quoted(folder)), CALL, "COPY")
        if copied.result != "OK":
            return False
        marked = self._client.uid("store", _set(uids), "+FLAGS.SILENT", r"(\Deleted)")
        self._check(await self._within(marked, CALL, "STORE"), "STORE")
        self._check(await self._within(self._client.uid("expunge", _set(uids)), CALL, "EXPUNGE"), "EXPUNGE")
        return True

    # -- beneath -------------------------------------------------------------------------------------------------------

    async def _login(self, user: str, secret: str, *, oauth: bool) -> None:
        if oauth:
            call = self._client.xoauth2(user, secret)
        else:
            escaped = user.replace("\\", "\\\\").replace('"', '\\"')
            call = self._client.login(f'"{escaped}"', secret)
        answer: Answer = await self._within(call, CALL, "the login")
        if answer.result != "OK":
            raise _not_let_in(answer, secret)
        # without asking again the library knows what could be done before the login only
        await self._within(self._client.protocol.capability(), CALL, "CAPABILITY")
        if self.able("ID"):  # NetEase lets nobody in who does not say who asks
            await self._within(self._introduce(), CALL, "ID")

    async def _introduce(self) -> Answer:
        """The library writes spaces within the brackets, which NetEase takes for a fault of syntax."""
        protocol = self._client.protocol
        command = Command(
            "ID", protocol.new_tag(), '("name" "huntgroup" "version" "1")', loop=asyncio.get_running_loop()
        )
        answer: Answer = await protocol.execute(command)
        return answer

    async def _search(self, criteria: Sequence[str]) -> list[int]:
        answer: Answer = await self._within(self._client.uid_search(*criteria, charset=None), CALL, "SEARCH")
        self._check(answer, "SEARCH")
        words = [word for line in answer.lines[:-1] for word in bytes(line).split()]
        return sorted({int(word) for word in words if word.isdigit()})

    async def _fetch(self, uids: Sequence[int], items: str, allowance: int) -> Answer:
        self._client.protocol.allowance = allowance
        answer: Answer = await self._within(self._client.uid("fetch", _set(uids), items), FETCH, "FETCH")
        self._client.protocol.allowance = _LITTLE
        if answer.result != "OK":
            raise Refused(f"FETCH: {answer.result} {response_text(answer)}")
        return answer

    async def _pushed(self, seconds: float) -> bool:
        """Anything but a BYE. What is pushed is not read: a search finds what is there."""
        self._client.protocol.allowance = _LITTLE
        waiting = asyncio.ensure_future(self._client.protocol.idle_queue.get())
        lost = self._client.protocol.lost
        both: set[asyncio.Future[Any]] = {waiting, lost}
        try:
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()  # harmless where it is done
        if lost.done():
            raise TransientFailure(lost.result())
        if not waiting.done() or waiting.cancelled():
            return False
        lines = waiting.result()
        if isinstance(lines, list) and any(bytes(line).upper().startswith(b"BYE") for line in lines):
            await self.close()
            raise TransientFailure("the server said goodbye")
        return True

    async def _quiet(self, seconds: float) -> None:
        lost = self._client.protocol.lost
        await asyncio.wait({lost}, timeout=seconds)
        if lost.done():
            raise TransientFailure(lost.result())
        await self._within(self._client.noop(), CALL, "NOOP")

    async def _within(self, call: Coroutine[Any, Any, T], seconds: float, what: str) -> T:
        """The call's answer; when it is late, or the connection is lost meanwhile, the connection is over."""
        task = asyncio.ensure_future(call)
        lost = self._client.protocol.lost
        both: set[asyncio.Future[Any]] = {task, lost}
        try:
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TransientFailure(f"{what}: {lost.result() if lost.done() else 'no answer in time'}")
            return task.result()
        except ssl.SSLCertVerificationError as error:
            raise ChannelMisconfigured(f"the certificate: {error.verify_message}", credentials=False) from None
        except (AioImapException, OSError, TimeoutError, IndexError) as error:
            raise TransientFailure(f"{what}: {str(error)[:200] or type(error).__name__}") from None
        finally:
            if not task.done():
                self._client.protocol.abort("no answer in time")
                task.cancel()

    def _check(self, answer: Answer, what: str) -> None:
        if answer.result != "OK":
            raise TransientFailure(f"{what}: {answer.result} {response_text(answer)}")


async def _answer(ended: "asyncio.Future[Any]") -> object:
    return await ended


def _set(uids: Sequence[int]) -> str:
    return ",".join(str(uid) for uid in uids)


_LATER = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "try again", "too many", "temporar", "Internal")


def _not_let_in(answer: Answer, secret: str) -> Exception:
    """A wrong password is a refusal; a server that is busy is none. Some servers repeat the command that they refuse."""
    words = without(secret, full_response_text(answer))[:200]
    if answer.result != "NO" or any(word.lower() in words.lower() for word in _LATER):
        return TransientFailure(f"the login: {answer.result} {words}")
    return ChannelMisconfigured(f"the mail server refused the login: {words}")
