"""What follows from one try to send: settled, again at a moment, or never. Pure; the luck of the draw is passed in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from conversation.errors import ChannelError, ChannelMisconfigured, PermanentFailure, RateLimited, Unknown
from conversation.model.credential_retry import PAUSES
from conversation.model.message import Status
from conversation.model.outbound import Effect, OutboxRow, OutboxState, Receipt, WebhookCall

CallProgress = Literal["waiting", "expired", "failed"]
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_CALL_PAUSE = timedelta(minutes=1)  # a call of a webhook has a quarter of an hour in all
MISCONFIGURED_PAUSE = PAUSES[0]  # of the first refusal; whoever sends counts, and waits longer each time
SECOND_TRY = timedelta(minutes=10)
SUPPRESSED = "suppressed"  # the code of an automatic answer that is kept back on purpose
INTERRUPTED = "interrupted"  # stands for the ids that a sender which died might have sent
EXPIRED = "expired"  # how the error of a call begins that waited too long
NO_CHANNEL = "no_channel: this channel has been taken out of the configuration; answer over another one"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOutcome:
    """How the row and its message stand afterwards. `pause` says how long the whole account must wait; `refused`: for its credentials."""

    state: OutboxState
    status: Status
    error: str | None = None
    retry_at: datetime | None = None
    external_ids: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    pause: timedelta | None = None
    bug: bool = False
    refused: bool = False
    began: datetime | None = None


def of_receipt(receipt: Receipt | None) -> DeliveryOutcome:
    """The other side took it."""
    ids = receipt.external_ids if receipt else ()
    delivered = receipt is not None and receipt.delivered
    return DeliveryOutcome(
        state=OutboxState.SENT,
        status=Status.DELIVERED if delivered else Status.SENT,
        external_ids=ids,
        sent=ids,
    )


def of_error(
    error: Exception,
    row: OutboxRow,
    *,
    idempotent: bool,
    now: datetime,
    draw: Callable[[], float],
    second_try: bool = False,
) -> DeliveryOutcome:
    """By the class of the error, as the channel contract has it. `draw` gives a number from 0 to 1."""
    words = str(error) or type(error).__name__
    sent = error.sent if isinstance(error, ChannelError) else ()
    if isinstance(error, PermanentFailure) and error.code == SUPPRESSED:
        return DeliveryOutcome(state=OutboxState.FAILED, status=Status.SUPPRESSED, error=words)
    if isinstance(error, PermanentFailure):
        return DeliveryOutcome(
            state=OutboxState.FAILED, status=Status.FAILED, error=f"{error.code}: {words}", sent=sent
        )
    if isinstance(error, Unknown) and not (idempotent if error.repeatable is None else error.repeatable):
        return _doubted(row, words, sent, now=now, second_try=second_try)
    if isinstance(error, ChannelError):
        return _later(error, row, words, now=now, draw=draw)
    parked = "an error in our own software; an operator has to look"
    return DeliveryOutcome(state=OutboxState.PARKED, status=Status.SENDING, error=parked, bug=True)


def of_stranded(row: OutboxRow, *, idempotent: bool, now: datetime, second_try: bool = False) -> DeliveryOutcome:
    """Its sender died midway: safe to repeat where the same id has no second effect, else once, or a person must look."""
    words = "the sending was interrupted"
    if idempotent:
        return DeliveryOutcome(state=OutboxState.QUEUED, status=Status.SENDING, error=words, retry_at=now)
    return _doubted(row, words, (INTERRUPTED,), now=now, second_try=second_try)


def back_off(attempts: int, draw: Callable[[], float]) -> timedelta:
    """Exponential with full jitter, so that many that failed together do not come back together."""
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(attempts, 16)))
    return max(timedelta(milliseconds=200), ceiling * draw())


def _doubted(row: OutboxRow, words: str, sent: tuple[str, ...], *, now: datetime, second_try: bool) -> DeliveryOutcome:
    """It may have arrived. Where the channel allows, it is sent once more under the same id; then a person must look.

    What stands in no conversation, a code, nobody can look at: whoever waits for it asks for another.
    """
    if row.effect is Effect.MESSAGE and row.conversation is None:
        return DeliveryOutcome(state=OutboxState.FAILED, status=Status.FAILED, error=words, sent=sent)
    tried = row.message.sent if row.message else ()
    if second_try and sent and not tried:
        return DeliveryOutcome(
            state=OutboxState.QUEUED, status=Status.UNCERTAIN, error=words, retry_at=now + SECOND_TRY, sent=sent
        )
    return DeliveryOutcome(state=OutboxState.UNCERTAIN, status=Status.UNCERTAIN, error=words, sent=sent)


def _later(
    error: ChannelError, row: OutboxRow, words: str, *, now: datetime, draw: Callable[[], float]
) -> DeliveryOutcome:
    """Nothing was sent, or sending it again has no second effect."""
    if isinstance(error, RateLimited):
        pause = error.retry_after if error.whole_account else None
        return _retry(row, now, error.retry_after, words, error.sent, pause=pause)
    if isinstance(error, ChannelMisconfigured):
        # the account's pause grows, as its sender counts: the row is ready whenever the account is
        retry = _retry(row, now, MISCONFIGURED_PAUSE / 2, words, error.sent, pause=MISCONFIGURED_PAUSE, for_ever=True)
        return replace(retry, refused=True)
    pause = back_off(row.attempts, draw)
    if row.effect is Effect.WEBHOOK:
        pause = min(pause, LONGEST_CALL_PAUSE)
    return _retry(row, now, pause, f"attempt {row.attempts}: {words}", error.sent)


def _retry(
    row: OutboxRow,
    now: datetime,
    after: timedelta,
    words: str,
    sent: tuple[str, ...],
    *,
    pause: timedelta | None = None,
    for_ever: bool = False,
) -> DeliveryOutcome:
    retry_at = now + after
    call, deadline = row.effect is Effect.WEBHOOK, row.deadline
    if deadline is not None and retry_at >= deadline and (call or not for_ever):
        gave_up = f"{EXPIRED if call else 'gave up'}: {words}"
        return DeliveryOutcome(state=OutboxState.FAILED, status=Status.FAILED, error=gave_up, sent=sent, pause=pause)
    return DeliveryOutcome(
        state=OutboxState.QUEUED, status=Status.SENDING, error=words, retry_at=retry_at, sent=sent, pause=pause
    )


def state_of_call(call: WebhookCall) -> CallProgress:
    """In the words of people: `waiting` is tried again, `expired` and `failed` never leave by themselves."""
    if call.state is not OutboxState.FAILED:
        return "waiting"
    return "expired" if (call.error or "").startswith(EXPIRED) else "failed"
