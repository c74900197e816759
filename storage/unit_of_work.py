"""One transaction as the flows see it: every repository on the same connection, and what waits for the commit."""

import logging
from collections.abc import Callable
from functools import cached_property

from sqlalchemy import Connection

from conversation.model.events import Hint, Topic
from conversation.ports.channel import Clock, Signals
from storage.agents.agent_cache import Roster
from storage.agents.agents import Agents
from storage.backfills import Backfills
from storage.budgets import Budgets
from storage.callbacks.callbacks import Callbacks
from storage.callbacks.verification_codes import CallCodes
from storage.conversations.conversations import Conversations
from storage.conversations.decisions import Decisions
from storage.customers.customers import Customers
from storage.customers.erasure import Erasure
from storage.customers.exports import Exports
from storage.customers.visitor_sessions import VisitorSessions
from storage.database.run import Run
from storage.distribution.waiting import Distribution
from storage.event_feed import EventFeed
from storage.intake.batch import BatchIntake
from storage.intake.cursors import Cursors
from storage.intake.quarantine import Quarantine
from storage.leases import Leases
from storage.messages.attachments import Attachments
from storage.messages.downloads import Fetches
from storage.messages.follow_ups import FollowUps
from storage.messages.messages import Messages
from storage.outbox.outbox import Outbox
from storage.reporting import Figures
from storage.retention import Retention
from storage.rules.classifiers import Models
from storage.rules.hours_overrides import Overrides
from storage.rules.rulebooks import Rulebooks

log = logging.getLogger(__name__)


class StoreWork:
    """The port `Work`. Repositories are made when they are first asked for."""

    def __init__(self, run: Run, dialect: str, clock: Clock, roster: Roster) -> None:
        self._run = run
        self._dialect = dialect
        self._clock = clock
        self._roster = roster
        self._calls: list[Callable[[], None]] = []
        self._hints: list[Hint] = []

    @cached_property
    def events(self) -> EventFeed:
        return EventFeed(self._run, self._dialect)

    @cached_property
    def intake(self) -> BatchIntake:
        return BatchIntake(self._run, self._dialect, self.events)

    @cached_property
    def conversations(self) -> Conversations:
        return Conversations(self._run, self._dialect)

    @cached_property
    def messages(self) -> Messages:
        return Messages(self._run, self._dialect)

    @cached_property
    def customers(self) -> Customers:
        return Customers(self._run, self._dialect, self._clock.now)

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self._run, self._dialect)

    @cached_property
    def outbox(self) -> Outbox:
        return Outbox(self._run, self._dialect, self._clock)

    @cached_property
    def agents(self) -> Agents:
        return Agents(self._run, self._dialect, self._clock.now, self._roster)

    @cached_property
    def distribution(self) -> Distribution:
        return Distribution(self._run, self._dialect)

    @cached_property
    def quarantine(self) -> Quarantine:
        return Quarantine(self._run, self._dialect)

    @cached_property
    def rulebooks(self) -> Rulebooks:
        return Rulebooks(self._run, self._dialect)

    @cached_property
    def overrides(self) -> Overrides:
        return Overrides(self._run, self._dialect)

    @cached_property
    def models(self) -> Models:
        return Models(self._run, self._dialect)

    @cached_property
    def sessions(self) -> VisitorSessions:
        return VisitorSessions(self._run, self._dialect)

    @cached_property
    def attachments(self) -> Attachments:
        return Attachments(self._run, self._dialect)

    @cached_property
    def fetches(self) -> Fetches:
        return Fetches(self._run, self._dialect)

    @cached_property
    def follow_ups(self) -> FollowUps:
        return FollowUps(self._run, self._dialect)

    @cached_property
    def callbacks(self) -> Callbacks:
        return Callbacks(self._run, self._dialect)

    @cached_property
    def call_codes(self) -> CallCodes:
        return CallCodes(self._run, self._dialect)

    @cached_property
    def backfills(self) -> Backfills:
        return Backfills(self._run, self._dialect, self._clock.now)

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(self._run, self._dialect)

    @cached_property
    def leases(self) -> Leases:
        # nodes that share a server may disagree about the time: there it is the server's
        return Leases(self._run, self._dialect, None if self._dialect == "postgresql" else self._clock.now)

    @cached_property
    def cursors(self) -> Cursors:
        return Cursors(self._run, self._dialect, self._clock)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self._run, self._dialect)

    @cached_property
    def exports(self) -> Exports:
        return Exports(self._run, self._dialect)

    @cached_property
    def erasure(self) -> Erasure:
        return Erasure(self._run, self._dialect)

    @cached_property
    def figures(self) -> Figures:
        return Figures(self._run, self._dialect)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it after the commit, never after a roll-back; it must not block."""
        self._calls.append(call)

    def hint(self, *hints: Hint) -> None:
        """Publish these hints after the commit."""
        self._hints += hints

    def last_statements(self) -> Callable[[Connection], None] | None:
        """What is written just before the commit: the events, numbered."""
        numbering = self.events.numbering()
        if numbering is not None:
            self._hints.append(Hint(topic=Topic.FEED))
        return numbering

    def committed(self, signals: Signals) -> None:
        """Now it is durable: notify whoever waits."""
        for call in self._calls:
            try:
                call()
            except Exception:
                log.exception("after_commit_failed")
        if self._hints:
            signals.publish(*self._hints)
