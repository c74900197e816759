"""One transaction, and what can be done in it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from conversation.model.events import Hint
from conversation.ports.storage.agents import Agents
from conversation.ports.storage.attachments import Attachments
from conversation.ports.storage.backfills import Backfills
from conversation.ports.storage.budgets import Budgets
from conversation.ports.storage.callbacks import Callbacks
from conversation.ports.storage.classifiers import Models
from conversation.ports.storage.conversations import Conversations
from conversation.ports.storage.cursors import Cursors
from conversation.ports.storage.customers import Customers
from conversation.ports.storage.decisions import Decisions
from conversation.ports.storage.distribution import Distribution
from conversation.ports.storage.downloads import Fetches
from conversation.ports.storage.erasure import Erasure
from conversation.ports.storage.events import Events
from conversation.ports.storage.exports import Exports
from conversation.ports.storage.figures import Figures
from conversation.ports.storage.follow_ups import FollowUps
from conversation.ports.storage.hours_overrides import Overrides
from conversation.ports.storage.intake import Intake
from conversation.ports.storage.leases import Leases
from conversation.ports.storage.messages import Messages
from conversation.ports.storage.outbox import Outbox
from conversation.ports.storage.quarantine import Quarantine
from conversation.ports.storage.retention import Retention
from conversation.ports.storage.rulebooks import Rulebooks
from conversation.ports.storage.verification_codes import CallCodes
from conversation.ports.storage.visitor_sessions import VisitorSessions


class Work(Protocol):
    """One transaction. Leaving it commits, an exception rolls it back."""

    @property
    def intake(self) -> Intake: ...
    @property
    def conversations(self) -> Conversations: ...
    @property
    def messages(self) -> Messages: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def decisions(self) -> Decisions: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def agents(self) -> Agents: ...
    @property
    def distribution(self) -> Distribution: ...
    @property
    def quarantine(self) -> Quarantine: ...
    @property
    def rulebooks(self) -> Rulebooks: ...

    @property
    def overrides(self) -> Overrides: ...
    @property
    def models(self) -> Models: ...
    @property
    def sessions(self) -> VisitorSessions: ...
    @property
    def attachments(self) -> Attachments: ...
    @property
    def fetches(self) -> Fetches: ...
    @property
    def follow_ups(self) -> FollowUps: ...
    @property
    def callbacks(self) -> Callbacks: ...
    @property
    def call_codes(self) -> CallCodes: ...
    @property
    def backfills(self) -> Backfills: ...
    @property
    def budgets(self) -> Budgets: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def events(self) -> Events: ...
    @property
    def cursors(self) -> Cursors: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def exports(self) -> Exports: ...
    @property
    def erasure(self) -> Erasure: ...
    @property
    def figures(self) -> Figures: ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it after the commit, never after a roll-back. It must not block: set an event, publish a hint."""
        ...

    def hint(self, *hints: Hint) -> None:
        """Publish these hints after the commit."""
        ...


class Storage(Protocol):
    """The store. `purpose` names the transaction in logs and metrics."""

    def begin(self, purpose: str) -> AbstractAsyncContextManager[Work]:
        """A transaction that writes. Retried by nobody: the caller knows whether it is idempotent.

        Raises `StoreUnavailable`, `Refused` (constraint or value), `Conflict` (serialization, deadlock: code "retry").
        """
        ...

    def read(self, purpose: str) -> AbstractAsyncContextManager[Work]:
        """A transaction that only reads, and does not wait for writers."""
        ...
