"""E-mail addresses as keys: every way to write one address is one key, and no two addresses share one. Pure."""

import unicodedata

_KEPT = "ßς"  # lower-case letters that case folding would make another domain's (RFC 5894, 7.2)
_ACE = "xn--"


def folded(address: str) -> str:
    """The key of an address. Of what stands before the @ only A to Z lose their case: `K` (U+212A) is nobody's `k`.

    The domain is written as DNS has it, so that `münchen.example` and `xn--mnchen-3ya.example` are one.
    """
    local, at, domain = address.strip().rpartition("@")
    posing = any(not letter.isascii() and unicodedata.normalize("NFC", letter).isascii() for letter in local)
    kept = local if posing else unicodedata.normalize("NFC", local)
    lower = "".join(letter.lower() if letter.isascii() else letter for letter in kept)
    return f"{lower}{at}{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """In lower case, labels beyond ASCII as punycode (UTS 46, nothing of it transitional)."""
    if domain.isascii():
        return domain.lower()
    plain = unicodedata.normalize("NFKC", domain)
    lower = "".join(letter if letter in _KEPT else letter.casefold() for letter in plain)
    return ".".join(_label(label) for label in unicodedata.normalize("NFKC", lower).split("."))


def _label(label: str) -> str:
    return label if label.isascii() else _ACE + label.encode("punycode").decode("ascii")
