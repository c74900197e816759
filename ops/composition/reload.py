"""Which rules are in force: activated from a file after its own tests, swapped between two messages, heard by every node."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from conversation.errors import StoreError
from conversation.model.events import Topic
from conversation.ports.channel import Clock, Signals
from conversation.ports.metrics import Metric
from conversation.ports.storage import Storage
from conversation.ports.storage.hours_overrides import Override
from conversation.ports.storage.rulebooks import Revision
from ops.composition.operator_webhooks import WebhookKeys
from ops.configuration.settings import Settings, parse_rules
from ops.observability.metrics import Meters
from ops.rule_analysis.checking import check
from ops.rule_analysis.with_overrides import under
from router.flows.active_rules import RulesInForce
from router.flows.maintenance.rulebook_activation import put_in_force
from router.understanding.language_detector import Detector

log = logging.getLogger(__name__)
_SHARED = (
    "this node's file has other rules: activate them with `huntgroup rules activate FILE`, or a reload (SIGHUP, API)"
)
_HEAL = (
    5.0  # seconds between looks at the store when no hint comes: an emergency set by another process waits no longer
)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a reload did: the revision now in force, or the faults that kept the old one."""

    revision: str
    applied: bool
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For the API."""
        return {"revision": self.revision, "applied": self.applied, "faults": list(self.faults)}


def _folders_of(settings: Settings) -> tuple[Path, ...]:
    """Where the files of a configuration stand, each folder once."""
    return tuple(dict.fromkeys(file.resolve().parent for file in settings.files))


def _present(folders: Sequence[Path]) -> list[Path]:
    return [folder for folder in folders if folder.is_dir()]


async def first_rules(
    storage: Storage, settings: Settings, clock: Clock, *, is_shared: bool, activates: bool = False
) -> RulesInForce:
    """At a start: this file's rules if it `activates` or none are active, else the active ones.

    On the embedded database, which is not shared, a file that was never seen is activated, too.
    """
    async with storage.begin("rules.start") as work:
        active = await work.rulebooks.active(for_change=True)
        seen = is_shared or await work.rulebooks.is_known(settings.digest)
        if active is None or activates or not seen:
            active = await put_in_force(
                work, digest=settings.digest, source=settings.source, actor="start", clock=clock
            )
    if active.digest != settings.digest:
        _warn_of_difference(active, is_shared=is_shared)
    return RulesInForce(parse_rules(active.source, settings.hints, revision=active.id))


def _warn_of_difference(active: Revision, *, is_shared: bool) -> None:
    reason = _SHARED if is_shared else "this file was active before; reload it to go back to it"
    log.warning("rules_kept", extra={"active": active.id, "reason": reason})


class Reloader:
    """Reads the file again on a signal, a file change or an operator's word; a fault keeps the old rules."""

    def __init__(
        self,
        *,
        path: Path,
        environment: Mapping[str, str],
        storage: Storage,
        rules: RulesInForce,
        settings: Settings,
        signals: Signals,
        clock: Clock,
        meters: Meters,
        detector: Detector,
        keys: WebhookKeys,
        is_shared: bool = False,
        try_channels: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._environment = environment
        self._storage = storage
        self._rules = rules
        self._settings = settings
        self._signals = signals
        self._clock = clock
        self._meters = meters
        self._detector = detector
        self._keys = keys
        keys.warn_of(rules.rulebook)
        self._is_shared = is_shared
        self._try_channels = try_channels
        self._in_file = settings.digest
        self._in_force: str | None = None  # its digest, once it was looked up
        self._noted = False
        self._one = asyncio.Lock()
        self._written = rules.rulebook  # as in the file, without emergencies
        self._emergencies: tuple[Override, ...] = ()
        self._folders = _folders_of(settings)
        meters.set(Metric.RELOAD_SUCCESSFUL, 1)  # those of the start
        meters.set(Metric.RELOAD_AT, clock.now().timestamp())

    def differs(self) -> bool:
        """Whether this node's file, as it was last read without a fault, has other rules than those that are active."""
        return self._in_force is not None and self._in_file != self._in_force

    async def reload_for_api(self, actor: str) -> dict[str, object]:
        """`reload`, as the API answers it."""
        return (await self.reload(actor)).as_json()

    async def reload(self, actor: str, *, activates: bool = True) -> Reloaded:
        """Read whole, check, run its tests, and activate where it `activates`; on any fault nothing is applied.

        Whatever comes of it, accounts that wait after a refusal are tried at once: the fault may have been mended elsewhere.
        """
        self._try_channels()
        async with self._one:
            result = await asyncio.to_thread(check, self._path, self._environment, detector=self._detector)
            self._meters.set(Metric.RELOAD_SUCCESSFUL, int(result.ok))
            self._folders = self._folders if result.settings is None else _folders_of(result.settings)
            if not result.ok or result.settings is None:
                return self._refused(actor, tuple(str(fault) for fault in result.problems))
            self._in_file = result.settings.digest
            if not activates:
                self._note_difference()
                return Reloaded(self._rules.rulebook.revision, applied=False)
            revision = await self._activate(result.settings, actor)
            await asyncio.to_thread(self._keys.reread)
            self._swap(revision)
            return Reloaded(revision.id, applied=True)

    def _refused(self, actor: str, faults: tuple[str, ...]) -> Reloaded:
        first = faults[0] if faults else ""
        log.error("rules_refused", extra={"actor": actor, "faults": len(faults), "first": first})
        return Reloaded(self._rules.rulebook.revision, applied=False, faults=faults)

    def _note_difference(self) -> None:
        differs = self.differs()
        self._meters.set(Metric.RULES_FILE_DIFFERS, int(differs))
        if differs and not self._noted:
            log.warning("rules_kept", extra={"active": self._rules.rulebook.revision, "reason": _SHARED})
        self._noted = differs

    async def _activate(self, settings: Settings, actor: str) -> Revision:
        async with self._storage.begin("rules.reload") as work:
            return await put_in_force(
                work, digest=settings.digest, source=settings.source, actor=actor, clock=self._clock
            )

    def _swap(self, revision: Revision) -> None:
        self._in_force = revision.digest
        self._note_difference()
        if revision.id == self._rules.rulebook.revision:
            log.info("rules_unchanged", extra={"revision": revision.id})
            return
        self._written = parse_rules(revision.source, self._settings.hints, revision=revision.id)
        self._rules.swap(under(self._written, self._emergencies))
        self._keys.warn_of(self._written)
        self._meters.set(Metric.RELOAD_AT, self._clock.now().timestamp())
        log.info("rules_swapped", extra={"revision": revision.id})

    async def follow(self) -> None:
        """Swap whenever any node has activated another revision or overridden hours. Runs until cancelled."""
        async with self._signals.subscribe(Topic.RULES) as listening:
            while True:
                await self._carefully(self._catch_up)
                if await listening.wait(_HEAL):
                    self._try_channels()  # another node was reloaded, and this one may be who reads the mailbox

    async def _catch_up(self) -> None:
        async with self._storage.read("rules.follow") as work:
            revision = await work.rulebooks.active()
            active = tuple(await work.overrides.active(self._clock.now()))
        if revision is not None and revision.id != self._rules.rulebook.revision:
            await asyncio.to_thread(self._keys.reread)
            self._swap(revision)
        elif revision is not None:
            self._in_force = revision.digest
            self._note_difference()
        if active != self._emergencies:
            self._emergencies = active
            self._rules.swap(under(self._written, active))
            log.warning("hours_overridden", extra={"calendars": [one.calendar for one in active]})

    async def watch(self) -> None:
        """Reload when a file changes on disk, included ones too. Watches folders: editors and mounts replace files. Runs until cancelled."""
        while watched := await asyncio.to_thread(_present, self._folders):
            with suppress(FileNotFoundError):  # a folder went away just now
                await self._watch(watched)

    async def _watch(self, watched: Sequence[Path]) -> None:
        """Until the files stand in other folders, or one of the folders is another one of the same name."""
        async for changes in awatch(*watched, recursive=False):
            changed = [Path(path) for _, path in changes]
            replaced = any(path in watched for path in changed)
            if replaced or any(path.suffix == ".toml" for path in changed):
                await self._carefully(lambda: self.reload("file", activates=not self._is_shared))
            if replaced or tuple(watched) != self._folders:
                return

    async def try_reload(self, actor: str) -> None:
        """Where nobody waits for the answer: whatever goes wrong stands in the log, and the old rules keep serving."""
        await self._carefully(lambda: self.reload(actor))

    async def _carefully(self, step: Callable[[], Awaitable[object]]) -> None:
        """A lost database, or rules that do not fit this node, must not end the process."""
        try:
            await step()
        except StoreError as error:
            self._meters.set(Metric.RELOAD_SUCCESSFUL, 0)
            log.warning("rules_not_read", extra={"error": type(error).__name__})
        except Exception:
            self._meters.set(Metric.RELOAD_SUCCESSFUL, 0)
            log.exception("rules_not_applied")
