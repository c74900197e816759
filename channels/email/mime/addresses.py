"""Address fields, read strictly: whoever is named ambiguously is not named at all (CVE-2023-27043 and its kin). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from channels.email.mime.headers import LONGEST_FIELD, clean, decoded
from channels.email.mime.parsed_mail import Mailbox
from channels.email.patterns import pattern
from conversation.model.email_address import ascii_domain, folded

MOST = 200
_LONGEST_NAME = 200
_LONGEST_LOCAL = 64
_LONGEST_DOMAIN = 253

_LOCAL = pattern(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]+\Z")
_LABEL = pattern(r"[^\W_](?:[\w-]*[^\W_])?\Z")
_TOKEN = pattern(r'"(?:[^"\\]|\\.)*+"|\\.|[(),<>;:]|[^"\\(),<>;:]++|.')


@dataclass(slots=True)
class _Reading:
    """What has been read of one mailbox so far."""

    phrase: list[str] = field(default_factory=list)
    angle: list[str] | None = None
    closed: bool = False
    quoted: bool = False
    broken: bool = False
    comment: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Read:
    """The mailboxes of a field, and whether anything in it could be read in more than one way."""

    mailboxes: tuple[Mailbox, ...]
    ambiguous: bool


def valid(address: str) -> bool:
    """One @, a local part without specials, a domain that DNS could hold. Quoted local parts and literals are refused."""
    local, at, domain = address.rpartition("@")
    if not at or not 0 < len(local) <= _LONGEST_LOCAL or not 0 < len(domain) <= _LONGEST_DOMAIN:
        return False
    if _LOCAL.match(local) is None or local.startswith(".") or local.endswith(".") or ".." in local:
        return False
    return _is_domain(domain)


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if any(_LABEL.match(label) is None or len(label) > 63 for label in labels):  # noqa: PLR2004 by RFC 1035
        return False
    try:
        return domain.isascii() or (bool(domain.encode("idna")) and len(ascii_domain(domain)) <= _LONGEST_DOMAIN)
    except UnicodeError:
        return False


def strict(fields: Sequence[str]) -> Mailbox | None:
    """The one sender that all From fields together name; `None` where they name none, several, or it is not plain which."""
    if len(fields) != 1:
        return None
    found = read(fields[0])
    return found.mailboxes[0] if len(found.mailboxes) == 1 and not found.ambiguous else None


def every(fields: Sequence[str]) -> tuple[Mailbox, ...]:
    """All mailboxes that can be read, each address once."""
    found: dict[str, Mailbox] = {}
    for one in fields:
        for mailbox in read(one).mailboxes:
            found.setdefault(mailbox.key, mailbox)
    return tuple(found.values())[:MOST]


@lru_cache(maxsize=1024)
def read(text: str) -> Read:
    """One field. Linear in its length, without recursion."""
    cut = len(text) >= LONGEST_FIELD
    mailboxes: list[Mailbox] = []
    ambiguous = cut
    for one in _readings(text[:LONGEST_FIELD]):
        mailbox = _mailbox(one)
        if mailbox is None:
            ambiguous = ambiguous or one.broken or bool("".join(one.phrase).strip()) or one.angle is not None
        else:
            mailboxes.append(mailbox)
            ambiguous = ambiguous or one.broken or _two_faced(one, mailbox)
        if len(mailboxes) >= MOST:
            return Read(tuple(mailboxes), ambiguous=True)
    return Read(tuple(mailboxes), ambiguous)


def _readings(text: str) -> list[_Reading]:
    done: list[_Reading] = []
    now = _Reading()
    depth = 0
    for found in _TOKEN.finditer(text):
        token = found[0]
        if token == "(":  # noqa: S105 a bracket
            depth += 1
        elif token == ")":  # noqa: S105
            now.broken = now.broken or depth == 0
            depth = max(0, depth - 1)
        elif depth:
            now.comment.append(token)
        elif token in (",", ";"):
            done.append(now)
            now = _Reading()
        else:
            _take(now, token)
    now.broken = now.broken or depth > 0 or (now.angle is not None and not now.closed)
    done.append(now)
    return done


def _take(now: _Reading, token: str) -> None:
    if token == "<":  # noqa: S105 a bracket
        now.broken = now.broken or now.angle is not None
        now.angle = [] if now.angle is None else now.angle
    elif token == ">":  # noqa: S105
        now.broken = now.broken or now.angle is None or now.closed
        now.closed = True
    elif now.angle is not None and not now.closed:
        now.angle.append(token)
    elif token == ":":  # noqa: S105
        now.phrase.clear()  # the name of a group
    elif now.closed:
        now.broken = now.broken or bool(token.strip())
    else:
        now.quoted = now.quoted or token.startswith('"')
        now.phrase.append(token)


def _mailbox(one: _Reading) -> Mailbox | None:
    phrase = "".join(one.phrase).strip()
    address = "".join(one.angle).strip() if one.angle is not None else phrase
    if address.startswith("@") and ":" in address:
        address = address.partition(":")[2]  # an old route
    if not valid(address):
        return None
    name = phrase if one.angle is not None else "".join(one.comment)
    return Mailbox(address=address, name=display(name))


def display(name: str) -> str | None:
    """A display name for people: quotes off, words decoded, on one line."""
    plain = name.strip()
    if len(plain) > 1 and plain[0] == plain[-1] == '"':
        plain = plain[1:-1]
    if "\\" in plain:
        plain = plain.replace('\\"', '"').replace("\\\\", "\\")
    shown = clean(decoded(plain).strip("\"' "))[:_LONGEST_NAME]
    return shown or None


def _two_faced(one: _Reading, mailbox: Mailbox) -> bool:
    """An unquoted name that is itself another address: `evil@x.test <good@bank.example>`."""
    if one.angle is None:
        return False
    phrase = "".join(one.phrase).strip().strip("'")
    return "@" in phrase and not one.quoted and folded(phrase) != mailbox.key
