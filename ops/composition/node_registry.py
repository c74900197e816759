"""The nodes that serve one database: each holds a lease of its own name, and one of the rules that it decides by, while it lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from conversation.errors import HuntgroupError, StoreError
from conversation.ports.storage import Storage, Work
from ops.composition.node_identity import NodeIdentity

log = logging.getLogger(__name__)
_PREFIX = "node/"
_RULES = "rules/"  # then the revision, then the node
_SPAN = timedelta(seconds=20)
_RENEW = 5.0
_LOOK = 1.0
_FORGOTTEN = timedelta(days=1)  # after its end: a name that is new at every start must not pile up


class LocalSignalsRefused(HuntgroupError):
    """Another node serves the database, and with `signals = "local"` neither would hear of what the other does."""

    def __init__(self, others: Mapping[str, datetime]) -> None:
        super().__init__(
            f'another node serves this database ({", ".join(sorted(others))}), and signals = "local" is for one node:'
            ' set signals = "postgres" or "nats://host:4222" in [service] on all of them'
        )


async def nodes_without(storage: Storage, revision: str) -> tuple[set[str], set[str]]:
    """(the living nodes, those of them that do not decide by this revision yet)."""
    async with storage.read("nodes") as work:
        nodes = {name.removeprefix(_PREFIX) for name in await work.leases.living(_PREFIX)}
        prefix = f"{_RULES}{revision}/"
        following = {name.removeprefix(prefix) for name in await work.leases.living(prefix)}
    return nodes, nodes - following


class NodeRegistry:
    """This node's entry. `is_alone`: hints stay in this process. `revision`: of the rules that it decides by now."""

    def __init__(
        self, storage: Storage, node: NodeIdentity, *, is_alone: bool, revision: Callable[[], str] = lambda: ""
    ) -> None:
        self._storage = storage
        self._node = node
        self._revision = revision
        self._shown = ""
        self._is_alone = is_alone
        self._warned = False

    @asynccontextmanager
    async def registered(self) -> AsyncIterator[None]:
        """Registered until the end. Raises `LocalSignalsRefused`."""
        await self._renew()
        try:
            if self._is_alone:
                await self._refuse_others()
            yield
        finally:
            with suppress(StoreError):  # it runs out by itself
                async with self._storage.begin("node") as work:
                    await work.leases.release(self._name, self._node.owner)
                    await self._show(work, "")

    async def run(self) -> None:
        """Renew until cancelled; while the store does not answer, nobody knows who lives."""
        while True:
            await asyncio.sleep(_RENEW)
            with suppress(StoreError):
                self._warn_of(await self._renew())

    @property
    def _name(self) -> str:
        return f"{_PREFIX}{self._node.key}"

    async def _renew(self) -> Mapping[str, datetime]:
        """The other nodes that are registered, and until when."""
        async with self._storage.begin("node") as work:
            await work.leases.take(self._name, self._node.owner, _SPAN)
            await self._show(work, self._revision())
            for prefix in (_PREFIX, _RULES):
                await work.leases.forget(prefix, _FORGOTTEN)
            found = await work.leases.living(_PREFIX)
        return {name.removeprefix(_PREFIX): until for name, until in found.items() if name != self._name}

    async def _show(self, work: Work, revision: str) -> None:
        """One lease a revision: what is shown no more is given back, so that nobody takes it for the present one."""
        if self._shown not in ("", revision):
            await work.leases.release(self._rules(self._shown), self._node.owner)
        if revision:
            await work.leases.take(self._rules(revision), self._node.owner, _SPAN)
        self._shown = revision

    def _rules(self, revision: str) -> str:
        return f"{_RULES}{revision}/{self._node.key}"

    async def _refuse_others(self) -> None:
        """Whoever renews lives. What a killed node left runs out while it is waited for."""
        seen = others = await self._renew()
        while others:
            living = {name: until for name, until in others.items() if name not in seen or until > seen[name]}
            if living:
                raise LocalSignalsRefused(living)
            await asyncio.sleep(_LOOK)
            others = await self._renew()

    def _warn_of(self, others: Mapping[str, datetime]) -> None:
        if self._is_alone and others and not self._warned:
            log.error("signals_are_local", extra={"nodes": sorted(others)})
        self._warned = bool(others)
