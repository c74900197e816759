"""The payload of a menu's button or a printed code: `issue=topup&language=zh&text=...`, as operators write it."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

_LONGEST = 100
_MOST_PAIRS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`text` are the words to show: those that were given, else the data as they stand."""

    text: str
    issue: str | None = None
    language: str | None = None


def chosen(data: str) -> Scene:
    """The fields of such a payload. Anything in another form is plain text."""
    try:
        pairs = dict(parse_qsl(data, max_num_fields=_MOST_PAIRS))
    except ValueError:
        return Scene(text=data)
    language = pairs.get("language", "").lower()
    fine = language.isascii() and language.replace("-", "").isalnum() and len(language) <= _LONGEST
    issue = pairs.get("issue", "")[:_LONGEST]
    return Scene(text=pairs.get("text", data), issue=issue or None, language=language if language and fine else None)
