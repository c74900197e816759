"""Folding: one form for every way to write a word (case, width, accents), and the words of a text in any script."""

import re
import unicodedata

# Scripts written without spaces between words: kana, Han, Thai, Lao, Myanmar, Khmer.
_UNSPACED = (
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\U00020000-\U0003ffff"
)
_BREAKS = {code: " " for code in range(128) if not chr(code).isalnum()}
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+")  # noqa: TID251 - a constant without backtracking
_UNSPACED_LETTER = re.compile(rf"[{_UNSPACED}]")  # noqa: TID251 - a constant without backtracking
_ACCENT = re.compile("[\u0300-\u036f\u064b-\u0655]+")  # noqa: TID251 - a constant without backtracking


def fold(text: str) -> str:
    """Case and width away, accents kept."""
    return (
        text.lower()
        if text.isascii()
        else unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    )


def without_accents(folded: str) -> str:
    """Accents of alphabets away. The voicing marks of kana and the vowels of Indic scripts are letters and stay."""
    if folded.isascii():
        return folded
    return unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFD", folded)))


def words(folded: str) -> list[str]:
    """The words written with spaces, in order."""
    return folded.translate(_BREAKS).split() if folded.isascii() else _WORD.findall(folded)


def is_unspaced(folded: str) -> bool:
    """Whether any letter belongs to a script without spaces."""
    return _UNSPACED_LETTER.search(folded) is not None


def squeezed(folded: str) -> str:
    """Without any white space: what phrases in scripts without spaces are looked for in."""
    return "".join(folded.split())
