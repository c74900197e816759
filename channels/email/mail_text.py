"""The words of a mail: an agent's, in the account's template, and around what somebody missed in a chat. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from string import Formatter
from typing import TypeVar

from channels.email.patterns import pattern
from conversation.model.outbound import OutboundMessage, Quoted

T = TypeVar("T")

OTHERS = "default"  # the template of languages that have none of their own
_SEPARATOR = pattern(r"^[ \t]*[,;|/·、，][ \t]*")
PLACEHOLDERS = frozenset({"text", "author", "name", "reference"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Both forms with `{text}` in it, and where wished `{author}`, `{name}` (the account's) and `{reference}`."""

    text: str
    html: str | None = None


def fault_of(template: str) -> str | None:
    """What is wrong with one form of a template, if anything."""
    try:
        named = [name for _, name, spec, conversion in Formatter().parse(template) if name is not None or spec]
    except ValueError as error:
        return f"{error}; a brace is written twice: {{{{ or }}}}"
    unknown = [str(name) for name in named if name not in PLACEHOLDERS]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
        return f"there is no {{{unknown[0]}}}; known are {known}"
    return None if named.count("text") == 1 else "{text} must stand in it once"


def text_of(message: OutboundMessage, templates: Mapping[str, Template], name: str | None) -> str:
    """The plain form."""
    words, template = _words(message), template_for(message.language, templates)
    return words if template is None else _filled(template.text, _values(message, name) | {"text": words})


def html_of(message: OutboundMessage, templates: Mapping[str, Template], name: str | None) -> str | None:
    """The HTML form, where the message or the template has any. Only the template is trusted with tags."""
    template = template_for(message.language, templates)
    if template is None or template.html is None:
        return message.html
    values = {key: escape(value) for key, value in _values(message, name).items()}
    return _filled(template.html, values | {"text": message.html or _paragraphs(_words(message))})


def template_for(language: str | None, templates: Mapping[str, Template]) -> Template | None:
    """By the language, with or without its region, else the one for all others."""
    written = (language or "").lower()
    return templates.get(written) or templates.get(written.partition("-")[0]) or templates.get(OTHERS)


def own_subject(message: OutboundMessage) -> str | None:
    """What the house calls a mail that goes to an address which a stranger may have named; None for an agent's own answer.

    Such a mail repeats nothing of what was written to us: else whoever forges a sender would send their words by us.
    """
    if message.missed:
        return phrases(message.language).subject
    return _of_language(message.language, _REQUEST) if message.automatic else None


def _filled(form: str, values: Mapping[str, str]) -> str:
    """The form with its values in place; where nobody is named, the comma after the name goes too."""
    made, nobody = "", False
    for literal, name, _, _ in Formatter().parse(form):
        made += _SEPARATOR.sub("", literal, count=1) if nobody else literal
        made += values[name] if name is not None else ""
        nobody = name == "author" and not values[name]
    return made


def _values(message: OutboundMessage, name: str | None) -> dict[str, str]:
    return {"author": message.author_name or "", "name": name or "", "reference": message.reference}


def _paragraphs(text: str) -> str:
    pieces = (piece.strip("\n") for piece in text.split("\n\n"))
    return "".join(f"<p>{escape(piece).replace(chr(10), '<br>')}</p>" for piece in pieces if piece.strip())


def _words(message: OutboundMessage) -> str:
    """What was said; for who missed it also why it comes by mail, and what went before it."""
    if not message.missed:
        return message.text
    said = phrases(message.language)
    before = [said.earlier, *(_quoted(one, said.you) for one in message.quoted)] if message.quoted else []
    return "\n\n".join([message.text, said.hint, *before])


def _quoted(one: Quoted, you: str) -> str:
    who = you if one.author is None else one.author
    head = ", ".join(filter(None, (f"{one.at:%Y-%m-%d %H:%M} UTC", who)))
    return "\n".join(f"> {line}".rstrip() for line in (f"{head}:", *one.text.splitlines()))


@dataclass(frozen=True, slots=True)
class Phrases:
    """What stands around an answer that was missed in a chat."""

    subject: str
    hint: str
    earlier: str
    you: str


_PHRASES: Mapping[str, Phrases] = {
    "en": Phrases(
        "Our answer in the chat",
        "You asked us in the chat, and we answered when you were away. Just reply to this mail: we will read it in the same conversation.",
        "What was said before:",
        "You",
    ),
    "zh": Phrases(
        "您的在线咨询有新回复",
        "您曾通过在线聊天联系我们，我们回复时您已离开。直接回复本邮件即可，我们会在同一会话中看到。",
        "此前的对话：",
        "您",
    ),
    "fr": Phrases(
        "Notre réponse à votre discussion",
        "Vous nous avez écrit dans la discussion en ligne et nous avons répondu en votre absence. Répondez simplement à ce message : "
        "nous le lirons dans la même conversation.",
        "Ce qui a été dit auparavant :",
        "Vous",
    ),
    "de": Phrases(
        "Unsere Antwort im Chat",
        "Sie haben uns im Chat geschrieben, und wir haben geantwortet, als Sie nicht mehr da waren. Antworten Sie einfach auf diese "
        "E-Mail: Wir lesen sie im selben Gespräch.",
        "Was vorher gesagt wurde:",
        "Sie",
    ),
}


_REQUEST: Mapping[str, str] = {
    "en": "Your request",
    "ar": "طلبكم",
    "cs": "Váš požadavek",
    "da": "Din henvendelse",
    "de": "Ihre Anfrage",
    "el": "Το αίτημά σας",
    "es": "Su solicitud",
    "fi": "Yhteydenottosi",
    "fr": "Votre demande",
    "hi": "आपका अनुरोध",
    "hu": "Az Ön megkeresése",
    "id": "Permintaan Anda",
    "it": "La sua richiesta",
    "ja": "お問い合わせについて",
    "ko": "문의하신 내용",
    "nl": "Uw vraag",
    "pl": "Twoje zgłoszenie",
    "pt": "O seu pedido",
    "ro": "Solicitarea dumneavoastră",
    "ru": "Ваше обращение",
    "sv": "Ditt ärende",
    "th": "คำขอของคุณ",
    "tr": "Talebiniz",
    "uk": "Ваше звернення",
    "vi": "Yêu cầu của bạn",
    "zh": "您的咨询",
}


def phrases(language: str | None) -> Phrases:
    """In the customer's language, else in English."""
    return _of_language(language, _PHRASES)


def _of_language(language: str | None, words: Mapping[str, T]) -> T:
    return words.get((language or "").lower().partition("-")[0], words["en"])
