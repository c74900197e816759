"""The channel accounts of the configuration: built once, with what each can do."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from channels import registry as kinds
from channels.http_client import OutgoingHttp
from conversation.id_generator import new_id
from conversation.model.capabilities import Can
from conversation.ports.channel import Channel, Clock, Dialer, Tools
from conversation.ports.metrics import no_account_count
from ops.composition.account_files import StoredFiles
from ops.composition.account_state import AccountState
from ops.composition.infrastructure import Infrastructure, public_url
from ops.configuration.settings import Settings
from storage.messages.blob_store import open_blobs
from storage.signals.local import LocalSignals
from storage.store import open_storage


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts by name. They stay the same while the process runs; the methods are what flows ask at each use."""

    by_name: Mapping[str, Channel]
    capabilities: Mapping[str, Can]
    telephones: Mapping[str, Dialer]

    def channels(self) -> Mapping[str, Channel]:
        """Every account."""
        return self.by_name

    def cans(self) -> Mapping[str, Can]:
        """What each account can do."""
        return self.capabilities

    def dialers(self) -> Mapping[str, Dialer]:
        """The accounts that dial."""
        return self.telephones


def accounts_of(by_name: Mapping[str, Channel]) -> Accounts:
    """These accounts, with what they can do."""
    return Accounts(
        by_name,
        {name: channel.can for name, channel in by_name.items()},
        {name: channel for name, channel in by_name.items() if isinstance(channel, Dialer)},
    )


def build_accounts(infrastructure: Infrastructure) -> Accounts:
    """All accounts of the configuration."""
    return accounts_of(kinds.build(infrastructure.settings.channels, infrastructure.tools))


@asynccontextmanager
async def open_for_checks(
    settings: Settings, clock: Clock
) -> AsyncIterator[tuple[OutgoingHttp, Callable[[str], Channel]]]:
    """The guarded HTTP client, and what builds accounts that are only asked who they are. The store is there, and nobody opens it."""
    service, signals = settings.service, LocalSignals()
    blobs = open_blobs(service.attachments, options=service.s3.options())

    def tools(account: str) -> Tools:
        return Tools(
            clock=clock,
            owner=new_id(),
            state=AccountState(store, account),
            http=http,
            blobs=blobs,
            files=StoredFiles(store, blobs, clock, account),
            signals=signals,
            public_url=public_url(service),
            count=no_account_count,
        )

    async with (
        open_storage(service.database, clock=clock, signals=signals, pool=service.pool) as store,
        OutgoingHttp(clock) as http,
    ):
        yield http, lambda name: kinds.build({name: settings.channels[name]}, tools)[name]
