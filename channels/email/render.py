"""A reply -> the bytes of a mail. Pure.

The head is written here line by line and checked, not by the standard library, which puts a line break that an encoded
word hides onto the wire (CVE-2024-6923) and cuts long ids; the library makes the MIME body.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from channels.email.mail_text import Template, html_of, own_subject, text_of
from channels.email.mime.addresses import valid
from channels.email.thread_ids import Threads
from channels.email.word_lists import read_word_lists
from channels.file_types import safe_name
from conversation.errors import PermanentFailure
from conversation.model.email_address import ascii_domain
from conversation.model.message import Attachment
from conversation.model.outbound import OutboundMessage

MARKER = "X-Huntgroup-Mailbox"
LONGEST_SUBJECT = 200
MOST_REFERENCES = 10

_POLICY = SMTP.clone(cte_type="7bit")
_ATOM = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ")
_ANSWERED = read_word_lists("channels.email")["answers_replaced"]
_LONGEST_ID = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail ready to leave. An empty `sender` is the null envelope sender: a bounce notifies nobody."""

    sender: str
    to: str
    message_id: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class From:
    """Who mail comes from, and what their mails look like, by language."""

    address: str
    name: str | None = None
    templates: Mapping[str, Template] = field(default_factory=dict)


def mail(
    message: OutboundMessage, threads: Threads, own: From, *, now: datetime, files: Sequence[tuple[Attachment, bytes]]
) -> Mail:
    """The same message has the same Message-ID whenever it is rendered. Raises `PermanentFailure`."""
    to = _recipient(message.to.address)
    message_id = threads.message_id(message.id, message.conversation, to)
    fields = [
        ("From", _person(_author(message, own), own.address)),
        ("To", _person("" if own_subject(message) else message.to.name or "", to)),
        ("Subject", _words(subject_of(message))),
        ("Date", format_datetime(message.created_at or now)),
        ("Message-ID", message_id),
        *_threading(message, threads, to),
        *([("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")] if message.automatic else []),
        (MARKER, message_id),
    ]
    data = _head(fields) + _body(message, own, files)
    sender = "" if message.automatic else own.address
    return Mail(sender=sender, to=to, message_id=message_id, data=data)


def subject_of(message: OutboundMessage) -> str:
    """`Re: what the customer wrote [7K3M-9QFX]`: some programs keep nothing else of what is answered.

    An automatic message has a subject of its own, which repeats nothing of the customer's.
    """
    tag = f"[{message.reference}]"
    if own := own_subject(message):
        return f"{own} {tag}"
    subject = plain(message.subject or "")
    shorter = _without_prefix(subject)
    while shorter != subject:
        subject, shorter = shorter, _without_prefix(shorter)
    words = subject[:LONGEST_SUBJECT].replace(tag, "").strip()
    return " ".join(filter(None, ("Re:", words, tag)))


def plain(text: str) -> str:
    """On one line: whatever could end it, or turn the direction of writing, becomes a space."""
    return " ".join("".join(" " if _breaks(letter) else letter for letter in text).split())


def _breaks(letter: str) -> bool:
    return (
        unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
        or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _without_prefix(subject: str) -> str:
    lower = subject.lower()
    found = next((prefix for prefix in _ANSWERED if lower.startswith(prefix)), "")
    return subject[len(found) :].strip()


def _recipient(address: str) -> str:
    """The address as a server takes it: the domain in ASCII; letters beyond ASCII before the @ need what few servers offer."""
    local, _, domain = address.rpartition("@")
    if not valid(address) or not local.isascii():
        raise PermanentFailure("this address cannot be written to", code="unknown_recipient")
    return f"{local}@{ascii_domain(domain)}"


def _author(message: OutboundMessage, own: From) -> str:
    return ", ".join(filter(None, (plain(message.author_name or ""), own.name)))


def _threading(message: OutboundMessage, threads: Threads, to: str) -> list[tuple[str, str]]:
    root = threads.root(message.conversation)
    answered = answered_id(message.reply_to)
    tagged = threads.reply_address(message.conversation, to)
    fields = [("In-Reply-To", answered)] if answered else []
    chain = [one for one in (harmless(each) for each in message.references[-MOST_REFERENCES:]) if one]
    named = dict.fromkeys((root, *chain, *filter(None, [answered])))  # the last one is what is answered
    fields.append(
        ("References", "\r\n ".join(one for one in named if one != answered) + (f"\r\n {answered}" if answered else ""))
    )
    return [*fields, *([("Reply-To", tagged)] if tagged else [])]


def answered_id(external_id: str | None) -> str | None:
    """The Message-ID in what we keep of a mail (`ID#HASH`), if it can stand in a header as it is."""
    return harmless((external_id or "").rpartition("#")[0])


def harmless(identifier: str) -> str | None:
    """In brackets, if it can stand in a header as it is."""
    lawful = identifier.isascii() and identifier.isprintable() and not set(identifier) & set(" <>")
    return f"<{identifier}>" if lawful and "@" in identifier and len(identifier) <= _LONGEST_ID else None


def _person(name: str, address: str) -> str:
    shown = plain(name)[:100]
    if not shown:
        return address
    if set(shown) <= _ATOM:
        return f"{shown} <{address}>"
    if shown.isascii():
        escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{_words(shown)}\r\n <{address}>"


def _words(text: str) -> str:
    """A text in a header: as it is, or as encoded words of lawful length."""
    if text.isascii() and len(text) < 200 and "=?" not in text:  # noqa: PLR2004 no server minds
        return text
    return Header(text, "utf-8", maxlinelen=70).encode(linesep="\r\n")


def _head(fields: Sequence[tuple[str, str]]) -> bytes:
    """The lines of the head. A line that is neither a field of ours nor folded by us cannot leave."""
    text = "".join(f"{name}: {value}\r\n" for name, value in fields)
    lines = text.encode("ascii").split(b"\r\n")[:-1]
    begun = [line.partition(b":")[0].decode() for line in lines if not line.startswith(b" ")]
    if begun != [name for name, _ in fields] or any(b"\r" in line or b"\n" in line for line in lines):
        raise PermanentFailure("a header of this mail could not be written", code="refused")
    return text.encode("ascii")


def _body(message: OutboundMessage, own: From, files: Sequence[tuple[Attachment, bytes]]) -> bytes:
    """From `MIME-Version` to the end."""
    made = EmailMessage(policy=_POLICY)
    made.set_content(_text(text_of(message, own.templates, own.name)))
    html = html_of(message, own.templates, own.name)
    if html:
        made.add_alternative(_text(html), subtype="html")
    for attachment, data in files:
        maintype, _, subtype = attachment.type.partition("/")
        if maintype in ("multipart", "message") or not (maintype.isalnum() and subtype.isprintable() and subtype):
            maintype, subtype = "application", "octet-stream"
        made.add_attachment(data, maintype=maintype, subtype=subtype, filename=safe_name(attachment.name))
    return made.as_bytes()


def _text(text: str) -> str:
    """Without control characters but line ends and tabs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in lines if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
