"""What accounts of all kinds have in common: a name, capabilities, and a lifecycle without connections of their own."""

import asyncio

from conversation.model.capabilities import Can
from conversation.ports.channel import Inbox, Proves, Tools


class BaseAccount:
    """The port `Channel` without `send`. A kind overrides the methods in which its provider differs."""

    def __init__(self, name: str, tools: Tools, can: Can) -> None:
        self._name = name
        self._can = can
        self.tools = tools

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"  # no settings: they hold secrets

    @property
    def name(self) -> str:
        """The account's name in the configuration."""
        return self._name

    @property
    def can(self) -> Can:
        """What this account is able to do."""
        return self._can

    @property
    def hook_url(self) -> str:
        """The public address at which the provider calls this account."""
        return f"{self.tools.public_url}/hooks/{self._name}"

    async def start(self) -> None:
        """Check the credentials, where the kind has a method `prove`."""
        if isinstance(self, Proves):
            await self.prove()

    async def listen(self, inbox: Inbox) -> None:  # noqa: ARG002 messages arrive by requests of the provider
        """Run until cancelled."""
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """This account holds nothing open."""
