"""What a caller hears whose call nobody took: the keys, each in its own language, and how their request stands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from channels.callback.render import fault_text, page_texts, title_of
from channels.callback.settings import Choice
from conversation.wording import CATALOGUE, Texts

NO_NUMBER = "no_number"
_OWN_REASONS = frozenset({"asked_already", NO_NUMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicePrompt:
    """One sentence, and the language of the voice that says it."""

    voice: str
    words: str


def prompt(language: str, words: str) -> VoicePrompt:
    """By a voice of this language; where the catalogue lacks it the words are English, and so is the voice."""
    return VoicePrompt(voice=_texts(language)("voice"), words=words)


def menu(
    choices: Mapping[str, Choice], issues: Mapping[str, Mapping[str, str]], language: str, *, first: bool
) -> list[VoicePrompt]:
    """Every key in the language that it stands for, and how to hear it again. At `first` why they hear it."""
    offered = {choice.language or language: None for choice in choices.values()}
    return [
        *([prompt(language, _texts(language)("hello"))] if first else []),
        *(_key(key, choice, issues, choice.language or language) for key, choice in choices.items()),
        *(prompt(one, _texts(one)("repeat")) for one in offered),
    ]


def _key(key: str, choice: Choice, issues: Mapping[str, Mapping[str, str]], language: str) -> VoicePrompt:
    words = _texts(language)
    known = words.language == language.partition("-")[0]
    parts = [words("language") if known else language] if choice.language else []
    if choice.issue:
        parts.append(title_of(issues.get(choice.issue, {}), language, choice.issue))
    what = words("separator").join(parts) or page_texts(language)("issue_any")
    return prompt(language, words("menu_key", what=what, key=key))


def refusal(code: str, language: str) -> VoicePrompt:
    """Why they will not be called, or not once more. A caller has no link and no form: some reasons have words of their own."""
    words = _texts(language)
    return prompt(language, words(code) if code in _OWN_REASONS else fault_text(page_texts(language), code))


def _texts(language: str) -> Texts:
    return CATALOGUE.texts("voice_menu", language)
