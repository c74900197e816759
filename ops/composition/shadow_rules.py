"""Shadow: a second rules file decides the same messages after the commit, without effect; what it would do otherwise is logged.

It never delays a message: what it cannot keep up with is passed over and counted. A file with faults casts no shadow, and says so.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from conversation.errors import StoreError
from conversation.model.decision import Decision, StoredDecision
from conversation.ports.channel import Clock
from conversation.ports.metrics import CountedEvent
from conversation.ports.storage import Storage
from ops.configuration.settings import Settings, load
from ops.configuration.sources import SettingsFaults
from ops.observability.metrics import Meters
from ops.rule_analysis.replay import Rehearsal, differences
from router.understanding.language import Detector

_FileStamps = Mapping[Path, tuple[int, int] | None]  # when each file was written, and its size

log = logging.getLogger(__name__)
_MOST_WAITING = 10_000
_AT_ONCE = 50  # decisions between two turns of the loop
_LOOK = 5.0  # seconds between looks at the file and at emergencies
_LOGGED = ("queue", "priority", "language", "issue", "open", "replies", "webhooks")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the shadow did since its file was read."""

    file: str
    decided: int = 0
    differing: int = 0
    passed_over: int = 0
    fault: str | None = None


class Shadow:
    """`decided` puts decisions in a queue; `run` replays them until cancelled."""

    def __init__(
        self,
        path: Path,
        environment: Mapping[str, str],
        *,
        settings: Settings,
        storage: Storage,
        detector: Detector,
        clock: Clock,
        meters: Meters,
    ) -> None:
        self._path = path
        self._environment = environment
        self._settings = settings
        self._storage = storage
        self._detector = detector
        self._clock = clock
        self._meters = meters
        self._waiting: deque[StoredDecision] = deque()
        self._came = asyncio.Event()
        self._rehearsal: Rehearsal | None = None
        self._files: tuple[Path, ...] = (path,)
        self._read_at: _FileStamps = {}
        self.tally = Tally(file=str(path))

    def counts(self) -> dict[str, object]:
        """What was compared so far, as the API answers it."""
        return asdict(self.tally)

    def decided(self, stored: Sequence[StoredDecision]) -> None:
        """These were committed. Returns at once; beyond what can wait they are passed over."""
        free = _MOST_WAITING - len(self._waiting)
        self._waiting.extend(stored[:free])
        if len(stored) > free:
            self._count(CountedEvent.SHADOW_PASSED_OVER, len(stored) - free)
        self._came.set()

    async def run(self) -> None:
        """Decide what was put in line, a few at a time, until cancelled. What it fails on is not decided again."""
        while True:
            try:
                await self._look()
                await self._work()
            except StoreError as error:
                log.warning("shadow_waits", extra={"error": type(error).__name__})
                await asyncio.sleep(_LOOK)
            except Exception:
                self._waiting.clear()
                raise

    async def _work(self) -> None:
        """Until it is time to look at the file again."""
        until = self._clock.monotonic() + _LOOK
        while (left := until - self._clock.monotonic()) > 0:
            await self._await_work(left)
            await self.catch_up()

    async def _await_work(self, left: float) -> None:
        try:
            async with asyncio.timeout(left):
                await self._came.wait()
        except TimeoutError:
            return
        self._came.clear()

    async def catch_up(self) -> None:
        """Decide everything that waits."""
        while self._waiting:
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                await self._decide(self._waiting.popleft())
            await asyncio.sleep(0)

    async def _decide(self, stored: StoredDecision) -> None:
        rehearsal = self._rehearsal
        if rehearsal is None:
            self._count(CountedEvent.SHADOW_PASSED_OVER, 1)
            return
        revision = stored.decision.revision
        if not rehearsal.knows(revision):
            async with self._storage.read("shadow.revision") as work:
                kept = await work.rulebooks.get(revision)
            rehearsal.add_revision(revision, None if kept is None else kept.source)
        after = rehearsal.decide(stored)
        self._count(CountedEvent.SHADOW_DECIDED, 1)
        changed = differences(stored.decision, after)
        if changed:
            self._count(CountedEvent.SHADOW_DIFFERING, 1)
            log.info("shadow_differs", extra=_difference(stored, after, changed))

    def _count(self, event: CountedEvent, amount: int) -> None:
        what = event.removeprefix("shadow.")
        setattr(self.tally, what, getattr(self.tally, what) + amount)
        self._meters.count(event, amount)

    # -- the file ------------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Read the file where it or one that it includes has changed, and the emergencies that stand."""
        stamps = await asyncio.to_thread(_file_stamps, self._files)
        now = self._clock.now()
        async with self._storage.read("shadow.overrides") as work:
            overrides = await work.overrides.since(now - timedelta(minutes=1))
        if stamps != self._read_at:
            await self.read()
            found = await asyncio.to_thread(_file_stamps, self._files)
            self._read_at = {**found, **{file: mark for file, mark in stamps.items() if file in found}}
        if self._rehearsal is not None:
            self._rehearsal.stand(overrides)

    async def read(self) -> None:
        """Begin anew with the file as it is; with a fault there is no shadow."""
        self.tally = Tally(file=str(self._path))
        try:
            new = await asyncio.to_thread(load, self._path, self._environment, make_secrets=False)
        except SettingsFaults as found:
            self._rehearsal, self.tally.fault = None, str(found.faults[0])
            self._files = tuple({*self._files, *(Path(fault.file) for fault in found.faults if fault.line)})
            log.warning("shadow_refused", extra={"file": str(self._path), "first": self.tally.fault})
            return
        self._files = new.files
        self._rehearsal = Rehearsal(self._settings, new, self._detector)
        log.info("shadow_cast", extra={"file": str(self._path), "digest": new.digest[:12]})


def _file_stamps(files: Sequence[Path]) -> _FileStamps:
    return {file: _mark(file) for file in files}


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - in a thread
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _difference(stored: StoredDecision, after: Decision, changed: Sequence[str]) -> dict[str, object]:
    """`{"queue": "general -> vip"}` for what is worth a line; the names of all that differs."""
    before = stored.decision
    pairs = {name: f"{_plain(before, name)} -> {_plain(after, name)}" for name in _LOGGED if name in changed}
    return {"conversation": stored.conversation, "decision": stored.id, "differs": list(changed), **pairs}


def _plain(decision: Decision, name: str) -> object:
    value = getattr(decision, name)
    if name == "priority":
        return decision.priority.label
    return ", ".join(value) or "none" if isinstance(value, tuple) else value
