"""Reads `[replies.*]`: texts by language and kind of channel, with placeholders that are known."""

from string import Formatter

from router.rules.faults import Faults, Path
from router.rules.model import Reply
from router.rules.reader import Reading
from router.understanding.language import is_language_code

PLACEHOLDERS = ("next_opening", "queue", "reference", "name", "missing", "state", "position", "due")
OF_CALLS = ("time", "number", "link", "code")  # in the replies whose names begin with `callback_`
_SCRIPTS = ("Hans", "Hant")


def read_replies(reading: Reading) -> dict[str, Reply]:
    """All replies. Keys are languages; a variant for a kind of channel is `zh.sms`, the one for all others `zh.default`."""
    replies = {}
    for name, by_language in reading.document.replies.items():
        texts: dict[str, dict[str, str]] = {}
        for key, written in by_language.items():
            language, _, kind = key.partition(".")
            place = ("replies", name, key)
            _check_reply_language(reading, place, language)
            variants = written if isinstance(written, dict) else {kind: written}
            for variant, text in variants.items():
                _check_placeholders(reading.faults, (*place, variant) if isinstance(written, dict) else place, text)
                texts.setdefault(language, {})["" if variant == "default" else variant] = text
        if not texts:
            reading.faults.error(("replies", name), "a reply needs a text in at least one language")
        elif reading.languages and not set(texts) >= set(reading.languages):
            missing = ", ".join(language for language in reading.languages if language not in texts)
            reading.faults.warn(("replies", name), f"this reply is not written in {missing}")
        replies[name] = Reply(name=name, texts=texts)
    return replies


def _check_reply_language(reading: Reading, path: Path, language: str) -> None:
    language, _, script = language.partition("-")
    if not is_language_code(language) or (script and script not in _SCRIPTS):
        reading.faults.error(path, f"'{language}' is no language code: a reply is written as  en = \"...\"")
    elif language not in reading.languages:
        reading.faults.warn(path, f"'{language}' is not among the languages offered")


def _check_placeholders(faults: Faults, path: Path, text: str) -> None:
    try:
        fields = list(Formatter().parse(text))
    except ValueError as fault:
        faults.error(path, f"braces do not match ({fault}); a brace itself is written twice: {{{{ or }}}}")
        return
    for _, name, spec, conversion in fields:
        if name is None:
            continue
        known = (*PLACEHOLDERS, *OF_CALLS) if str(path[1]).startswith("callback_") else PLACEHOLDERS
        if name not in known:
            faults.unknown(path, "placeholder", "{" + name + "}", ["{" + one + "}" for one in known])
        elif spec or conversion:
            faults.error(path, f"'{{{name}}}' stands for itself, without '!' or ':'")
