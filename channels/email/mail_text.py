"""The words of a mail: an agent's, in the account's template, and around what somebody missed in a chat. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from string import Formatter

from channels.email.patterns import pattern
from conversation.model.outbound import OutboundMessage, Quoted
from conversation.wording import CATALOGUE, Texts

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
    """The subject of a mail to an address that a stranger may have named; None for an agent's own answer.

    Such a mail repeats nothing of what was written to us: else whoever forges a sender would send their words by us.
    """
    if message.missed:
        return follow_up_texts(message.language)("subject")
    return CATALOGUE.texts("automatic_mail", message.language)("subject") if message.automatic else None


def follow_up_texts(language: str | None) -> Texts:
    """What surrounds an answer that was missed in a chat, in the customer's language, else in English."""
    return CATALOGUE.texts("chat_follow_up", language)


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
    """The text; for a customer who missed it in the chat also why it comes by mail, and what went before it."""
    if not message.missed:
        return message.text
    texts = follow_up_texts(message.language)
    before = [texts("earlier"), *(_quoted(one, texts("customer")) for one in message.quoted)] if message.quoted else []
    return "\n\n".join([message.text, texts("hint"), *before])


def _quoted(one: Quoted, you: str) -> str:
    who = you if one.author is None else one.author
    head = ", ".join(filter(None, (f"{one.at:%Y-%m-%d %H:%M} UTC", who)))
    return "\n".join(f"> {line}".rstrip() for line in (f"{head}:", *one.text.splitlines()))
