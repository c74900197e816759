"""What a caller hears whose call nobody took: the keys, each in its own language, and how their request stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from channels.callback.render import title_of
from channels.callback.settings import Choice
from channels.callback.translations import WORDS, words_of

_VOICES = {"en": "en-US", "de": "de-DE", "fr": "fr-FR", "zh": "cmn-CN"}  # as text-to-speech names them (BCP 47)
_REFUSED = {"asked_already": "voice_asked_already"}  # a caller has no link


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenPrompt:
    """One sentence, and the language of the voice that says it."""

    voice: str
    words: str


def said(language: str, words: str) -> SpokenPrompt:
    """By a voice of this language; where the house has no words of it they are English, and so is the voice."""
    return SpokenPrompt(voice=_VOICES[_tongue(language)], words=words)


def menu(
    choices: Mapping[str, Choice], issues: Mapping[str, Mapping[str, str]], language: str, *, first: bool
) -> list[SpokenPrompt]:
    """Every key in the language that it stands for, and how to hear it again. At `first` why they hear it."""
    tongues = {choice.language or language: None for choice in choices.values()}
    return [
        *([said(language, words_of(language)["voice_hello"])] if first else []),
        *(_key(key, choice, issues, choice.language or language) for key, choice in choices.items()),
        *(said(tongue, words_of(tongue)["voice_again"]) for tongue in tongues),
    ]


def _key(key: str, choice: Choice, issues: Mapping[str, Mapping[str, str]], language: str) -> SpokenPrompt:
    words = words_of(language)
    spoken = words["voice_spoken"] if _tongue(language) == language.partition("-")[0] else language
    parts = [spoken] if choice.language else []
    if choice.issue:
        parts.append(title_of(issues.get(choice.issue, {}), language, choice.issue))
    what = words["voice_and"].join(parts) or words["issue_any"]
    return said(language, words["voice_key"].format(what=what, key=key))


def refusal(code: str, language: str) -> SpokenPrompt:
    """Why they will not be called, or not once more."""
    words = words_of(language)
    return said(language, words.get(_REFUSED.get(code, code), words["later"]))


def _tongue(language: str) -> str:
    tongue = language.partition("-")[0]
    return tongue if tongue in WORDS else "en"
