"""The bounded socket writer."""

import asyncio
from collections.abc import Awaitable

import pytest

from channels import websocket_writer as sockets
from channels.websocket_writer import SocketWriter
from ops.composition.background_tasks import TaskKeeper
from ops.composition.supervised_loops import LoopSupervisor
from ops.system_clock import SystemClock


class FakeSocket:
    """Takes frames only while its gate is open."""

    def __init__(self) -> None:
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.sent: list[str] = []
        self.codes: list[int] = []

    async def send_str(self, data: str) -> None:
        await self.gate.wait()
        self.sent.append(data)

    async def close(self, *, code: int, message: bytes) -> bool:
        self.codes.append(code)
        self.closed = True
        return True


class Table:
    def __init__(self) -> None:
        self.keeper = TaskKeeper(LoopSupervisor(SystemClock()))
        self.started = 0
        self.aborted = 0
        self.socket = FakeSocket()
        self.writer = SocketWriter(self.socket, self.background, abort=self.abort)

    def background(self, work: Awaitable[None]) -> None:
        self.started += 1
        self.keeper.start(work)

    def abort(self) -> None:
        self.aborted += 1

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


async def test_a_client_that_keeps_up_is_written_to_without_a_task() -> None:
    table = Table()
    assert all(table.writer.offer(f"{n}") for n in range(100))
    assert table.socket.sent == [f"{n}" for n in range(100)]
    assert table.started == 0


async def test_frames_leave_in_order_by_one_task_that_ends() -> None:
    table = Table()
    table.socket.gate.clear()
    assert all(table.writer.offer(f"{n}") for n in range(100))
    assert table.socket.sent == []
    table.socket.gate.set()
    await table.settle()
    assert table.socket.sent == [f"{n}" for n in range(100)]
    assert table.started == 1
    assert not table.keeper._tasks
    assert table.writer.offer("again")
    await table.settle()
    assert table.socket.sent[-1] == "again"


async def test_a_client_that_does_not_read_is_closed_with_4408_and_holds_no_memory() -> None:
    table = Table()
    table.socket.gate.clear()
    answers = [table.writer.offer("x" * 100) for _ in range(300)]
    assert answers.count(True) <= sockets.MOST_FRAMES + 1
    assert not answers[-1]
    assert table.writer.pending == 0
    await table.settle()
    assert table.socket.codes == [4408]
    assert table.aborted == 1
    table.socket.gate.set()
    await table.settle()
    await table.keeper.close()


async def test_few_but_huge_frames_are_bounded_too() -> None:
    table = Table()
    table.socket.gate.clear()
    answers = [table.writer.offer("x" * 400_000) for _ in range(5)]
    assert answers == [True, True, False, False, False]
    await table.settle()
    await table.keeper.close()


async def test_a_write_that_never_ends_is_closed_with_4408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "PATIENCE", 0.01)
    table = Table()
    table.socket.gate.clear()
    table.writer.offer("x")
    async with asyncio.timeout(60):
        while not table.socket.codes:
            await asyncio.sleep(0.01)
    assert table.socket.codes == [4408]
    assert not table.writer.offer("y")


async def test_a_goodbye_that_is_not_heard_ends_in_a_cut() -> None:
    table = Table()
    table.writer.close(1012, "restarting")
    table.writer.close(1012, "twice")
    await table.settle()
    assert (table.socket.codes, table.aborted) == ([1012], 1)
