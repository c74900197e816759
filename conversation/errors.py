"""Every error that crosses a room's border.

HuntgroupError
  ChannelError                 what a channel's `start`, `listen` or `send` may raise
    TransientFailure           try again: nothing was sent; 5xx, dropped link, SMTP 4xx
    RateLimited                the provider said how long the whole account must wait
    PermanentFailure           give up at once: blocked, unknown recipient, too long
    Unknown                    the request left, no answer came: it may have been delivered
    ChannelMisconfigured       credentials or certificate refused: tried again with growing pauses, and at once after a reload
  InboundError                 what `verify` and `normalize` may raise
    SignatureRejected          401, counted only
    MalformedPayload           400, the raw bytes go to quarantine
  StoreError
    Overloaded                 the intake is full: 503 with Retry-After
    StoreUnavailable           the database cannot serve this now, `reason` says why: 503 with Retry-After
      DiskFull                 too little of the disk is free to keep files: 507 with Retry-After
      NoConnectionFree         every connection was in use for as long as one may wait: the same
    Conflict                   somebody else was faster, or the request contradicts the state: 409
    NotFound                   404
    Refused                    what the database will never accept: a poison row
      AttachmentGone           a message names a file that is not there, or somebody else's: 409
  UnlawfulMove                 a conversation's state does not allow this move: 409
  Forbidden                    this person may not do this: 403
  CallbackRefused              this callback cannot be taken or changed: its `code` says why, and the status
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol


class HuntgroupError(Exception):
    """The root of the tree."""


class ChannelError(HuntgroupError):
    """What a channel's `start`, `listen` or `send` may raise.

    `sent` holds the provider's ids of the parts that had already left when a reply of several parts failed midway.
    """

    def __init__(self, detail: str, *, sent: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent


class TransientFailure(ChannelError):
    """Nothing was sent; the same request may succeed later."""


class RateLimited(ChannelError):
    """The provider asks the whole account to wait `retry_after`; only this one chat where `whole_account` is False."""

    def __init__(
        self, detail: str, *, retry_after: timedelta, sent: tuple[str, ...] = (), whole_account: bool = True
    ) -> None:
        super().__init__(detail, sent=sent)
        self.retry_after = retry_after
        self.whole_account = whole_account


class PermanentFailure(ChannelError):
    """It will never succeed. `code` is one of the stable codes in `docs/a-new-channel.md`."""

    def __init__(self, detail: str, *, code: str, sent: tuple[str, ...] = ()) -> None:
        super().__init__(detail, sent=sent)
        self.code = code


class Unknown(ChannelError):
    """The request was written and no answer came: the message may have been delivered.

    `repeatable` says whether this very request may be made again without a second effect; None: as the channel's `can` has it.
    """

    def __init__(self, detail: str, *, sent: tuple[str, ...] = (), repeatable: bool | None = None) -> None:
        super().__init__(detail, sent=sent)
        self.repeatable = repeatable


class ChannelMisconfigured(ChannelError):
    """Credentials refused; or, where `credentials` is False, a certificate, a folder or a setting that cannot be used.

    People have to act, here or at the provider: the account is tried again with growing pauses, and at once after a reload.
    """

    def __init__(self, detail: str, *, sent: tuple[str, ...] = (), credentials: bool = True) -> None:
        super().__init__(detail, sent=sent)
        self.credentials = credentials


class InboundError(HuntgroupError):
    """What `verify` and `normalize` may raise."""


class SignatureRejected(InboundError):
    """The signature is missing, wrong or too old."""


class MalformedPayload(InboundError):
    """These bytes are not what this kind of channel sends. `code` is stable, the text is for people."""

    def __init__(self, detail: str, *, code: str = "malformed") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class StoreError(HuntgroupError):
    """What `Storage` may raise."""


class Overloaded(StoreError):
    """The intake is full; the caller should come back after `retry_after` seconds."""

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StoreUnavailable(StoreError):
    """The database cannot serve this now. `reason` is a word or two that anybody may read; the detail is for the log."""

    def __init__(self, detail: str, *, reason: str = "does not answer") -> None:
        super().__init__(detail)
        self.reason = reason


class DiskFull(StoreUnavailable):
    """Too little of the disk is free to keep another file; messages without one are still taken."""


class NoConnectionFree(StoreUnavailable):
    """Every connection of this process was in use for as long as one may wait."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, reason="no connection free")


class Conflict(StoreError):
    """Somebody else was faster, or the request contradicts the state. `code` is stable; `more` says what may be done instead."""

    def __init__(self, detail: str, *, code: str = "conflict", more: Mapping[str, object] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.more = dict(more or {})


class NotFound(StoreError):
    """There is no such thing, or this person may not know of it."""


class Refused(StoreError):
    """The database refuses these values whatever is tried: a poison row, or a broken constraint."""


class AttachmentGone(Refused):
    """A message names a file that is not there (any more), or that is somebody else's: one answer for both."""


class UnlawfulMove(HuntgroupError):
    """A conversation's state does not allow this move."""

    def __init__(self, move: str, state: str) -> None:
        super().__init__(f"a conversation that is {state} cannot be moved by '{move}'")
        self.move = move
        self.state = state


class Forbidden(HuntgroupError):
    """This person may not do this. `code` is stable."""

    def __init__(self, detail: str, *, code: str = "forbidden") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class FreeSlot(Protocol):
    """A slot that may be chosen instead."""

    @property
    def start(self) -> datetime:
        """When it begins."""
        ...

    @property
    def end(self) -> datetime:
        """When it ends."""
        ...

    @property
    def local(self) -> str:
        """The wall time where the customer is."""
        ...


class CallbackRefused(HuntgroupError):
    """This callback cannot be taken or changed.

    `code`: slot_taken (`free` are the next slots), no_time (nobody may ever call), do_not_call, on_the_line, closed, asked_already
    (there is an open request, and nothing proves that it is theirs), code_wrong, code_over (it ended, or was guessed at too often),
    code_no_way (nobody can be sent one), code_soon (after the one before), too_many (codes).
    """

    def __init__(self, code: str, free: Sequence[FreeSlot] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.free = tuple(free)
