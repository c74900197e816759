"""One mail -> the events that it makes: a message, delivery reports, or nothing. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256

from channels.email.mime.authentication_results import Verdict, verdict
from channels.email.mime.automatic_mail import BOUNCE
from channels.email.mime.html_safe import with_pictures
from channels.email.mime.parsed_mail import UNPARSABLE, Bounce, File, Letter, Mailbox
from channels.email.patterns import pattern
from channels.email.render import MARKER, MOST_REFERENCES, plain
from channels.email.thread_ids import Answered, Threads
from channels.email.word_lists import read_word_lists
from channels.file_types import file_id, safe_name
from conversation.model.email_address import folded
from conversation.model.message import Attachment, DeliveryReported, InboundEvent, Malformed, MessageReceived, Status
from conversation.model.people import Identity

UNVERIFIED = "unverified"
_FOLD = pattern(rb"\n[ \t]+")
_OWN = frozenset(
    {b"message-id", b"from", b"to", b"cc", b"subject", b"date", b"content-type", b"content-transfer-encoding"}
)
_ANSWER = read_word_lists("channels.email")["answers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The events of one mail, and the files that must be stored before them."""

    events: tuple[InboundEvent, ...]
    files: tuple[tuple[Attachment, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a letter is judged by: `trusted` servers' words on its sender, or `believes` whatever stands in From.

    `apart`: a mail whose sender nobody proves joins no conversation, unless it answers what was sent to that address.
    """

    channel: str
    threads: Threads
    trusted: Collection[str] = ()
    aliases: Collection[str] = ()
    apart: bool = False
    believes: bool = False


def external_id(letter: Letter, raw: bytes) -> str:
    """The same for the same mail, in whichever folder and under whichever number: `MESSAGE-ID#HASH`.

    The hash is of the bytes, not of what we read in them: what reads mail may learn. What servers add on the way does not
    count, what the writer wrote does: broken programs use an id twice.
    """
    if not letter.message_id:
        return f"#{sha256(raw).hexdigest()}"
    head, _, body = _split(raw)
    lines = _FOLD.sub(b" ", head.replace(b"\r\n", b"\n")).split(b"\n")
    own = (b" ".join(line.split()) for line in lines if line.partition(b":")[0].strip().lower() in _OWN)
    digest = sha256(b"\n".join((*own, b"", body.replace(b"\r\n", b"\n").rstrip()))).hexdigest()
    return f"{letter.message_id}#{digest[:24]}"


def arrival(letter: Letter, raw: bytes, account: Account, *, received_at: datetime) -> Arrival:
    """A mail is a message, whoever wrote it. A bounce becomes a delivery report of our message, and our own mail an echo."""
    if _is_echo(letter, account):
        return Arrival(events=())
    if letter.machine == BOUNCE:
        return Arrival(events=tuple(_reported(letter, raw, account, received_at)))
    return _message(letter, raw, account, received_at)


def _split(raw: bytes) -> tuple[bytes, bytes, bytes]:
    crlf, lf = raw.find(b"\r\n\r\n"), raw.find(b"\n\n")
    return raw.partition(b"\r\n\r\n" if crlf >= 0 and (lf < 0 or crlf < lf) else b"\n\n")


def _is_echo(letter: Letter, account: Account) -> bool:
    """Our own mail coming back to us: anybody can write our address and our marker, only we can sign."""
    if letter.sender is None or not account.threads.is_mine(letter.sender.address):
        return False
    signed = (letter.message_id or "", *(value for name, value in letter.markers if name == MARKER.lower()))
    return any(account.threads.sent(one) is not None for one in signed)


# -- a customer's words ------------------------------------------------------------------------------------------------


def _message(letter: Letter, raw: bytes, account: Account, received_at: datetime) -> Arrival:
    identifier = external_id(letter, raw)
    found = _verdict(letter, account)
    sender = None if found is Verdict.FORGED else letter.sender
    answered = _answered(letter, sender, account)
    files = _files(letter, raw, f"{account.channel}/{identifier}")
    unproven = found is Verdict.UNPROVEN and answered.proven is None
    event = MessageReceived(
        channel=account.channel,
        external_id=identifier,
        sender=_identity(sender, letter, account.channel, identifier),
        text=_text(letter),
        html=_html(letter, files),
        received_at=received_at,
        sent_at=letter.date and letter.date.astimezone(UTC),
        attachments=tuple(attachment for attachment, _ in files),
        locale=letter.languages[0] if letter.languages else None,
        subject=plain(letter.subject)[:300] or None,
        reply_to=answered.claimed,
        token=answered.proven,
        machine=letter.machine,
        doubt=_doubt(letter, found, unproven=unproven),
        apart=unproven and account.apart,
        quiet=not _names_us(letter, account),
        references=letter.references[-MOST_REFERENCES:],
        raw=raw,
    )
    return Arrival(events=(event,), files=files)


def _names_us(letter: Letter, account: Account) -> bool:
    """Whether To or Cc hold one of our addresses, or one by which it reached us: else nobody is answered by machine (RFC 3834, 2)."""
    reached = {folded(one) for one in (*account.aliases, *letter.delivered_to)}
    return any(account.threads.is_mine(one.address) or one.key in reached for one in (*letter.to, *letter.cc))


def _doubt(letter: Letter, found: Verdict, *, unproven: bool) -> str | None:
    if letter.sender is None:
        return UNPARSABLE
    return found.value if found is Verdict.FORGED or unproven else None


def _verdict(letter: Letter, account: Account) -> Verdict:
    """Of our own servers; a From field that names nobody, or several, is as good as forged."""
    if letter.sender is None:
        return Verdict.FORGED
    if account.believes:
        return Verdict.PROVEN
    return verdict(letter.authentication, letter.sender.domain, account.trusted)


def _identity(sender: Mailbox | None, letter: Letter, channel: str, identifier: str) -> Identity:
    """A sender whose address is forged or unreadable is nobody we know: every such mail gets an identity of its own.

    They must not become, nor be joined to, the customer whose address they wear.
    """
    if sender is not None:
        return Identity(channel=channel, address=sender.key, name=sender.name, email=sender.key)
    kind = UNVERIFIED if letter.sender else UNPARSABLE
    shown = letter.sender.address if letter.sender else None
    return Identity(channel=channel, address=f"{kind}:{sha256(identifier.encode()).hexdigest()[:24]}", name=shown)


def _answered(letter: Letter, sender: Mailbox | None, account: Account) -> Answered:
    if sender is None:
        return Answered()
    people = (*letter.delivered_to, *(one.address for one in letter.to), *(one.address for one in letter.cc))
    ids = (*letter.in_reply_to, *reversed(letter.references))
    return account.threads.answered(sender.address, recipients=people, ids=ids)


def _html(letter: Letter, files: Sequence[tuple[Attachment, bytes]]) -> str | None:
    """With the pictures that came with it at their place."""
    if letter.html is None:
        return None
    urls = {
        file.cid: f"/api/v1/attachments/{attachment.id}"
        for file, (attachment, _) in zip(letter.attachments, files, strict=False)
        if file.cid is not None
    }
    return with_pictures(letter.html, urls)


def _text(letter: Letter) -> str:
    """What was written anew; a first mail's subject belongs to it."""
    body = letter.reply.strip() or letter.text.strip()
    subject = plain(letter.subject)
    answers = bool(letter.in_reply_to) or subject.lower().startswith(_ANSWER)
    if not subject or answers or body.lower().startswith(subject.lower()):
        return body or subject
    return f"{subject}\n\n{body}".strip()


def _files(letter: Letter, raw: bytes, owner: str) -> tuple[tuple[Attachment, bytes], ...]:
    """The attachments, and the whole mail wherever the message holds less than it does."""
    found = [(_described(file, place, owner), file.data) for place, file in enumerate(letter.attachments)]
    shortened = letter.reply.strip() not in ("", letter.text.strip())
    if shortened:
        whole = File(name="mail.eml", type="message/rfc822", declared="message/rfc822", data=raw)
        found.append((_described(whole, len(found), owner), raw))
    return tuple(found)


def _described(file: File, place: int, owner: str) -> Attachment:
    """The same mail gives the same ids, whenever it is read."""
    return Attachment(
        id=file_id(f"mail:{owner}/{place}"),
        name=safe_name(file.name),
        type=file.type,
        size=file.size,
        inline=file.inline,
    )


# -- delivery reports --------------------------------------------------------------------------------------------------


def _reported(letter: Letter, raw: bytes, account: Account, received_at: datetime) -> Sequence[InboundEvent]:
    """A report on a mail of ours, proven by the Message-ID that we signed; whatever proves nothing is quarantined."""
    reports = []
    for bounce in letter.bounces:
        sent = _ours(letter, bounce, account)
        if sent is not None:
            reports.append(replace(_report(bounce, sent, account.channel, received_at), raw=raw))
    if reports:
        return list({(one.external_id, one.status): one for one in reports}.values())
    to = letter.bounces[0].address if letter.bounces else "somebody"
    return [
        Malformed(
            channel=account.channel,
            external_id=external_id(letter, raw),
            received_at=received_at,
            raw=raw,
            reason=f"a delivery report on a mail that was not sent from here, to {plain(to)[:200]}",
            code="foreign_bounce",
        )
    ]


def _ours(letter: Letter, bounce: Bounce, account: Account) -> str | None:
    """By whom it was written to as well, or by a mail system: whoever was shown an id of ours proves nothing by it."""
    if letter.sender is not None and _verdict(letter, account) is Verdict.FORGED:
        return None
    named = (bounce.original_id, letter.original_id, *letter.in_reply_to, *reversed(letter.references))
    for identifier in filter(None, named):
        sent = account.threads.sent(identifier)
        if sent is not None and (letter.daemon or account.threads.was_sent_to(identifier, bounce.address)):
            return sent.message
    return None


def _report(bounce: Bounce, message: str, channel: str, received_at: datetime) -> DeliveryReported:
    """A report of a delay means that the mail was accepted, and no more."""
    report = DeliveryReported(channel=channel, external_id=message, status=Status.SENT, received_at=received_at)
    if not bounce.hard and (bounce.action or "").lower() == "delayed":
        return report
    return replace(report, status=Status.FAILED, error=_words(bounce))


_MEANINGS = (
    (("5.1.1", "5.1.10", "5.1.6", "5.1.3"), "unknown_recipient: there is no such address"),
    (("5.1.2", "5.4.4", "5.1.8"), "unknown_recipient: there is no such mail domain"),
    (("5.2.2", "4.2.2"), "refused: the customer's mailbox is full"),
    (("5.2.1",), "unknown_recipient: the customer's mailbox is disabled"),
    (("5.2.3", "5.3.4"), "too_large: the mail is larger than the customer's server takes"),
    (("5.7.",), "refused: the customer's server does not take our mail"),
    (("5.4.7", "4.4.7", "4.4.1"), "refused: the customer's server could not be reached for days"),
)


def _words(bounce: Bounce) -> str:
    status = bounce.status or ""
    meant = next((words for codes, words in _MEANINGS if status.startswith(codes)), "refused: the mail came back")
    reason = plain(bounce.reason or "")[:300]
    return f"{meant} ({reason})" if reason else meant
