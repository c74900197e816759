"""Reads `[issues.*]` and `[intents.*]`, and makes what finds them in a text."""

from collections.abc import Mapping, Sequence

from conversation.model.conversation import Priority
from router.rules.document import IntentPart, IssuePart, Words
from router.rules.faults import Faults, Path
from router.rules.model import Intent, Issue
from router.rules.reader import Reading, titles
from router.understanding.keywords import Matcher, Phrase, read_phrases
from router.understanding.language import is_language_code


def read_issues(reading: Reading) -> tuple[dict[str, Issue], Matcher]:
    """All issues, and what finds them in a text."""
    issues = {}
    for name, part in reading.document.issues.items():
        _named_well(reading.faults, ("issues", name), name)
        if part.queue is not None:
            reading.queue(("issues", name, "queue"), part.queue)
        issues[name] = Issue(
            name=name,
            title=titles(part.title),
            queue=part.queue,
            ask=tuple(part.ask),
            priority=Priority.of(part.priority),
            alarm=part.alarm,
        )
    return issues, _matcher(reading, "issues", reading.document.issues)


def read_intents(reading: Reading) -> tuple[dict[str, Intent], Matcher]:
    """All intents, and what finds them in a text."""
    intents = {}
    for name, part in reading.document.intents.items():
        _named_well(reading.faults, ("intents", name), name)
        intents[name] = Intent(name=name, title=titles(part.title))
    return intents, _matcher(reading, "intents", reading.document.intents)


def _named_well(faults: Faults, path: Path, name: str) -> None:
    if name == "unknown":
        faults.error(path, "'unknown' is what rules call a message without one and cannot be defined")


def _matcher(reading: Reading, key: str, topics: Mapping[str, IssuePart] | Mapping[str, IntentPart]) -> Matcher:
    phrases: list[Phrase] = []
    for name, part in topics.items():
        for word in ("words", "unless"):
            _check_words(reading, (key, name, word), getattr(part, word))
        phrases.extend(read_phrases(name, _by_language(part.words), _by_language(part.unless)).values())
    return Matcher(phrases, list(topics))


def _by_language(words: Words) -> Mapping[str, Sequence[str]]:
    return {"": words} if isinstance(words, list) else words


def _check_words(reading: Reading, path: Path, words: Words) -> None:
    for language, listed in _by_language(words).items():
        place = (*path, language) if language else path
        if language and not is_language_code(language):
            reading.faults.error(place, f"'{language}' is no language code: write 'en', 'zh', 'de'")
        for at, phrase in enumerate(listed):
            if not any(map(str.isalnum, phrase)):
                reading.faults.error((*place, at), f"nothing of '{phrase}' can be looked for: write a word")
            elif "*" in phrase.rstrip()[:-1]:
                reading.faults.error((*place, at), f"'{phrase}': a '*' may stand at the end only")
