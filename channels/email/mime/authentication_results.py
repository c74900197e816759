"""Authentication-Results (RFC 8601), read as written: the account decides which servers are trusted. Pure."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from itertools import takewhile

from channels.email.mime.headers import Headers
from channels.email.mime.parsed_mail import Authentication
from channels.email.patterns import pattern
from conversation.model.email_address import ascii_domain

_MOST = 20
_RESULT = pattern(r"\s*([a-z][a-z0-9-]{1,20})(?:/\d+)?\s*=\s*([a-z]{2,20})\b", 2)
_DOMAIN = pattern(
    r"\b(smtp\.mailfrom|smtp\.mail|header\.d|header\.i|header\.from)\s*=\s*(?:[^\s;@]*@)?([^\s;@]{1,253})", 2
)
_FAILING = frozenset({"fail", "softfail", "permerror"})


class Verdict(StrEnum):
    """The result of our own servers' checks of a sender's address."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    FORGED = "forged"


def verdict(fields: Sequence[Authentication], domain: str, trusted: Collection[str]) -> Verdict:
    """Of the domain in From. What others claim to have checked counts for nothing, nor does what passed for another domain."""
    names = {name.lower() for name in trusted}
    ours = list(takewhile(lambda one: one.server in names, fields))  # each check may write a field of its own
    results = [result for one in ours for result in one.results]
    if any(method == "dmarc" and result in _FAILING for method, result in results):
        return Verdict.FORGED
    if any(_vouches(method, passed, domain) for one in ours for method, passed in one.passed):
        return Verdict.PROVEN
    result = [verdict for method, verdict in results if method in ("spf", "dkim")]
    return Verdict.FORGED if result and all(one in _FAILING for one in result) else Verdict.UNPROVEN


def _vouches(method: str, passed: str, domain: str) -> bool:
    """Aligned as DMARC has it (RFC 7489, 3.1), relaxed: one of the two lies within the other."""
    if method == "dmarc":
        return passed in ("", domain)
    if method not in ("spf", "dkim") or "." not in passed:
        return False
    return passed == domain or domain.endswith(f".{passed}") or passed.endswith(f".{domain}")


def read(fields: Headers) -> tuple[Authentication, ...]:
    """Every field, the topmost (the newest) first."""
    return tuple(_one(written) for written in fields.every("authentication-results")[:_MOST])


def _one(written: str) -> Authentication:
    server, *parts = _bare(written).split(";")[: _MOST + 1]
    words = server.split()
    found = [(one[1].lower(), one[2].lower(), part) for part in parts if (one := _RESULT.match(part)) is not None]
    return Authentication(
        server=words[0].lower()[:253] if words else "",
        results=tuple((method, result) for method, result, _ in found),
        passed=tuple((method, _domain_of(method, part)) for method, result, part in found if result == "pass"),
    )


def _domain_of(method: str, part: str) -> str:
    """The domain that a result is about."""
    result = {one[1].lower(): ascii_domain(one[2]) for one in _DOMAIN.finditer(part)}
    wanted = {"spf": ("smtp.mailfrom", "smtp.mail"), "dkim": ("header.d", "header.i"), "dmarc": ("header.from",)}
    return next((result[name] for name in wanted.get(method, ()) if name in result), "")


def _bare(written: str) -> str:
    """Without comments, however deep, and quoted strings: both may hold what a stranger chose, such as an address."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for letter in written:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif quoted:
            quoted = letter != '"'
        elif depth == 0 and letter == '"':
            quoted = True
        elif letter in "()":
            depth = depth + 1 if letter == "(" else max(0, depth - 1)
            kept.append(" ")
        elif depth == 0:
            kept.append(letter)
    return "".join(kept)
