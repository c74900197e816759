"""What one kind of channel can do, as data."""

from dataclasses import dataclass
from datetime import timedelta

from conversation.model.callback import CallbackSettings
from conversation.model.people import WorkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """What agents said and nobody has read `after` this span goes by mail: `account` names the account that sends it."""

    account: str
    after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Can:
    """What one kind of channel can do. Lengths are in `length_unit`: "characters", "utf16" or "bytes".

    `second_try` says that a message to which no answer came may be sent once more, later: it then carries the same id.
    `follow_up` is for channels whose customers go away and may have left an address. After `reply_window` only what a
    person wrote may leave, until `human_window`; after that one of `templates` only. `calls`: how this account calls back.
    `forgeable`: anybody can write under any address, and nobody says whether they did; a medium that says so of each message uses its
    `doubt`, and `answers_unproven` says whether such a message may be answered automatically.
    """

    work: WorkKind
    receive: bool = True
    send: bool = True
    threads: bool = False
    attachments: bool = False
    attachment_bytes: int = 0
    attachment_types: tuple[str, ...] = ()
    receipts: bool = False
    feed: bool = False
    idempotent: bool = False
    second_try: bool = False
    length: int | None = None
    length_unit: str = "characters"
    reply_window: timedelta | None = None
    human_window: timedelta | None = None
    templates: tuple[str, ...] = ()
    choices: int = 0
    forgeable: bool = False
    answers_unproven: bool = True
    follow_up: FollowUp | None = None
    calls: CallbackSettings | None = None
