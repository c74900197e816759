"""Bytes -> text, whatever the sender called their character set. Pure."""

import codecs
from collections.abc import Iterator
from functools import lru_cache

from channels.email.mime.charset_guess import guess
from channels.email.patterns import pattern

_SAMPLE = 4096
_BY_CHANCE = 6

# names in use that Python does not know, or knows too narrowly: the superset is what the senders mean
_ALIASES: dict[str, tuple[str, ...]] = {
    "": (),
    "gb2312": ("gb18030",),
    "gb231280": ("gb18030",),
    "gbk": ("gb18030",),
    "xgbk": ("gb18030",),
    "cp936": ("gb18030",),
    "hzgb2312": ("hz",),
    "big5": ("cp950", "big5hkscs"),
    "xbig5": ("cp950", "big5hkscs"),
    "cnbig5": ("cp950", "big5hkscs"),
    "big5hkscs": ("big5hkscs", "cp950"),
    "ksc56011987": ("cp949",),
    "ksc5601": ("cp949",),
    "kscs5601": ("cp949",),
    "euckr": ("cp949",),
    "windows949": ("cp949",),
    "shiftjis": ("cp932",),
    "xsjis": ("cp932",),
    "sjis": ("cp932",),
    "windows31j": ("cp932",),
    "mskanji": ("cp932",),
    "iso2022jp": ("iso2022_jp_ext", "iso2022_jp_3"),
    "iso2022jpms": ("iso2022_jp_ext", "iso2022_jp_3"),
    "cp50220": ("iso2022_jp_ext", "iso2022_jp_3"),
    "cp50221": ("iso2022_jp_ext", "iso2022_jp_3"),
    "windows874": ("cp874",),
    "tis620": ("cp874",),
    "iso885911": ("cp874",),
    "iso88598i": ("cp1255",),
    "iso88598e": ("cp1255",),
    "iso88598": ("cp1255",),
    "iso88599": ("cp1254",),
    "xmacroman": ("mac_roman",),
    "macintosh": ("mac_roman",),
    "xmaccyrillic": ("mac_cyrillic",),
    "xcp1251": ("cp1251",),
    "xcp1252": ("cp1252",),
    "ansix341968": ("ascii",),
    "ansix31101983": ("cp1252",),
    "utf8mb4": ("utf-8",),
    "unicode11utf8": ("utf-8",),
    "xunicode20utf8": ("utf-8",),
    "unicode11utf7": ("utf-7",),
    "utf16": ("utf-16",),
    "us": ("ascii",),
}
# what is declared by default and therefore says little: the bytes decide
_WEAK = {
    "ascii",
    "usascii",
    "iso88591",
    "latin1",
    "windows1252",
    "cp1252",
    "8bit",
    "7bit",
    "binary",
    "default",
    "unknown",
}
_WEAK |= {"xunknown", "unknown8bit", "xuserdefined", "none", "us", "iso885915", "ansix341968", ""}
_UNPRINTABLE = pattern(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BYTE_ORDER = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_UTF16_BYTE_ORDER = (b"\xff\xfe", b"\xfe\xff")
_HIGH = pattern(rb"[\x80-\xff]+")
_SECOND_CONTROLS = pattern(r"[\x80-\x84\x86-\x9f]")
_JAPANESE = pattern(rb"\x1b(?:\$[@B]|\([BJI])")


def decode(data: bytes, declared: str | None) -> str:
    """The text: by what was declared where that fits, else by what the bytes are. Only bytes that fit nothing become U+FFFD."""
    if data.isascii() and _plain(declared) and b"\x1b" not in data:
        return data.decode("ascii")
    if _is_utf8(declared) and not data.startswith(_UTF16_BYTE_ORDER):
        text = _strictly(data, "utf-8-sig" if data.startswith(codecs.BOM_UTF8) else "utf-8")
        if text is not None and "\x1b" not in text:
            return text
    if _is_mislabelled(data, declared):
        return data.decode("utf-8")
    for name in _candidates(data, declared or ""):
        text = _strictly(data, name)
        if text is not None and _sane(text):
            return text
    return _guessed(data, declared or "")


def printable(text: str) -> str:
    """Without NUL, lone surrogates and other characters that no database or page should meet; they become U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", text) if _UNPRINTABLE.search(text) else text


@lru_cache(maxsize=256)
def _plain(declared: str | None) -> bool:
    key = _key(declared or "")
    return key in _WEAK or key in (
        "utf8",
        "utf8mb4",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "euckr",
        "windows1251",
        "koi8r",
    )


def _is_mislabelled(data: bytes, declared: str | None) -> bool:
    """UTF-8 under another name. Words of another character set that are lawful UTF-8 by chance are short."""
    if _key(declared or "").startswith("utf") or sum(map(len, _HIGH.findall(data[:_SAMPLE]))) < _BY_CHANCE:
        return False
    return _strictly(data, "utf-8") is not None


@lru_cache(maxsize=256)
def _is_utf8(declared: str | None) -> bool:
    return _key(declared or "") in ("utf8", "utf8mb4")


def _key(name: str) -> str:
    return "".join(c for c in name.lower()[:64] if c.isascii() and c.isalnum())


def _candidates(data: bytes, declared: str) -> Iterator[str]:
    """Codecs to be tried strictly, the likeliest first."""
    for mark, name in _BYTE_ORDER:
        if data.startswith(mark):
            yield name
    if _JAPANESE.search(data):
        yield from ("iso2022_jp_ext", "iso2022_jp_3")
    key = _key(declared)
    if key in _WEAK:
        yield "utf-8"
        return
    yield from _ALIASES.get(key, ())
    known = _known(declared)
    if known is not None:
        yield known
    yield "utf-8"


@lru_cache(maxsize=512)
def _known(name: str) -> str | None:
    """A text codec of this name; `None` for one that Python does not know, or that is no text codec."""
    try:
        found = codecs.lookup(name.strip().strip("\"'")[:64])
    except (LookupError, ValueError):
        return None
    return found.name if getattr(found, "_is_text_encoding", True) and found.name not in ("idna", "punycode") else None


def _strictly(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _sane(text: str) -> bool:
    """Whether a strict decoding makes sense: control characters of the second block reveal a wrong guess."""
    return _SECOND_CONTROLS.search(text, 0, _SAMPLE) is None


def _guessed(data: bytes, declared: str) -> str:
    """Nothing fits in full. Almost what was declared (a cut or damaged character) beats a guess."""
    key = _key(declared)
    if key not in _WEAK:
        nearly = _nearly(data, (*_ALIASES.get(key, ()), declared))
        if nearly is not None:
            return nearly
    nearly = _nearly(data, ("utf-8",))
    if nearly is not None:
        return nearly
    found = guess(data)
    if found is not None:
        text = _strictly(data, found)
        if text is not None:
            return text
    return data.decode("cp1252", "replace")


def _nearly(data: bytes, names: tuple[str, ...]) -> str | None:
    for name in names:
        known = _known(name)
        if known is None:
            continue
        text = data.decode(known, "replace")
        foreign = sum(1 for c in text[: 4 * _SAMPLE] if c > "\x7f")
        wrong = text[: 4 * _SAMPLE].count("\ufffd")
        if wrong * 3 <= foreign - wrong:
            return text
    return None
