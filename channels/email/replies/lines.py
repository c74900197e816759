"""What one line, or a few lines together, are: attributions, copied headers, separators, signatures. Pure."""

from collections.abc import Sequence

from channels.email.patterns import pattern
from channels.email.word_lists import any_of, read_word_lists

HARD = "\ue0f0"
SOFT = "\ue0f1"

_LONGEST_ATTRIBUTION = 400
_MOST_ATTRIBUTION_LINES = 6
_LONGEST_DEVICE = 140
_LONGEST_SEPARATOR = 120
_WEAK = 80
_DASHES = frozenset("-_=*~—–‐‑‒―")

_IGNORE = 2  # re.IGNORECASE
_LISTS = read_word_lists(__package__)
_VERBS = _LISTS["wrote"]
_LAST_WORDS = frozenset(verb.split()[-1] for verb in _VERBS)
_LAST_SYLLABLES = tuple(verb for verb in _VERBS if verb > "\u2fff")
_WORD_VERBS = frozenset(verb for verb in _VERBS if " " not in verb and verb < "\u2fff")
_LONG_VERBS = tuple(verb for verb in _VERBS if " " in verb or verb > "\u2fff")
_WORDS = pattern(r"\w+")
_DATE = pattern(
    r"\d{1,2}[:.hH]\d{2}(?!\d)|(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}\s*[月월]\s*\d{1,2}|\d{4}\s*[年년]"
)
_ADDRESS = pattern(r"[^\s@<>\"':;,()]{1,100}@[\w-]{1,60}(?:\.[\w.-]{1,100})?")
_ON, _ON_UNSPACED, _WEEKDAYS = (any_of(_LISTS[name]) for name in ("on", "on_unspaced", "weekdays"))
_BEGINS = pattern(rf"[-_*\s>]{{0,8}}(?:{_ON}[\s,]|{_WEEKDAYS}\b|\d|{_ON_UNSPACED})", _IGNORE)
_BEGINS_DATE = pattern(rf"[-_*\s]{{0,8}}(?:\d|{_WEEKDAYS}\b)", _IGNORE)
_ORIGINAL = pattern(
    rf"\s*+(?:[-_=*—–‐‑‒―]{{1,60}}+\s*+{any_of(_LISTS['original_message'])}\s*[:：]?\s*[-_=*—–‐‑‒―]*"
    rf"|{any_of(_LISTS['copy_begins'])}[^\n]{{1,60}}[:：])\s*\Z",
    _IGNORE,
)
_FIELD = pattern(r"[\s*_>]{0,4}+([^\s:：*<>\d][^:：*<>\n]{0,24}+)[*_]{0,2}+\s{0,2}+[:：]")
_KINDS = {word: kind for kind in ("from", "date", "to", "cc", "subject", "other") for word in _LISTS[f"field_{kind}"]}
_QUOTING = pattern(rf"\s*{any_of(_LISTS['quoting'])}\s", _IGNORE)
_ABOVE = pattern(rf"\W{{0,10}}{any_of(_LISTS['reply_above'])}\Z", _IGNORE)
_RULE = pattern(r"\s*(?:[-_=*~—–‐‑‒―]{3,})\s*\Z")
_DELIMITER = pattern(r"(?:--|—|–|---)[ \u00a0\t]*\Z")
_LONG_RULE = pattern(r"\s*[-_=]{5,}\s*\Z")
_DEVICE_BEGINS = rf"{any_of(_LISTS['device_begins'])}(?![^\W_])|{any_of(_LISTS['device_begins_unspaced'])}"
_DEVICE = pattern(
    rf"[\s<(\[*_]*(?:{_DEVICE_BEGINS}|.{{0,60}}{any_of(_LISTS['device_named'])}).{{0,120}}\Z"
    rf"|[\s<(\[*_]*\S.{{0,80}}{any_of(_LISTS['device_ends'])}[.!。\s>)\]*_]*\Z|\s*{any_of(_LISTS['device_alone'])}\s*\Z",
    _IGNORE,
)
_SENTENCE = pattern(rf"\s{any_of(_LISTS['sentence_verbs'])}\s", _IGNORE)
_DEVICE_WORD = pattern(any_of(_LISTS["device_words"]), _IGNORE)
_CONTACT = pattern(rf"https?://|www\.|@[\w-]+\.|\+?\d[\d\s().-]{{6,}}\d|{any_of(_LISTS['footer_words'])}")


def is_quoted(line: str) -> bool:
    """A line that begins with the sign of a quotation."""
    return line.lstrip(" \t\u00a0")[:1] in (">", "＞") and len(line) - len(line.lstrip()) <= 4  # noqa: PLR2004


def may_end_attribution(line: str) -> bool:
    """Whether an attribution could end here: a quick look before the long one."""
    end = line[-_LONGEST_ATTRIBUTION:].rstrip(" \t\u00a0-_*")
    if end.endswith((":", "：", ">", *_LAST_SYLLABLES)):
        return True
    return bool(end) and end.rsplit(None, 1)[-1].lower() in _LAST_WORDS


def attribution(lines: Sequence[str], last: int, first: int) -> int | None:
    """Where the attribution begins that ends at `last`; the shortest that reads as one, not reaching above `first`."""
    whole = ""
    blanks = 0
    found: int | None = None
    for count in range(1, _MOST_ATTRIBUTION_LINES + 2):
        at = last - count + 1
        if at < first:
            return found
        line = lines[at].strip()
        blanks += not line
        whole = f"{line} {whole}".strip()
        if blanks > 1 or len(whole) > _LONGEST_ATTRIBUTION:
            return found
        if line and is_attribution(whole):
            if _BEGINS.match(whole) is not None:
                return at
            found = at if found is None and whole.count("<") >= whole.count(">") else found
    return found


def is_attribution(text: str) -> bool:
    """Somebody wrote something at some time: verb, date, address, and how the text begins, weighed together."""
    dated, addressed = _DATE.search(text) is not None, _ADDRESS.search(text) is not None
    if not dated and not addressed:
        return False
    begins = _BEGINS.match(text) is not None
    words_of = text.lower().rstrip(" \t\u00a0-_*:：")
    if words_of.endswith(_VERBS):
        return (dated and begins) or (addressed and (dated or _short(text)))
    wrote = not _WORD_VERBS.isdisjoint(_WORDS.findall(words_of)) or any(verb in words_of for verb in _LONG_VERBS)
    if wrote and dated and text.rstrip(" -*_").endswith((":", "：", ">")):
        return (addressed or begins) and not (text.endswith(">") and not (addressed and begins))
    if addressed and _QUOTING.match(text) is not None:
        return text.endswith((":", "："))
    return dated and addressed and _BEGINS_DATE.match(text) is not None and text.endswith((":", "：", ">"))


def is_weak_attribution(text: str) -> bool:
    """`Mei wrote:` alone proves nothing; right above quoted lines it is an attribution."""
    if not 0 < len(text) < _WEAK or not text.endswith((":", "：")):
        return False
    words_of = text.lower().rstrip(" :：")
    return words_of.endswith(_VERBS) or not _WORD_VERBS.isdisjoint(_WORDS.findall(words_of))


def _short(text: str) -> bool:
    return len(text) < 120  # noqa: PLR2004 "bob@example.org (Bob) writes:"


def is_separator(line: str) -> bool:
    """`-----Original Message-----` and its kin."""
    if len(line) >= _LONGEST_SEPARATOR:
        return False
    dashed = line.lstrip()[:1] in _DASHES or line.rstrip().endswith((":", "："))
    if dashed and _ORIGINAL.match(line) is not None:
        return True
    return any(word in line for word in _LISTS["reply_above_hint"]) and _ABOVE.match(line) is not None


def field_kind(line: str) -> str | None:
    """Which field of a copied header this line is."""
    found = _FIELD.match(line)
    return None if found is None else _KINDS.get(found[1].strip(" \t*_\u200e\u200f\u00a0").lower())


def header_block(lines: Sequence[str], first: int) -> int | None:
    """Where a copied header that begins here ends; `None` where none begins."""
    if ":" not in lines[first] and "：" not in lines[first]:
        return None
    kinds: set[str] = set()
    at = end = first
    since = 0
    while at < len(lines) and at - first < 30 and since <= 4:  # noqa: PLR2004 long lists of recipients run over lines
        kind = field_kind(lines[at])
        if kind is not None:
            kinds.add(kind)
            since, end = 0, at
        elif not lines[at].strip():
            if len(kinds) >= 3 or since:  # noqa: PLR2004
                break
            since += 3
        else:
            since += 1
        if kind is None and at == first:
            return None
        at += 1
    enough = len(kinds) >= 3 or kinds >= {"from", "date"}  # noqa: PLR2004
    return end + 1 if enough and "from" in kinds | ({"from"} if {"date", "to", "subject"} <= kinds else set()) else None


def is_rule(line: str) -> bool:
    """A line of dashes or the like."""
    return line.lstrip()[:1] in _DASHES and _RULE.match(line) is not None


def is_delimiter(line: str) -> bool:
    """`-- ` and what people write for it."""
    return _DELIMITER.match(line) is not None


def is_footer(lines: Sequence[str], at: int) -> bool:
    """A long rule with an address, a number or a link in the few short lines below: a list's or a company's footer."""
    if _LONG_RULE.match(lines[at]) is None:
        return False
    rest = [line for line in lines[at + 1 : at + 40] if line.strip()]
    if not 0 < len(rest) <= 15:  # noqa: PLR2004
        return False
    return all(len(line) < 100 for line in rest) and any(_CONTACT.search(line) for line in rest)  # noqa: PLR2004


def is_device(line: str) -> bool:
    """`Sent from my iPhone` and its kin; not a sentence that begins the same way."""
    text = line.strip()
    if not 0 < len(text) <= _LONGEST_DEVICE or _DEVICE.match(text) is None:
        return False
    return _SENTENCE.search(text) is None or (_DEVICE_WORD.search(text) is not None and "," not in text)
