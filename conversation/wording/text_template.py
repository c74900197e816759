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
    """`write` makes the text of a value; it raises `TypeError` for one of another type."""

    name: str
    kind: type[Value]
    write: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class _Form:
    """`template` has a `%s` for each of the fields, which are a name and its `write`."""

    template: str
    fields: tuple[tuple[str, Callable[[Any], str]], ...]


@dataclass(frozen=True, slots=True)
class TextTemplate:
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
        try:
            form = self.forms[OTHER] if self.count is None else self._form(values[self.count])
            return form.template % tuple([write(values[name]) for name, write in form.fields])
        except TypeError as error:
            raise TypeError(f"{self.place}: {error}") from error

    def _form(self, number: Value) -> _Form:
        return self.forms.get(self.formats.plural_category(number), self.forms[OTHER])


def parse_template(place: str, written: object, formats: LocaleFormats) -> TextTemplate:
    """The message of a text or of a table of plural forms. Raises `ValueError` with its place."""
    try:
        return _parsed(place, {OTHER: written} if isinstance(written, str) else written, formats)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{place}: {error}") from error


def _parsed(place: str, written: object, formats: LocaleFormats) -> TextTemplate:
    if not isinstance(written, dict) or OTHER not in written or not written.keys() <= CATEGORIES:
        raise ValueError(f"neither a text nor a table of {', '.join(sorted(CATEGORIES))} with '{OTHER}'")
    read = {category: _read(text, formats) for category, text in written.items()}
    found = [one for _, placeholders in read.values() for one in placeholders]
    kinds = {one.name: one.kind for one in found}
    if any(kinds[one.name] is not one.kind for one in found):
        raise ValueError("a placeholder has two types")
    counts = [name for name, kind in kinds.items() if kind is int]
    if len(read) > 1 and len(counts) != 1:
        raise ValueError("plural forms need exactly one number")
    forms = {
        category: _Form(template, tuple((one.name, one.write) for one in placeholders))
        for category, (template, placeholders) in read.items()
    }
    return TextTemplate(place, kinds, forms, counts[0] if len(forms) > 1 else None, formats)


def _read(text: object, formats: LocaleFormats) -> tuple[str, list[_Placeholder]]:
    """The text with a `%s` for each of its placeholders."""
    if not isinstance(text, str) or not text:
        raise ValueError("not a text, or an empty one")
    template, placeholders = "", list[_Placeholder]()
    for literal, name, spec, conversion in Formatter().parse(text):
        template += literal.replace("%", "%%")
        if name is not None:
            if not name.isidentifier() or conversion:
                raise ValueError(f"{{{name}}} is no placeholder")
            template += "%s"
            placeholders.append(_placeholder(name, spec or "", formats))
    return template, placeholders


def _placeholder(name: str, spec: str, formats: LocaleFormats) -> _Placeholder:
    if not spec:
        return _Placeholder(name, str, _text)
    if spec == NUMBER:
        return _Placeholder(name, int, formats.number)
    return _Placeholder(name, datetime, formats.dates[spec])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text is needed, not {type(value).__name__}")
    return value
