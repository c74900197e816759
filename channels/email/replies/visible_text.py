"""The words of this mail alone: without quotations, copied headers and signature. Pure; nothing is lost, the full text is kept with it.

How it works: each line is quoted, blank or text. Attributions ("On ... wrote:"), copied headers and separators are found by
their features, not by one template. With quoted lines behind it an attribution takes those away; without, all that follows.
"""

from dataclasses import dataclass, field

from channels.email.replies import lines as read
from channels.email.replies.lines import HARD, SOFT

_MOST_LINES = 20_000
_LONGEST = 1_000_000
_FULL_LINE = 60
_REST = 30
_REST_OF_ADDRESS = 40
_MOST_ATTRIBUTIONS = 200
_MOST_SIGNATURE_LINES = 12
_LOOKED_AT = 40
_LONGEST_SIGNATURE = 200


@dataclass(slots=True)
class _Work:
    """The lines, what has been kept of them, and whether a quotation was introduced."""

    lines: list[str]
    kept: list[str] = field(default_factory=list)
    introduced: bool = False

    def has_words(self) -> bool:
        return any(line.strip() and not read.is_delimiter(line) for line in self.kept)


def reply(text: str) -> str:
    """What is new in this mail. Where nothing would be left, everything is."""
    marked = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(marked) > _LONGEST or marked.count("\n") > _MOST_LINES:
        return without_quote_markers(marked)  # a file pasted into a mail, no answer
    work = _Work(lines=marked.split("\n"))
    _walk(work)
    found = "\n".join(_without_signature(work.kept)).strip("\n").rstrip()
    found = without_quote_markers(found)
    return found if found.strip() else without_quote_markers(text).strip("\n").rstrip()


def without_quote_markers(text: str) -> str:
    """The text as people see it, without the markers that the HTML reader left at quotations."""
    if HARD not in text and SOFT not in text:
        return text
    return "\n".join(line for line in text.split("\n") if line.lstrip("> ").rstrip() not in (HARD, SOFT))


def _walk(work: _Work) -> None:
    at = 0
    ends = _attributions(work.lines)
    while at < len(work.lines):
        step = _step(work, at, ends)
        if step is None:
            return
        at = step


def _attributions(lines: list[str]) -> dict[int, int]:
    """Attributions as first line -> last line. Quoted ones are part of their quotation."""
    found: dict[int, int] = {}
    lowest = 0
    for at, line in enumerate(lines):
        if len(found) >= _MOST_ATTRIBUTIONS:
            break
        if line[:1] == ">" and len(line) > _REST_OF_ADDRESS:
            continue
        if not read.may_end_attribution(line) or (read.is_quoted(line) and not _closes_angle(lines, at)):
            continue
        first = read.attribution(lines, at, lowest)
        if first is not None:
            found[first] = at
            lowest = at + 1
    return found


def _closes_angle(lines: list[str], at: int) -> bool:
    """`<` at the end of one line and `> wrote:` on the next is an address cut in two, no quotation."""
    above = lines[max(0, at - 4) : at]
    if len(lines[at].strip()) > _REST_OF_ADDRESS or any(map(read.is_quoted, above)):
        return False
    whole = " ".join(above)
    return whole.count("<") > whole.count(">")


def _step(work: _Work, at: int, ends: dict[int, int]) -> int | None:
    """The next line to look at; `None` where all that follows is a copy."""
    line = work.lines[at]
    mark = line.strip()
    if mark == SOFT or at in ends:
        return _introduced(work, at, (ends[at] if at in ends else _last_of_soft(work, at, ends)) + 1)
    if read.is_quoted(line):
        return _quotation(work, at)
    if mark == HARD or read.is_separator(line) or _copied_header(work, at):
        return _cut(work, at + 1)
    work.kept.append(line)
    return at + 1


def _copied_header(work: _Work, at: int) -> bool:
    first = at + 1 if read.is_rule(work.lines[at]) else at
    while first > at and first < len(work.lines) and not work.lines[first].strip() and first < at + 3:
        first += 1
    return first < len(work.lines) and read.header_block(work.lines, first) is not None


def _cut(work: _Work, following: int) -> int | None:
    """A copy begins. Without own words above it is what the sender wanted to show, and stays."""
    if work.has_words():
        return None
    work.kept.extend(work.lines[following - 1 :])
    return None


def _introduced(work: _Work, first: int, following: int) -> int | None:
    """Behind an attribution: quoted lines are taken away here; unquoted ones are a copy, unless they are all there is."""
    at = following
    while at < len(work.lines) and not work.lines[at].strip():
        at += 1
    if at < len(work.lines) and (read.is_quoted(work.lines[at]) or work.lines[at].startswith("|")):
        work.introduced = True
        return _behind_quotation(work.lines, at)
    if work.has_words():
        return None
    if not any("@" in line for line in work.lines[first:following]):
        work.kept.extend(work.lines[first:at])  # "On Monday I wrote:" is how people begin, too
    return at


def _last_of_soft(work: _Work, at: int, ends: dict[int, int]) -> int:
    """A mark of a quotation's container: the attribution below it, in whatever language, goes with it."""
    for down in range(at + 1, min(len(work.lines), at + 8)):
        if down in ends:
            return ends[down]
        if read.is_quoted(work.lines[down]):
            return down - 1
    return at


def _behind_quotation(lines: list[str], at: int) -> int:
    """Past the quoted lines, with single lines between them that a mail program broke off."""
    bar = lines[at].startswith("|")
    while at < len(lines):
        if not (read.is_quoted(lines[at]) or (bar and lines[at].startswith("|")) or _broken_off(lines, at)):
            break
        at += 1
    return at


def _broken_off(lines: list[str], at: int) -> bool:
    """A rest of a long quoted line between two quoted ones, without an empty line around it."""
    if at + 1 >= len(lines) or not lines[at].strip():
        return False
    between = read.is_quoted(lines[at - 1]) and read.is_quoted(lines[at + 1])
    return between and len(lines[at - 1]) > _FULL_LINE and len(lines[at]) < _REST


def _quotation(work: _Work, at: int) -> int | None:
    """Quoted lines without attribution: at the end they go; above an answer they stay, for it may need them."""
    end = _behind_quotation(work.lines, at)
    if work.has_words() and _quoted_header(work.lines[at:end]):
        return None  # "> De : ...": some programs quote the header only
    work.introduced = work.introduced or _weakly_introduced(work)
    if work.introduced:
        return end
    below = next((line for line in work.lines[end:] if line.strip()), None)
    answered = below is not None and not read.is_delimiter(below)
    if answered or not work.has_words():
        work.kept.extend(work.lines[at:end])
    return end


def _quoted_header(lines: list[str]) -> bool:
    """Quoted lines that are a copied header and nothing else: the copy itself follows unquoted."""
    plain = [line.lstrip("> ") for line in lines if line.strip("> ")]
    begins = next((at for at, line in enumerate(plain[:2]) if read.field_kind(line) is not None), None)
    if begins is None or read.header_block(plain, begins) is None:
        return False
    return all(read.field_kind(line) is not None for line in plain[begins:])


def _weakly_introduced(work: _Work) -> bool:
    """`Mei wrote:` right above: it goes with what it introduces."""
    above = next((at for at in range(len(work.kept) - 1, -1, -1) if work.kept[at].strip()), None)
    if above is None or not read.is_weak_attribution(work.kept[above].strip()):
        return False
    del work.kept[above:]
    return True


# -- signatures --------------------------------------------------------------------------------------------------------


def _without_signature(lines: list[str]) -> list[str]:
    end = _delimited(lines)
    if _signed_by_program(lines[end + 1 :]):
        return lines
    while end > 0 and (not lines[end - 1].strip() or read.is_rule(lines[end - 1]) or read.is_device(lines[end - 1])):
        end -= 1
    return lines[:end]


def _signed_by_program(below: list[str]) -> bool:
    """A name and the program's own link are no signature that somebody wrote: the name is all the greeting there is."""
    rest = [line for line in below[:_LOOKED_AT] if line.strip()]
    return 0 < len(rest) <= 2 and read.is_device(rest[-1]) and "(http" in rest[-1]  # noqa: PLR2004 a name, a link


def _delimited(lines: list[str]) -> int:
    """Where a signature begins that a delimiter announces; the first one below words counts."""
    words = False
    for at, line in enumerate(lines):
        if words and (read.is_delimiter(line) or read.is_footer(lines, at)) and not _goes_on(lines, at):
            return at
        words = words or bool(line.strip())
    return len(lines)


def _goes_on(lines: list[str], at: int) -> bool:
    """A rule in the midst of a text: too much follows for a signature."""
    exact = lines[at] == "-- "
    rest = [line for line in lines[at + 1 : at + 1 + _LOOKED_AT] if line.strip()]
    longest = _FULL_LINE if lines[at].startswith("---") else _LONGEST_SIGNATURE
    return not exact and (len(rest) > _MOST_SIGNATURE_LINES or any(len(line) > longest for line in rest))
