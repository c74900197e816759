"""Messages that came back, recognised by a report or by a notice. Pure."""

from collections.abc import Iterator, Sequence

from channels.email.bounces import notice as bounce_notice
from channels.email.bounces import report as bounce_report
from channels.email.bounces.report import COPY_TYPES, REPORT_TYPES
from channels.email.mime import headers
from channels.email.mime import part_tree as mime
from channels.email.mime.parsed_mail import Bounce, Mailbox
from channels.email.mime.part_tree import Part
from channels.email.patterns import pattern
from channels.email.word_lists import any_of, read_word_lists

_IGNORE = 2
_WORDS = read_word_lists(__package__)
_SUBJECT = pattern(any_of(_WORDS["subjects"]), _IGNORE)
_DAEMON = pattern(
    r"(?:mailer[-_]?daemon|postmaster|mail[-_.]?(?:delivery|system|server)\S*|mdaemon|bounce[s]?|maildaemon|daemon|mailerdaemon)(?:@|\Z)",
    _IGNORE,
)
_DAEMON_NAME = pattern(any_of(_WORDS["system_names"]), _IGNORE)


def rows(root: Part, sender: Mailbox | None, subject: str) -> tuple[Bounce, ...] | None:
    """Who did not get our message, and why; `None` where this is no bounce. Empty: a bounce that names nobody."""
    reports = [part for part in _near(root, sender) if part.type in REPORT_TYPES]
    if not reports and not _looks_like(root, sender, subject):
        return None
    original = bounce_report.original_id(root)
    found = [row for part in reports or _wrapped(root) for row in bounce_report.rows(part, original)]
    if found or (reports and _all_delivered(reports)):
        return _once(found)
    return _once(list(bounce_notice.rows(root, original)))


def _near(root: Part, sender: Mailbox | None) -> Iterator[Part]:
    """The parts of a report, and of one that a list or filter put into a frame. Elsewhere it is an attachment, which people forward."""
    if root.type == "multipart/report" or _by_daemon(root, sender) or _from_nowhere(root):
        yield from root.children
    for child in root.children:
        if child.type == "multipart/report":
            yield from child.children


def by_system(root: Part, sender: Mailbox | None) -> bool:
    """Whether a mail system wrote it: by its address, or by a path that nothing can be answered to."""
    return _by_daemon(root, sender) or _from_nowhere(root)


def _wrapped(root: Part) -> list[Part]:
    """The report inside a report that a filter packed up once more."""
    inner = (mime.parse(part.data())[0] for part in root.children if part.type == "message/rfc822")
    return [
        part for one in inner if one.type.startswith("multipart/") for part in one.children if part.type in REPORT_TYPES
    ]


def _all_delivered(reports: Sequence[Part]) -> bool:
    return any(b"action:" in part.body.lower() for part in reports)


def _looks_like(root: Part, sender: Mailbox | None, subject: str) -> bool:
    """No report: a machine's sender or path together with a subject, a copy or a field that only bounces have."""
    fields = root.headers
    if root.type == "multipart/report" and root.parameters.get("report-type", "").lower() in ("delivery-status", ""):
        return True
    daemon, nowhere = _by_daemon(root, sender), _from_nowhere(root)
    named = _SUBJECT.search(subject) is not None
    if fields.raw("x-failed-recipients") and (daemon or nowhere or named):
        return True
    copied = any(part.type in COPY_TYPES for part in root.children)
    answers = "in-reply-to" in fields and not daemon
    sure = named or copied or (daemon and bounce_notice.is_failure_notice(root))
    if (daemon or nowhere) and sure:
        return True
    # from anybody's address: only where it also names who did not get it
    plainly = named and not answers and bounce_notice.is_set_phrase(root, subject)
    return plainly and any(True for _ in bounce_notice.rows(root, None))


def _by_daemon(root: Part, sender: Mailbox | None) -> bool:
    """By the address. What people call themselves proves nothing, and is looked at only where there is no address."""
    if sender is not None:
        return _DAEMON.match(sender.key) is not None
    written = root.headers.raw("from")
    return _DAEMON_NAME.search(headers.decoded(written)) is not None or _DAEMON.search(written) is not None


def _from_nowhere(root: Part) -> bool:
    """Whether nothing can be answered to it: no path, or a daemon's."""
    path = root.headers.raw("return-path").strip().lower()
    return (
        path == "<>" or _DAEMON.match(path.strip("<>")) is not None or root.headers.raw("from").rstrip().endswith("<>")
    )


def _once(found: Sequence[Bounce]) -> tuple[Bounce, ...]:
    kept: dict[str, Bounce] = {}
    for row in found:
        kept.setdefault(row.address.lower(), row)
    return tuple(kept.values())[: bounce_report.MOST]
