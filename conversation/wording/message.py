"""One message: text with typed placeholders, where needed in several plural forms.

`{time}` takes text, `{position:number}` an integer, `{opens:clock}` a datetime in a format of the file's `[dates]`.
A table `{ one = "...", other = "..." }` has the forms that the language's plural categories choose, by its number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any, TypeAlias

from conversation.wording.locale_formats import CATEGORIES, OTHER, LocaleFormats

Value: TypeAlias = str | int | datetime
NUMBER = "number"


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    kind: type[Value]
    write: Callable[[Any], str]

    def text_of(self, value: Value) -> str:
        if not isinstance(value, self.kind) or isinstance(value, bool):
            raise TypeError(f"{{{self.name}}} takes {self.kind.__name__}, not {type(value).__name__}")
        return self.write(value)


_Form: TypeAlias = tuple[str | _Placeholder, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """`placeholders` are the names with the types of their values; `forms` those of the plural, `other` the only one of most."""

    place: str
    placeholders: Mapping[str, type[Value]]
    forms: Mapping[str, _Form]
    count: str | None
    formats: LocaleFormats

    def format(self, values: Mapping[str, Value]) -> str:
        """The text. Raises `TypeError` for a missing value, an unknown one and one of the wrong type."""
        if values.keys() != self.placeholders.keys():
            raise TypeError(f"{self.place} takes {sorted(self.placeholders)}, not {sorted(values)}")
        form = self.forms[OTHER] if self.count is None else self._form(values[self.count])
        return "".join([part if isinstance(part, str) else part.text_of(values[part.name]) for part in form])

    def _form(self, number: Value) -> _Form:
        return self.forms.get(self.formats.plural_category(number), self.forms[OTHER])


def parse_message(place: str, written: object, formats: LocaleFormats) -> Message:
    """The message of a text or of a table of plural forms. Raises `ValueError` with its place."""
    try:
        return _parsed(place, {OTHER: written} if isinstance(written, str) else written, formats)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{place}: {error}") from error


def _parsed(place: str, written: object, formats: LocaleFormats) -> Message:
    if not isinstance(written, dict) or OTHER not in written or not written.keys() <= CATEGORIES:
        raise ValueError(f"neither a text nor a table of {', '.join(sorted(CATEGORIES))} with '{OTHER}'")
    forms = {category: _form(text, formats) for category, text in written.items()}
    found = [part for form in forms.values() for part in form if isinstance(part, _Placeholder)]
    kinds = {part.name: part.kind for part in found}
    if any(kinds[part.name] is not part.kind for part in found):
        raise ValueError("a placeholder has two types")
    counts = [name for name, kind in kinds.items() if kind is int]
    if len(forms) > 1 and len(counts) != 1:
        raise ValueError("plural forms need exactly one number")
    return Message(place, kinds, forms, counts[0] if len(forms) > 1 else None, formats)


def _form(text: str, formats: LocaleFormats) -> _Form:
    if not text:
        raise ValueError("empty")
    parts: list[str | _Placeholder] = []
    for literal, name, spec, conversion in Formatter().parse(text):
        parts += [literal] if literal else []
        if name is not None:
            if not name.isidentifier() or conversion:
                raise ValueError(f"{{{name}}} is no placeholder")
            parts.append(_placeholder(name, spec or "", formats))
    return tuple(parts)


def _placeholder(name: str, spec: str, formats: LocaleFormats) -> _Placeholder:
    if not spec:
        return _Placeholder(name, str, str)
    if spec == NUMBER:
        return _Placeholder(name, int, formats.number)
    return _Placeholder(name, datetime, formats.dates[spec])
