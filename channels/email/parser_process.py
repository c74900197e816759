"""Reads mails in a process of their own, with a time limit: what takes longer is killed with its process."""

import asyncio
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress

from channels.email.mime.parsed_mail import Letter
from conversation.errors import MalformedPayload, TransientFailure

STARTING = 30.0
READING = 10.0  # on the wall; the process itself ends sooner, by the processor's time
_COMMAND = (sys.executable, "-m", "channels.email.parser_worker")


class Reader:
    """One process, started when it is first needed. Calls wait for one another."""

    def __init__(self, *, reading: float = READING, command: tuple[str, ...] = _COMMAND) -> None:
        self._reading = reading
        self._command = command
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def letter(self, raw: bytes) -> Letter:
        """The parsed mail. Raises `MalformedPayload` for one that cannot be read, or not in time."""
        async with self._turn:
            try:
                answer = await self._answer(raw)
            except (asyncio.IncompleteReadError, OSError):  # whatever ended the process need not have been this mail
                try:
                    answer = await self._answer(raw)
                except (asyncio.IncompleteReadError, OSError):
                    raise MalformedPayload("reading this mail broke the reader", code="too_complex") from None
        if isinstance(answer, Letter):
            return answer
        code, detail = answer if isinstance(answer, tuple) else ("unparsable", str(answer))
        raise MalformedPayload(detail, code=code)

    async def _answer(self, raw: bytes) -> object:
        process = await self._started()
        try:
            async with asyncio.timeout(self._reading):
                return await _asked(process, raw)
        except TimeoutError:
            await self._kill()
            raise MalformedPayload("reading this mail takes too long", code="too_complex") from None
        except BaseException:
            await self._kill()  # an answer that nobody waits for must not be taken for the next one's
            raise

    async def stop(self) -> None:
        """Harmless when nothing runs."""
        async with self._turn:
            await self._kill()

    async def _started(self) -> Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=2**16, start_new_session=True
            )  # a signal to the service's process group is not for it: it ends with its input
            try:  # the first question waits for the imports, which are no fault of its mail
                async with asyncio.timeout(STARTING):
                    await _asked(self._process, b"Subject: ready\n\n")
            except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
                await self._kill()
                raise TransientFailure("the process that reads mail does not start") from error
            except BaseException:
                await self._kill()
                raise
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with suppress(OSError):
                await process.stdin.wait_closed()


async def _asked(process: Process, raw: bytes) -> object:
    assert process.stdin is not None  # noqa: S101 both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(len(raw).to_bytes(8, "big"))
    process.stdin.write(raw)
    await process.stdin.drain()
    size = int.from_bytes(await process.stdout.readexactly(8), "big")
    return pickle.loads(await process.stdout.readexactly(size))  # noqa: S301 written by our own process
