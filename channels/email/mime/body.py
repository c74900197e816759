"""What of a mail's parts people read, and what they keep as files. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from channels.email.mime import attachments, charset, html_safe, html_text, tnef
from channels.email.mime import part_tree as mime
from channels.email.mime.parsed_mail import File
from channels.email.mime.part_tree import Part
from channels.email.patterns import pattern
from channels.email.replies.visible_text import without_quote_markers
from channels.email.word_lists import any_of, read_word_lists

LONGEST = 1_000_000

_CONTROLS = pattern(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_STUB = pattern(any_of(read_word_lists(__package__)["html_only"]), 2)
_PGP = pattern(r"^-----BEGIN PGP MESSAGE-----", 8)
_SUMMARY = pattern(rb"^SUMMARY[^:\r\n]{0,200}:([^\r\n]{1,500})", 8)


@dataclass(slots=True, kw_only=True)
class Segment:
    """A piece of the body: as plain text, as HTML, or both."""

    plain: str | None = None
    html: str | None = None


@dataclass(slots=True, kw_only=True)
class Body:
    """The pieces in order, and the files."""

    segments: list[Segment] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    encrypted: bool = False
    cut: str | None = None

    def marked(self) -> str:
        """The whole text, with the HTML reader's markers at quotations."""
        return "\n\n".join(text for text in map(_visible, self.segments) if text)

    def html(self) -> str | None:
        """The sanitised HTML of a mail that has any; `None` where it cannot be made safe in time."""
        if not any(one.html for one in self.segments):
            return None
        pieces = [html_safe.safe(one.html) if one.html else as_html(one.plain or "") for one in self.segments]
        return (
            None if any(piece is None for piece in pieces) else "<hr>".join(piece for piece in pieces if piece) or None
        )


def read(root: Part) -> Body:
    """Walk the parts in order."""
    body = Body()
    _take(root, body, first=True)
    if not body.segments:
        body.segments.extend(Segment(plain=line) for line in _calendar_lines(body.files))
    return body


def _take(part: Part, body: Body, *, first: bool = False) -> None:
    if not part.children:
        _leaf(part, body, first=first)
    elif part.type == "multipart/alternative":
        _alternative(part, body)
    else:
        body.encrypted = body.encrypted or part.type == "multipart/encrypted"
        for number, child in enumerate(part.children):
            _take(child, body, first=number == 0)


def _alternative(part: Part, body: Body) -> None:
    """One piece that was written twice: its plain and its HTML form go together; whatever else it holds is kept as files."""
    inner = Body()
    for child in part.children:
        _take(child, inner, first=True)
    plains = [one.plain for one in inner.segments if one.plain is not None and one.html is None]
    pages = [one.html for one in inner.segments if one.html is not None]
    whole = [one.plain for one in inner.segments if one.html is not None and one.plain is not None]
    body.segments.append(
        Segment(plain="\n\n".join(plains or whole) if plains or whole else None, html="\n".join(pages) or None)
    )
    body.encrypted = body.encrypted or inner.encrypted
    _keep(body, inner.files)


def _leaf(part: Part, body: Body, *, first: bool) -> None:
    if part.type.startswith("multipart/"):
        _undivided(part, body)
    elif part.type in ("text/plain", "text/html") and not _is_file(part, first=first):
        _words(part, body)
    else:
        opaque = part.type in ("application/pkcs7-mime", "application/x-pkcs7-mime")
        body.encrypted = body.encrypted or (opaque and "signed" not in part.parameters.get("smime-type", "").lower())
        file = attachments.of(part)
        _keep(body, [*_unpacked(file), file])


def _unpacked(file: File) -> list[File]:
    """What Outlook packed into `winmail.dat`, which itself stays: its formatted text is read by Outlook only."""
    if file.declared not in tnef.TYPES and file.name.lower() != "winmail.dat":
        return []
    return [attachments.plain(name, "application/octet-stream", data) for name, data in tnef.files(file.data)]


def _is_file(part: Part, *, first: bool) -> bool:
    if part.disposition == "attachment":
        return True
    return part.file_name is not None and not (first and part.disposition != "inline")


def _undivided(part: Part, body: Body) -> None:
    """A multipart whose boundary never came: what there is, is a text."""
    text = _cleaned(charset.decode(part.data()[:LONGEST], part.parameters.get("charset")))
    if text.strip():
        body.segments.append(Segment(plain=text))


def _words(part: Part, body: Body) -> None:
    data = part.data()
    if len(data) > 4 * LONGEST:
        data, body.cut = data[: 4 * LONGEST], "text_too_long"
    files = list(mime.uuencoded(data)) if b"begin " in data and part.type == "text/plain" else []
    for name, content, start, end in reversed(files):
        data = data[:start] + data[end:]
        _keep(body, [attachments.plain(name, "application/octet-stream", content)])
    declared = part.parameters.get("charset") or (_meta_charset(data) if part.type == "text/html" else None)
    text = _cleaned(charset.decode(data, declared))
    if len(text) > LONGEST:
        text, body.cut = text[:LONGEST], "text_too_long"
    if part.type == "text/html":
        body.segments.append(Segment(html=text))
        return
    flowed = part.parameters.get("format", "").lower() == "flowed"
    text = _unflowed(text, joined=part.parameters.get("delsp", "").lower() == "yes") if flowed else text
    body.encrypted = body.encrypted or _PGP.search(text) is not None
    body.segments.append(Segment(plain=text))


_META = pattern(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9_:.-]{2,40})", 2)


def _meta_charset(data: bytes) -> str | None:
    found = _META.search(data[:4096])
    return found[1].decode("ascii") if found is not None else None


def _cleaned(text: str) -> str:
    """Line ends as one, nothing that a database or a page would choke on."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return charset.printable(lines) if not lines.isascii() or _CONTROLS.search(lines) else lines


def _unflowed(text: str, *, joined: bool) -> str:
    """RFC 3676: lines that end in a space go on in the next one of the same depth."""
    out: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        if open_depth == depth and words != "-- ":
            out[-1] = (out[-1][:-1] if joined else out[-1]) + words
        else:
            out.append(f"{'>' * depth} {words}" if depth else words)
        open_depth = depth if words.endswith(" ") and words != "-- " else None
    return "\n".join(out)


def _visible(segment: Segment) -> str:
    """The text of a piece: its plain form, unless that only points to another one."""
    plain = segment.plain
    if segment.html is None:
        return (plain or "").strip("\n")
    if plain is not None and plain.strip() and not _is_stub(plain):
        return plain.strip("\n")
    found = html_text.text_of(segment.html)
    better = plain is None or len(without_quote_markers(found).strip()) > len(plain.strip())
    return found if better else (plain or "").strip("\n")


def _is_stub(plain: str) -> bool:
    return len(plain) < 400 and _STUB.search(plain) is not None  # noqa: PLR2004 a sentence or two


def as_html(plain: str) -> str:
    """Plain text as a page of its own."""
    return f"<p>{escape(plain.strip()).replace(chr(10), '<br>')}</p>" if plain.strip() else ""


def _keep(body: Body, files: Iterable[File]) -> None:
    for file in files:
        if len(body.files) >= attachments.MOST:
            body.cut = body.cut or "too_many_attachments"
            return
        body.files.append(file)


def _calendar_lines(files: list[File]) -> list[str]:
    """An invitation without words: at least what it is about."""
    found = (_SUMMARY.search(file.data) for file in files if file.declared in ("text/calendar", "application/ics"))
    return [charset.decode(one[1], "utf-8") for one in found if one is not None][:1]
