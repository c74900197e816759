"""What a channel account remembers between restarts, kept in the store."""

from collections.abc import Mapping
from datetime import timedelta

from conversation.ports.storage import Storage


class AccountState:
    """The port `ChannelState` for one account."""

    def __init__(self, storage: Storage, account: str) -> None:
        self._storage = storage
        self._account = account

    async def cursor(self) -> Mapping[str, object] | None:
        """The cursor last committed with a message."""
        async with self._storage.read("cursor") as work:
            return await work.cursors.get(self._account)

    async def recall(self, name: str) -> Mapping[str, object] | None:
        """What any node of this account remembered last under this name."""
        async with self._storage.read("recall") as work:
            return await work.cursors.get(f"{self._account}/{name}")

    async def remember(self, name: str, value: Mapping[str, object]) -> None:
        """Durable when it returns, and shared by all nodes."""
        async with self._storage.begin("remember") as work:
            await work.cursors.set(f"{self._account}/{name}", value)

    async def first(self, name: str, value: Mapping[str, object]) -> Mapping[str, object]:
        """What is kept under this name: `value` where nothing was, whichever node comes first."""
        async with self._storage.begin("remember") as work:
            return await work.cursors.first(f"{self._account}/{name}", value)

    async def lease(self, name: str, owner: str, span: timedelta) -> int | None:
        """Take or renew: the epoch, or None where another node holds it."""
        async with self._storage.begin("lease") as work:
            return await work.leases.take(f"{self._account}/{name}", owner, span)

    async def release(self, name: str, owner: str) -> None:
        """Give it back early, so that whoever comes next need not wait for its end."""
        async with self._storage.begin("lease") as work:
            await work.leases.release(f"{self._account}/{name}", owner)
