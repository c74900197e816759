"""Telephone numbers as people write them, and which of them are called. Pure; the numbering plans are those of libphonenumber."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

LONGEST = 80
LONGEST_EXTENSION = 10
_NEVER = {
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.SHARED_COST: "shared_cost",
}
_SPECIAL = {
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.VOICEMAIL: "voicemail",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number that may be called: `e164` is dialed, then `extension` as tones. `region` is its ISO country, if it has one."""

    e164: str
    extension: str = ""
    region: str | None = None

    @property
    def address(self) -> str:
        """How the customer of this number is known."""
        return f"{self.e164};ext={self.extension}" if self.extension else self.e164

    @property
    def uri(self) -> str:
        """RFC 3966, for a link."""
        return f"tel:{self.address}"

    @property
    def shown(self) -> str:
        """As it is written internationally."""
        written = phonenumbers.format_number(
            phonenumbers.parse(self.e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
        return f"{written} ext. {self.extension}" if self.extension else written


class NumberRefused(ValueError):
    """This number is not called. `code`: unreadable, incomplete, emergency, premium, shared_cost, special, denied, too_long, extension_too_long."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which numbers are called. `allow` and `deny` are beginnings of E.164 numbers; the longer beginning wins, and a tie denies.

    Where `allow` is not empty, nothing else is called. A number that is allowed by name may be of any kind, except for help in need.
    """

    country: str | None = None
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()


def read(written: str, policy: Policy, *, country: str | None = None) -> Number:
    """The number that was meant. `country` (ISO 3166) helps to read one without "+". Raises `NumberRefused`."""
    text = _plain(written)
    region = (country or policy.country or "").upper() or None
    parsed = _parsed(text, region)
    _refuse_emergency(text, region, parsed)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    named = _named(e164, policy)
    if not phonenumbers.is_valid_number(parsed):
        raise NumberRefused("incomplete" if phonenumbers.is_possible_number(parsed) else "unreadable")
    if not named:
        _refuse_kind(parsed, policy)
    extension = parsed.extension or ""
    if len(extension) > LONGEST_EXTENSION:
        raise NumberRefused("extension_too_long")  # cut, it would be another person's
    return Number(e164=e164, extension=extension, region=_region(parsed))


def _plain(written: str) -> str:
    """Any script's digits and signs as the plain ones; what no number holds is refused before it is parsed."""
    if len(written) > LONGEST:
        raise NumberRefused("too_long")
    folded = unicodedata.normalize("NFKC", written).strip()
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Co", "Cn") for letter in folded):
        raise NumberRefused("unreadable")
    return "".join(
        str(unicodedata.decimal(letter)) if unicodedata.decimal(letter, None) is not None else letter
        for letter in folded
    )


def _parsed(text: str, region: str | None) -> PhoneNumber:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        raise NumberRefused("unreadable") from None


def _refuse_emergency(text: str, region: str | None, parsed: PhoneNumber) -> None:
    """Also where an emergency number of some country hides behind a country code."""
    beyond = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(parsed.country_code or 0, ())
    regions = sorted({one for one in (region, *beyond) if one} - {"001"})
    national = phonenumbers.national_significant_number(parsed)
    digits = "".join(letter for letter in text if letter.isdigit())
    tried = {digits, national}
    if any(phonenumbers.is_emergency_number(one, where) for one in tried for where in regions):
        raise NumberRefused("emergency")


def _named(e164: str, policy: Policy) -> bool:
    """Whether the lists allow it by name. Raises where they forbid it."""
    allowed, denied = _longest(e164, policy.allow), _longest(e164, policy.deny)
    if (denied and denied >= allowed) or (policy.allow and not allowed):
        raise NumberRefused("denied")
    return allowed > 0


def _longest(e164: str, beginnings: Sequence[str]) -> int:
    return max((len(one) for one in beginnings if e164.startswith(one)), default=0)


def _refuse_kind(parsed: PhoneNumber, policy: Policy) -> None:
    kind = phonenumbers.number_type(parsed)
    never = _NEVER.get(kind)
    if never is not None and never not in policy.kinds:
        raise NumberRefused(never)
    # numbers of no country (satellites, networks of networks) are dear, and a favourite of fraud
    special = _SPECIAL.get(kind) or (None if _region(parsed) else "no_country")
    if special is not None and special not in policy.kinds:
        raise NumberRefused("special")


def _region(parsed: PhoneNumber) -> str | None:
    region = phonenumbers.region_code_for_number(parsed)
    return None if region in (None, "001") else str(region)
