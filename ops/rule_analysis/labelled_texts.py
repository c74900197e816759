"""Labels to learn from and to be examined by: a file of `{"text", "lang", "issue"}` lines, or what agents said conversations are about."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conversation.ports.storage import Storage
from conversation.ports.storage.classifiers import Relabel
from router.flows.intake.sanitize import clean_text
from router.rules.rulebook import RuleBook
from router.understanding.language import primary, scores_of, substantial
from router.understanding.language_detector import load_detector
from router.understanding.training import Label

_PAGE = 500
_SHOWN = 20


class BadLabels(Exception):
    """Lines that cannot be read; nothing is learned from the rest either."""

    def __init__(self, faults: Sequence[str]) -> None:
        more = [f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        super().__init__("\n".join([*faults[:_SHOWN], *more]))


async def labels_from(storage: Storage, file: Path | None, rulebook: RuleBook, *, own: bool) -> list[Label]:
    """From the file, or else from the agents. `own` where the file holds this installation's own messages. Raises `BadLabels`, `OSError`."""
    if file is not None:
        found = read_labels(file, own=own)
    else:
        found = [label async for label in _of_agents(storage) if label.issue in rulebook.issues]
    return list(with_languages(found, rulebook))


def read_labels(file: Path, *, own: bool = False) -> list[Label]:
    """The labels of a file. Raises `BadLabels` with every line that is none."""
    found: list[Label] = []
    faults: list[str] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found.append(_read(line, own=own))
            except (ValueError, RecursionError) as error:
                faults.append(f"{file}:{number}: {_reason(error)}")
    if faults:
        raise BadLabels(faults)
    return found


def _read(line: bytes, *, own: bool) -> Label:
    data = json.loads(line.decode("utf-8-sig"))
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for every misspelling
    language = data.get("lang", data.get("language"))
    return Label(
        text=clean_text(_text(data, "text")),
        issue=_text(data, "issue"),
        language=primary(language) if isinstance(language, str) else None,
        own=own,
    )


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'{key}' is missing or no text")
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


async def _of_agents(storage: Storage) -> AsyncIterator[Label]:
    after: str | None = None
    while True:
        async with storage.read("train.labels") as work:
            page = await work.models.relabels(after=after, limit=_PAGE)
        for relabel in page:
            text = first_words(relabel)
            if text:
                yield Label(text=text, issue=relabel.issue, language=primary(relabel.language), own=True)
        if len(page) < _PAGE:
            return
        after = page[-1].conversation


def first_words(relabel: Relabel) -> str:
    """What the customer wrote first, up to the first message that says something: "Hello" is about nothing."""
    texts: list[str] = []
    for text in relabel.texts:
        texts.append(text)
        if substantial(text):
            break
    return "\n".join(texts)


def with_languages(labels: Iterable[Label], rulebook: RuleBook) -> Iterator[Label]:
    """Those without a language get the one that is detected; the detector is loaded for the first of them."""
    detector = None
    for label in labels:
        if label.language is not None:
            yield label
            continue
        detector = detector or load_detector(rulebook.languages)
        scores = scores_of(label.text, detector, rulebook.offered)
        yield replace(label, language=scores[0][0] if scores else None)
