"""Signals within one process."""

from contextlib import AbstractAsyncContextManager

from conversation.model.events import Hint, Topic
from storage.signals.mailbox import Mailbox, Mailboxes


class LocalSignals:
    """The port `Signals` for a service of one node."""

    def __init__(self) -> None:
        self._mailboxes = Mailboxes()

    async def start(self) -> None:
        """Nothing to connect to."""

    def publish(self, *hints: Hint) -> None:
        """Heard at once."""
        self._mailboxes.put(hints)

    def subscribe(self, *topics: Topic) -> AbstractAsyncContextManager[Mailbox]:
        """Hear these topics while the context is open."""
        return self._mailboxes.subscribe(*topics)

    async def stop(self) -> None:
        """Nothing to let go of."""
