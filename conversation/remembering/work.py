"""One transaction, and what can be done in it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from conversation.events import Hint
from conversation.remembering.agents import Agents
from conversation.remembering.attachments import Attachments
from conversation.remembering.budgets import Budgets
from conversation.remembering.call_codes import CallCodes
from conversation.remembering.callbacks import Callbacks
from conversation.remembering.conversations import Conversations
from conversation.remembering.cursors import Cursors
from conversation.remembering.customers import Customers
from conversation.remembering.decisions import Decisions
from conversation.remembering.distribution import Distribution
from conversation.remembering.erasure import Erasure
from conversation.remembering.events import Events
from conversation.remembering.exports import Exports
from conversation.remembering.fetches import Fetches
from conversation.remembering.figures import Figures
from conversation.remembering.follow_ups import FollowUps
from conversation.remembering.intake import Intake
from conversation.remembering.leases import Leases
from conversation.remembering.messages import Messages
from conversation.remembering.models import Models
from conversation.remembering.outbox import Outbox
from conversation.remembering.overrides import Overrides
from conversation.remembering.quarantine import Quarantine
from conversation.remembering.retention import Retention
from conversation.remembering.rulebooks import Rulebooks
from conversation.remembering.sessions import VisitorSessions


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
    """The memory of the house. `purpose` names the transaction in logs and metrics."""

    def begin(self, purpose: str) -> AbstractAsyncContextManager[Work]:
        """A transaction that writes. Retried by nobody: the caller knows whether it is idempotent.

        Raises `StoreUnavailable`, `Refused` (constraint or value), `Conflict` (serialization, deadlock: code "retry").
        """
        ...

    def read(self, purpose: str) -> AbstractAsyncContextManager[Work]:
        """A transaction that only reads, and does not wait for writers."""
        ...
