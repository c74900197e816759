"""Every metric of huntgroup, declared once. Rooms count by these names; `ops` exposes what is declared here and nothing else.

A new counter of events is a member of `CountedEvent` and its call. Label values are closed lists, names from the configuration, or names from the
source code. They are never text that a stranger sent.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol, Self

from conversation.model.outbound import OutboxState
from conversation.model.people import Presence


class _Named(StrEnum):
    """A label value that carries its help text: `NAME = "value", "help"`."""

    help: str

    def __new__(cls, value: str, help_: str) -> Self:
        """The string itself, with the help text as an attribute."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.help = help_
        return member


class CountedEvent(_Named):
    """What is counted in `huntgroup_events_total`. Names are `area.what`; those of the intake have no area."""

    ACCEPTED = "accepted", "events that the intake committed"
    DUPLICATES = "duplicates", "events that were committed before and came again"
    QUARANTINED = "quarantined", "payloads that could not be read and were kept"
    UNPROVEN_UNANSWERED = "unproven_unanswered", "automatic answers kept back because nobody proved the sender"
    HOOKS_ACCEPTED = "hooks.accepted", "calls of providers that were accepted"
    HOOKS_QUARANTINED = "hooks.quarantined", "calls of providers that could not be read and were kept"
    HOOKS_SIGNATURE_REJECTED = "hooks.signature_rejected", "calls with a signature that is missing, wrong or too old"
    HOOKS_TOO_LARGE = "hooks.too_large", "calls with a body over `body_limit`"
    HOOKS_UNKNOWN_CHANNEL = "hooks.unknown_channel", "calls for an account that does not exist or takes no calls"
    DESK_LOGIN_FAILED = "desk.login_failed", "logins with a wrong address or password"
    DESK_LOGIN_REFUSED = "desk.login_refused", "logins refused unread after too many failures"
    DESK_ORIGIN_REFUSED = "desk.origin_refused", "unsafe requests that a page of another site sent"
    LIVE_CONNECTED = "live.connected", "event sockets of agents that were opened"
    LIVE_DROPPED = "live.dropped", "event sockets closed because the other side read too slowly"
    FILES_FETCHED = "files.fetched", "files that were copied from a provider"
    FILES_FAILED = "files.failed", "files of a provider that were given up"
    LOOPS_RESTARTED = "loops.restarted", "background loops that failed and were restarted"
    SHADOW_DECIDED = "shadow.decided", "messages that the shadow rules decided as well"
    SHADOW_DIFFERING = "shadow.differing", "messages that the shadow rules decided otherwise"
    SHADOW_PASSED_OVER = "shadow.passed_over", "messages that the shadow rules did not decide"
    WEBHOOKS_NOT_CALLED = "webhooks.not_called", "calls of operators' webhooks that were given up"


class ChannelEvent(_Named):
    """What is counted in `huntgroup_channel_events_total`, for each account."""

    SENT = "sent", "messages that the provider took"
    RECEIVED = "received", "messages that the account fetched itself: mails, and updates of Telegram by polling"
    PASSED_OVER = "passed_over", "mails that the server does not give out; they are asked for again"


class Count(Protocol):
    """Counts events. An undeclared name is a type error, and a `ValueError` when it is counted."""

    def __call__(self, event: CountedEvent, amount: int = 1, /) -> None:
        """The event happened `amount` times."""
        ...


class AccountCount(Protocol):
    """Counts what one account does."""

    def __call__(self, event: ChannelEvent, amount: int = 1, /) -> None:
        """The event happened `amount` times."""
        ...


class ChannelCount(Protocol):
    """Counts what accounts do, by the account's name."""

    def __call__(self, channel: str, event: ChannelEvent, amount: int = 1, /) -> None:
        """The event happened `amount` times."""
        ...


def no_count(_event: CountedEvent, _amount: int = 1, /) -> None:
    """A `Count` for where nobody reads metrics."""


def no_account_count(_event: ChannelEvent, _amount: int = 1, /) -> None:
    """An `AccountCount` for where nobody reads metrics."""


def no_channel_count(_channel: str, _event: ChannelEvent, _amount: int = 1, /) -> None:
    """A `ChannelCount` for where nobody reads metrics."""


class Kind(StrEnum):
    """The types of Prometheus that are used."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Label:
    """A dimension. `values` are all that there are; empty where the configuration or the source code names them."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric. The name ends in its unit (`_seconds`, `_rows`) and, for a counter, in `_total`."""

    kind: Kind
    name: str
    help: str
    labels: tuple[Label, ...] = ()


_CHANNEL = Label("channel")
_QUEUE = Label("queue")
_OUTBOX = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.UNCERTAIN, OutboxState.PARKED)


class Metric(Enum):
    """All metrics of huntgroup's own."""

    # fmt: off
    EVENTS = Declaration(Kind.COUNTER, "huntgroup_events_total", "Events by name", (Label("event", tuple(CountedEvent)),))
    CHANNEL_EVENTS = Declaration(
        Kind.COUNTER, "huntgroup_channel_events_total", "What accounts did, by account and event",
        (_CHANNEL, Label("event", tuple(ChannelEvent))),
    )
    TRANSACTION = Declaration(
        Kind.HISTOGRAM, "huntgroup_transaction_seconds", "Duration of database transactions, by purpose and outcome",
        (Label("purpose"), Label("outcome", ("committed", "rolled_back", "read"))),
    )
    INTAKE_BATCH = Declaration(
        Kind.HISTOGRAM, "huntgroup_intake_batch_seconds", "Duration of one batch of the intake, with its retries",
    )
    QUEUE_WAITING = Declaration(
        Kind.GAUGE, "huntgroup_queue_waiting", "Conversations that wait for an agent", (_QUEUE,),
    )
    QUEUE_OLDEST_WAIT = Declaration(
        Kind.GAUGE, "huntgroup_queue_oldest_wait_seconds", "How long the first conversation has waited", (_QUEUE,),
    )
    OUTBOX_ROWS = Declaration(
        Kind.GAUGE, "huntgroup_outbox_rows", "Messages and calls not sent yet; uncertain and parked need a person",
        (Label("state", _OUTBOX),),
    )
    QUARANTINE_ROWS = Declaration(
        Kind.GAUGE, "huntgroup_quarantine_rows", "Payloads that could not be read and were not replayed",
        (Label("state", ("waiting",)),),
    )
    WEBHOOKS_UNACKNOWLEDGED = Declaration(
        Kind.GAUGE, "huntgroup_webhooks_unacknowledged", "Calls that nobody has acknowledged", (Label("webhook"),),
    )
    AGENTS = Declaration(
        Kind.GAUGE, "huntgroup_agents", "Agents by presence", (Label("presence", (Presence.ONLINE, Presence.AWAY)),),
    )
    STORE_UP = Declaration(
        Kind.GAUGE, "huntgroup_store_up", "1 when the database answers, and when it can be written",
        (Label("store", ("database", "writable")),),
    )
    DATABASE_CONNECTIONS = Declaration(
        Kind.GAUGE, "huntgroup_database_connections", "Connections of the pool; free ones may still be opened",
        (Label("state", ("used", "idle", "free")),),
    )
    BACKFILL_RATIO = Declaration(
        Kind.GAUGE, "huntgroup_backfill_done_ratio", "How much of its table a backfill has looked at; 1 when it is finished",
        (Label("backfill"),),
    )
    EVENT_LOOP_LAG = Declaration(
        Kind.HISTOGRAM, "huntgroup_event_loop_lag_seconds", "How late the event loop wakes a task that is due",
    )
    LOOP_UP = Declaration(
        Kind.GAUGE, "huntgroup_loop_up", "1 while the background loop runs, 0 for a minute after it failed at least",
        (Label("loop"),),
    )
    CLOCK_OFFSET = Declaration(
        Kind.GAUGE, "huntgroup_clock_offset_seconds", "How far the database's clock is ahead of this machine's",
    )
    CHANNEL_UP = Declaration(Kind.GAUGE, "huntgroup_channel_up", "1 when the account works", (_CHANNEL,))
    CHANNEL_REFUSED = Declaration(
        Kind.GAUGE, "huntgroup_channel_refused", "1 while the provider refuses the account's credentials", (_CHANNEL,),
    )
    CHANNEL_LAG = Declaration(
        Kind.GAUGE, "huntgroup_channel_lag_seconds", "Time since nothing was left to read in a mailbox", (_CHANNEL,),
    )
    RELOAD_SUCCESSFUL = Declaration(
        Kind.GAUGE, "huntgroup_config_last_reload_successful", "1 when the last reload was applied",
    )
    RELOAD_AT = Declaration(
        Kind.GAUGE, "huntgroup_config_last_reload_success_timestamp_seconds", "When rules were last applied",
    )
    RULES_FILE_DIFFERS = Declaration(
        Kind.GAUGE, "huntgroup_rules_file_differs", "1 while this node's file has other rules than those in force",
    )
    BUILD = Declaration(
        Kind.GAUGE, "huntgroup_build_info", "Always 1; the labels name what runs",
        (Label("version"), Label("python"), Label("database", ("sqlite", "postgresql"))),
    )
    # fmt: on
