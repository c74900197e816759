"""Notices that a message came back, in the forms that are not RFC 3464 reports. Pure."""

from collections.abc import Iterator, Sequence

from channels.email.bounces.report import ADDRESS, LONGEST_NOTICE, LONGEST_REASON, MOST, address_in, is_gone, status_in
from channels.email.mime import charset
from channels.email.mime.addresses import valid
from channels.email.mime.headers import clean
from channels.email.mime.parsed_mail import Bounce
from channels.email.mime.part_tree import Part
from channels.email.patterns import pattern
from channels.email.word_lists import any_of, read_word_lists

_IGNORE = 2
_WORDS = read_word_lists(__package__)
_DELAYED = pattern(any_of(_WORDS["delayed"]), _IGNORE)
_COPY = pattern(rf"\s*-* ?{any_of(_WORDS['copy'])}", _IGNORE)
_FAILING = pattern(any_of(_WORDS["failing"]), _IGNORE)
_OTHER = pattern(any_of(_WORDS["other_addresses"]), _IGNORE)
_ALONE = pattern(
    r"[\s>*|-]*(?:rfc822;|smtp;|mailto:|<|-->|->)*\s*<?([^\s@<>()\[\],;:\"\'，。；：、（）＜＞《》“”【】]{1,64}@[\w][\w.-]{0,250})>?\s*(?:\.\.\..*|[:;.,]|\(.{0,200}\)|\bon\b.{0,100}|;.*|:.*)?\s*\Z",
    _IGNORE,
)
_MADE_FROM = pattern(
    rf"\(?{any_of(_WORDS['made_from'])} ?(?:from|to)?:? <?([^\s@<>()，。；：、（）＜＞《》“”【】]{{1,64}}@[\w.-]{{1,250}}\w)",
    _IGNORE,
)
_FOR = pattern(rf"\b{any_of(_WORDS['for'])}\s*:?\s*<?([^\s@<>()\[\],;:\"']{{1,64}}@[\w.-]{{1,250}}\w)", _IGNORE)
_LONG_LINE = 1_000
_PASSED_ON = pattern(rf"\s*{any_of(_WORDS['forwarded'])}\s*[:：]", _IGNORE)
_PLAINLY = pattern(
    rf"{any_of(_WORDS['your'])} ?{any_of(_WORDS['message'])}[^!?]{{0,160}}?{any_of(_WORDS['not_delivered'])}", _IGNORE
)
_UNDELIVERED = pattern(any_of(_WORDS["undelivered"]), _IGNORE)
_TAGS = pattern(r"<(?![^<>\s]+@)[^<>]*>")


def rows(root: Part, original: str | None) -> Iterator[Bounce]:
    notice = words_of(root)
    late = _DELAYED.search(notice) is not None or _DELAYED.search(root.headers.text("subject")) is not None
    failed = [one for one in (address_in(each) for each in root.headers.raw("x-failed-recipients").split(",")) if one]
    lines = notice.split("\n")
    found = dict.fromkeys(failed) or dict.fromkeys(_named(lines, _own(root)))
    for address in found:
        reason = _words_about(lines, address)
        status = status_in(reason)
        yield Bounce(
            address=address,
            status=status,
            hard=not late,
            gone=not late and is_gone(status, reason),
            action="delayed" if late else "failed",
            reason=reason[:LONGEST_REASON] or None,
            original_id=original,
        )


def words_of(root: Part) -> str:
    """The words of the mail system: the first text, down to the copy of what came back."""
    texts = [
        part
        for part in root.walk()
        if not part.children and part.type in ("text/plain", "multipart/mixed", "multipart/report")
    ]
    texts = texts or [part for part in root.walk() if part.type == "text/html"]
    whole = "\n".join(
        charset.decode(part.data()[:LONGEST_NOTICE], part.parameters.get("charset")) for part in texts[:2]
    )
    if texts and texts[0].type == "text/html":
        whole = _TAGS.sub(" ", whole)
    kept: list[str] = []
    for line in whole.replace("\r", "").split("\n"):
        if kept and _begins_copy(line):
            break
        kept.append(line)
    return "\n".join(kept)


def _begins_copy(line: str) -> bool:
    text = line.strip(" \t|*=>")
    if not text:
        return False
    return _COPY.match(text.lstrip("- ")) is not None and (len(text) < 90 or text.startswith("-"))  # noqa: PLR2004 one line


def _own(root: Part) -> set[str]:
    """Addresses that are ours or the mail system's, and so never those that failed."""
    fields = root.headers
    written = " ".join(
        (fields.raw("from"), fields.raw("to"), fields.raw("sender"), fields.raw("return-path"), fields.raw("reply-to"))
    )
    return {found[0].lower() for found in ADDRESS.finditer(written)}


def _named(lines: Sequence[str], own: set[str]) -> list[str]:
    """The recipients that a notice names: on lines of their own before those in a sentence about what went wrong."""
    alone = [one for line in lines for one in _alone(line)]
    found = [one for one in alone if one.lower() not in own]
    if found:
        return found[:MOST]
    named = [one for at, line in enumerate(lines) if not _OTHER.search(line) for one in _in_sentence(lines, at)]
    named = [one for one in named if one.lower() not in own] or [one for line in lines for one in _addressed(line)]
    return [one for one in named if one.lower() not in own][:MOST] or alone[:1]


def _addressed(line: str) -> Iterator[str]:
    """`... from <us> ... was rejected for <them>`: the recipient in a line that names other addresses too."""
    if "@" in line and len(line) < _LONG_LINE and _FAILING.search(line) is not None:
        yield from (found[1].rstrip(".") for found in _FOR.finditer(line) if valid(found[1].rstrip(".")))


def _alone(line: str) -> Iterator[str]:
    made = _MADE_FROM.search(line)
    if made is not None and valid(made[1]):
        yield made[1]
        return
    found = _ALONE.match(line) if len(line) < 400 and "@" in line else None  # noqa: PLR2004
    if found is not None and not _OTHER.search(line):
        address = found[1].rstrip(".")
        if valid(address):
            yield address


def _in_sentence(lines: Sequence[str], at: int) -> Iterator[str]:
    line = lines[at]
    if "@" not in line or len(line) > 1000:  # noqa: PLR2004
        return
    around = " ".join(lines[max(0, at - 1) : at + 2])
    if _FAILING.search(line) is None and _FAILING.search(around) is None:
        return
    for found in ADDRESS.finditer(line):
        address = found[0].rstrip(".").lstrip("=")
        if valid(address):
            yield address


def _words_about(lines: Sequence[str], address: str) -> str:
    """The line with the address and the few below it, up to an empty one: that is where the reason stands."""
    for at, line in enumerate(lines):
        if address in line:
            rest = [line.replace(f"<{address}>", "").replace(address, "").strip(" :<>()")]
            for below in lines[at + 1 : at + 8]:
                if not below.strip() and any(rest):
                    break
                rest.append(below.strip())
            return clean(" ".join(one for one in rest if one))
    return ""


def is_failure_notice(root: Part) -> bool:
    """Whether the first words are a notice of failure: what went wrong and whom it would have reached."""
    notice = words_of(root)[:4000]
    return _UNDELIVERED.search(notice) is not None and ADDRESS.search(notice) is not None


def is_set_phrase(root: Part, subject: str) -> bool:
    """No mail system by its name: only the set words of a notice count, and never those that somebody passes on."""
    return _PASSED_ON.match(subject) is None and _PLAINLY.search(words_of(root)[:800]) is not None
