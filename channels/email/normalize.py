"""The raw bytes of a mail -> a letter. Pure: no clock, no I/O; whatever the bytes are, it ends soon."""

from collections.abc import Sequence
from dataclasses import dataclass

from channels.email.bounces import bounce
from channels.email.bounces import report as bounce_report
from channels.email.mime import addresses as address
from channels.email.mime import attachments, body, headers
from channels.email.mime import authentication_results as authentication
from channels.email.mime import automatic_mail as machine
from channels.email.mime import part_tree as mime
from channels.email.mime.headers import Headers
from channels.email.mime.parsed_mail import Bounce, File, Letter, Mailbox
from channels.email.mime.part_tree import Part
from channels.email.replies import visible_text as reply_text
from conversation.errors import MalformedPayload

_LONGEST_SUBJECT = 998
_LONGEST_TAG = 16
_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-forwarded-to")
_MARKERS = ("x-loop", "x-huntgroup")


def letter(raw: bytes) -> Letter:
    """The parsed mail. Raises `MalformedPayload` for bytes that are no mail."""
    root, cut = mime.parse(raw)
    if not raw.strip() or not any(root.headers.names()):
        raise MalformedPayload("these bytes have no mail header", code="no_header" if raw.strip() else "empty")
    content = body.read(root)
    return _letter(root, content, _files(content.files, raw, cut or content.cut), cut or content.cut)


def _letter(root: Part, content: body.Body, files: tuple[File, ...], cut: str | None) -> Letter:
    fields, marked = root.headers, content.marked()
    origin = _origin(root, address.strict(fields.every("from")), fields.text("subject"))
    return Letter(
        sender=origin.sender,
        from_=address.every(fields.every("from")),
        to=address.every(fields.every("to")),
        cc=address.every(fields.every("cc")),
        reply_to=address.every(fields.every("reply-to")),
        delivered_to=_delivered_to(fields),
        return_path=_return_path(fields),
        subject=fields.text("subject")[:_LONGEST_SUBJECT],
        message_id=_first(headers.ids(fields.raw("message-id"))),
        in_reply_to=headers.ids(fields.raw("in-reply-to")),
        references=headers.ids(fields.raw("references")),
        date=headers.instant(fields.raw("date")),
        text=reply_text.without_quote_markers(marked),
        reply=reply_text.reply(marked),
        html=content.html(),
        attachments=files,
        machine=origin.machine,
        bounces=origin.bounces,
        authentication=authentication.read(fields),
        original_id=origin.original_id,
        markers=_markers(fields),
        languages=_languages(fields),
        encrypted=content.encrypted,
        daemon=bounce.by_system(root, origin.sender),
        cut=cut,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """The text of a mail that no person wrote."""

    sender: Mailbox | None
    machine: str | None
    bounces: tuple[Bounce, ...] = ()
    original_id: str | None = None


def _origin(root: Part, sender: Mailbox | None, subject: str) -> _Origin:
    rows = None if machine.is_complaint(root) else bounce.rows(root, sender, subject)
    if rows is not None:
        return _Origin(sender=sender, machine=machine.BOUNCE, bounces=rows, original_id=bounce_report.original_id(root))
    original = bounce_report.original_id(root) if root.type == "multipart/report" else None
    return _Origin(sender=sender, machine=machine.kind(root, sender, subject), original_id=original)


def _first(found: Sequence[str]) -> str | None:
    return found[0] if found else None


def _delivered_to(fields: Headers) -> tuple[str, ...]:
    """Where the mail was delivered, by what servers on the way wrote: that is where reply tokens stand."""
    found = address.every([one for name in _DELIVERED for one in fields.every(name)[:10]])
    return tuple(mailbox.address for mailbox in found)


def _return_path(fields: Headers) -> str | None:
    """The envelope's sender: empty for machines (`<>`), None where it was not written down."""
    if "return-path" not in fields:
        return None
    found = address.every([fields.raw("return-path")])
    return found[0].address if found else ""


def _files(found: Sequence[File], raw: bytes, cut: str | None) -> tuple[File, ...]:
    """A mail that was not read in full brings itself along."""
    whole = (attachments.plain("message.eml", "message/rfc822", raw),) if cut is not None else ()
    return (*found, *whole)


def _markers(fields: Headers) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, one[:200]) for name in fields.names() if name.startswith(_MARKERS) for one in fields.every(name)[:5]
    )


def _languages(fields: Headers) -> tuple[str, ...]:
    """Languages that the sender's program claims: hints only."""
    written = fields.raw("content-language") or fields.raw("accept-language")
    words = (one.partition(";")[0].strip().lower() for one in written.split(",")[:5])
    return tuple(
        word for word in words if 1 < len(word) <= _LONGEST_TAG and word.replace("-", "").isalnum() and word.isascii()
    )
