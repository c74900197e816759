"""Which mails no person wrote: replies of machines, lists, reports. Pure.

Only fields are believed (RFC 3834, RFC 2919, vendors' own); words of a subject are a sign where a field supports them.
"""

from channels.email.mime.headers import Headers
from channels.email.mime.parsed_mail import Mailbox
from channels.email.mime.part_tree import Part
from channels.email.patterns import pattern
from channels.email.word_lists import any_of, read_word_lists

AUTO_REPLY = "auto-reply"
LIST = "list"
BOUNCE = "bounce"
REPORT = "report"
RECEIPT = "receipt"
BULK = "bulk"
NOTIFICATION = "notification"

_REPLY_FIELDS = (
    "x-autoreply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply", "x-auto-reply", "x-ms-exchange-inbox-rules-loop",
    "x-autoresponse", "x-auto-respond", "x-vacation", "x-out-of-office", "x-ezmlm-auto-reply", "x-fc-machinegenerated", "x-cr-autoreply",
)  # fmt: skip
_ROBOTS = pattern(
    r"(?:mailer-?daemon|postmaster|no[-._]?reply|do[-._]?not[-._]?reply|auto[-._]?(?:reply|respond\w*|mat\w*)|bounces?(?:[-+.].*)?|mail-?delivery\S*)\Z",
    2,
)
_AWAY = pattern(rf"\s*{any_of(read_word_lists(__package__)['away'])}", 2)


def kind(root: Part, sender: Mailbox | None, subject: str) -> str | None:
    """What sort of machine wrote this, bounces apart; `None` for a person."""
    fields = root.headers
    report = root.parameters.get("report-type", "").lower() if root.type == "multipart/report" else ""
    if report == "disposition-notification" or _holds(root, "message/disposition-notification"):
        return RECEIPT
    if is_complaint(root):
        return REPORT
    return _by_reply_fields(fields, subject) or _by_list_fields(fields) or _by_sender(fields, sender)


def is_complaint(root: Part) -> bool:
    """An abuse report (RFC 5965): it holds a copy of our message, yet that arrived."""
    return root.parameters.get("report-type", "").lower() == "feedback-report" or _holds(
        root, "message/feedback-report"
    )


def _holds(root: Part, wanted: str) -> bool:
    return any(child.type == wanted for child in root.children)


def _by_reply_fields(fields: Headers, subject: str) -> str | None:
    submitted = fields.raw("auto-submitted").partition(";")[0].partition("(")[0].strip().lower()
    precedence = fields.raw("precedence").strip().lower()
    replied = submitted in ("auto-replied", "auto-notified") or "auto_reply" in precedence or "auto-reply" in precedence
    if replied or any(name in fields for name in _REPLY_FIELDS):
        return AUTO_REPLY
    away = _AWAY.match(subject) is not None
    if fields.raw("x-auto-response-suppress"):
        return AUTO_REPLY if away else NOTIFICATION
    if submitted and submitted != "no":
        return AUTO_REPLY if away else NOTIFICATION
    supported = precedence in ("bulk", "junk") or "in-reply-to" in fields or _null_path(fields)
    return AUTO_REPLY if away and supported else None


def _by_list_fields(fields: Headers) -> str | None:
    if "list-id" in fields or "list-post" in fields or "mailing-list" in fields or "x-beenthere" in fields:
        return LIST
    precedence = fields.raw("precedence").strip().lower()
    if precedence == "list":
        return LIST
    bulk = (
        precedence in ("bulk", "junk")
        or "list-unsubscribe" in fields
        or "feedback-id" in fields
        or "x-campaign-id" in fields
    )
    return BULK if bulk else None


def _by_sender(fields: Headers, sender: Mailbox | None) -> str | None:
    if _null_path(fields) or "x-failed-recipients" in fields:
        return NOTIFICATION
    local = sender.key.partition("@")[0] if sender is not None else ""
    return NOTIFICATION if local and _ROBOTS.match(local) else None


def _null_path(fields: Headers) -> bool:
    return fields.raw("return-path").strip() == "<>"
