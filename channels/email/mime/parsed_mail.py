"""What is read out of one raw mail: plain data, nothing of it trusted."""

from dataclasses import dataclass
from datetime import datetime

from conversation.model.email_address import folded

UNPARSABLE = "unparsable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One person of a From, To, Cc or Reply-To field. The address is as written; `key` compares."""

    address: str
    name: str | None = None

    @property
    def key(self) -> str:
        """The key by which a contact is found: however the address is written, it is the same."""
        return folded(self.address)

    @property
    def domain(self) -> str:
        """What follows the @, as DNS has it."""
        return self.key.rpartition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment: `type` is what its bytes show where they show one; `declared` is what the sender wrote."""

    name: str
    type: str
    declared: str
    data: bytes
    inline: bool = False
    cid: str | None = None

    @property
    def size(self) -> int:
        """In bytes, after decoding."""
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """One recipient of a delivery report. `hard`: the mail system has given up; `gone`: for the address itself, not a full mailbox."""

    address: str
    status: str | None = None
    hard: bool = True
    gone: bool = False
    action: str | None = None
    reason: str | None = None
    original_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """One Authentication-Results field as it was read, the topmost first. The account decides whether it is trusted.

    `results` are (method, verdict). `passed` are (method, domain) of the checks that passed; the domain is empty where none is named.
    """

    server: str
    results: tuple[tuple[str, str], ...] = ()
    passed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail. `sender` is None where the From field does not name exactly one address.

    `text` is the whole visible text, `reply` the same without quotes and signature. `cut` is why a mail was not read in full
    (too many parts, too deep, ...): its raw bytes are then among the files. `markers` are the fields by which our own
    mail is recognised, as (lower-case name, value). `daemon`: a mail system's own words, which nobody can answer.
    """

    sender: Mailbox | None
    from_: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    delivered_to: tuple[str, ...]
    return_path: str | None
    subject: str
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    date: datetime | None
    text: str
    reply: str
    html: str | None
    attachments: tuple[File, ...]
    machine: str | None
    bounces: tuple[Bounce, ...]
    authentication: tuple[Authentication, ...]
    original_id: str | None = None
    markers: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ()
    encrypted: bool = False
    daemon: bool = False
    cut: str | None = None
