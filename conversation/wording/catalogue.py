"""The catalogue of sentences: tables by surface (`callback_page`, `opening` ...), each in the languages that have it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from conversation.wording.locale_formats import LocaleFormats
from conversation.wording.text_template import TextTemplate, Value, parse_template

DEFAULT = "en"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Texts:
    """One table in one language; calling it formats a message: `texts("wait", minutes=3)`."""

    language: str
    messages: Mapping[str, TextTemplate]

    def __call__(self, name: str, /, **values: Value) -> str:
        """Raises `KeyError` for an unknown name, `TypeError` where the values are not those of the placeholders."""
        return self.messages[name].format(values)

    def __contains__(self, name: str) -> bool:
        return name in self.messages


class Catalogue:
    """All languages. `names` are the languages as their speakers write them."""

    def __init__(self, names: Mapping[str, str], tables: Mapping[str, Mapping[str, Texts]]) -> None:
        self.names = names
        self.tables = tables

    def texts(self, table: str, *languages: str | None) -> Texts:
        """This table in the first of these languages that has it, with or without its region, else in English."""
        written = self.tables[table]
        for language in languages:
            if found := written.get(language or "") or _closest(written, language):
                return found
        return written[DEFAULT]

    def languages(self, table: str) -> tuple[str, ...]:
        """The languages that have this table, English first."""
        return tuple(sorted(self.tables[table], key=lambda tag: (tag != DEFAULT, tag)))

    def name_of(self, language: str) -> str:
        """A language as its speakers write it; of an unknown one the code."""
        return self.names.get(language) or self.names.get(language.partition("-")[0], language)


def read_catalogue(folder: Traversable) -> Catalogue:
    """The catalogue of every `LANGUAGE.toml` in this folder. Raises `ValueError` for a message that cannot be read."""
    names: dict[str, str] = {}
    tables: dict[str, dict[str, Texts]] = {}
    for file in sorted(folder.iterdir(), key=lambda one: one.name):
        if not file.name.endswith(_SUFFIX):
            continue
        language = file.name.removesuffix(_SUFFIX)
        content = tomllib.loads(file.read_text("utf-8"))
        names[language] = content.pop("name")
        formats = LocaleFormats(language, content.pop("dates", {}))
        for table, messages in content.items():
            tables.setdefault(table, {})[language] = _texts(f"{file.name} [{table}]", language, messages, formats)
    return Catalogue(names, tables)


def _texts(place: str, language: str, messages: Mapping[str, object], formats: LocaleFormats) -> Texts:
    return Texts(language, {name: parse_template(f"{place} {name}", one, formats) for name, one in messages.items()})


def _closest(written: Mapping[str, Texts], language: str | None) -> Texts | None:
    """By the tag, else without its last part, and so on (RFC 4647, lookup): `zh-Hant-TW`, `zh-Hant`, `zh`."""
    tag = language or ""
    while tag:
        if found := written.get(tag) or written.get(tag.lower()):
            return found
        tag = tag.rpartition("-")[0]
    return None
