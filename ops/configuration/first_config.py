"""A small configuration to begin with, made of five answers: it serves as it stands, and says where to go on."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from conversation.wording import CATALOGUE
from ops.configuration.settings import Settings, load, parse_rules
from ops.configuration.sources import SettingsFaults
from router.rules.read_hours import weekdays

PASSWORD = "MAIL_PASSWORD"  # noqa: S105 - the name of a variable
_ALWAYS = "every 00:00-24:00"
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_TEXT = """\
# Written by `huntgroup init`. `huntgroup init --example example.toml` writes one that shows everything else, with comments.

[service]
name = {name}  # shown to customers
listen = "127.0.0.1:8080"
public_url = "http://127.0.0.1:8080"  # how browsers reach it: your https address, once a proxy leads here
database = "sqlite:///huntgroup.db"  # or "postgresql://user@host/name"

[languages]
offered = {languages}  # what agents speak
default = {default}  # also serves customers of other languages

[hours.office]
timezone = {timezone}
{hours}
# holidays = "DE"  # country, or country and part: "DE-BE"

# Matters that have a queue of their own are recognised by words:
# [issues.refund]
# queue = "general"
# words = {{ en = ["refund*", "money back"] }}

[queue_defaults]
hours = "office"
closed = "closed"  # the reply while nobody is there

[queues.general]  # every agent serves it: huntgroup agent add ...

[fallback]  # where a message goes that nothing else placed
queue = "general"

[replies.closed]
{closed}

[channels.site]
kind = "webchat"  # the page /chat/site; /chat/site/widget.js goes into your own pages
origins = ["http://127.0.0.1:8080"]  # pages that may embed it
{mailbox}
# Messages and where they must go: run by `huntgroup check` and before every reload.
[[tests]]
name = "A first message"
channel = "site"
at = {at}  # somebody is there: no automatic reply
cases = [{{ text = "Hello", queue = "general", reply = false }}]
"""
_MAILBOX = """
[channels.mail]
kind = "email"
address = {address}
imap = "imaps://{user}@imap.{host}"  # where it is read: correct it where your servers have other names
smtp = "smtps://{user}@smtp.{host}"  # and where answers leave
password = {{ env = "{password}" }}
unproven = "apart"  # mail whose sender nobody proved is a matter of its own; or name the server that checks your mail: trusted_servers
signing_key = {{ create = "mail.key" }}  # keeps answers known when the password changes
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered, as typed."""

    name: str = "Customer Support"
    languages: str = "en"
    timezone: str = "UTC"
    hours: str = "mon-fri 09:00-17:00"
    mailbox: str = ""


def written(answers: Answers) -> str:
    """The file. Raises `ValueError`, in words for people, where the hours cannot be read, and `SettingsFaults`."""
    return _text(answers, at=_opening(_text(answers, at=_MONDAY)))


def _text(answers: Answers, *, at: datetime) -> str:
    languages = [one.strip().lower() for one in answers.languages.split(",")]
    return _TEXT.format(
        name=_quoted(answers.name.strip()),
        languages=json.dumps(languages, ensure_ascii=False),
        default=_quoted(languages[0]),
        timezone=_quoted(answers.timezone.strip()),
        hours="\n".join(_week(answers.hours)),
        closed="\n".join(_closed(languages)),
        mailbox=_mailbox(answers.mailbox.strip()),
        at=_quoted(at.isoformat()),
    )


def wrong_with(answers: Answers) -> str | None:
    """What `check` would say of the file, or None."""
    try:
        _loaded(_text(answers, at=_MONDAY))
    except SettingsFaults as found:
        return found.faults[0].message
    except ValueError as error:
        return str(error)
    return None


def _loaded(text: str) -> Settings:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text, "utf-8")
        return load(path, {PASSWORD: "x"}, make_secrets=False)


def _opening(text: str) -> datetime:
    """The first hour of a week in which the office is open: of it the file's own test speaks."""
    settings = _loaded(text)
    calendars = parse_rules(settings.source, settings.hints).calendars
    hours = (_MONDAY + timedelta(minutes=15 * number) for number in range(7 * 24 * 4))
    return next((at for at in hours if calendars.is_open("office", at, None)), _MONDAY)


def _quoted(text: str) -> str:
    """A string of TOML, of anything that a person may type."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _week(text: str) -> list[str]:
    """`mon-fri 09:00-12:00 13:00-17:00, sat 10:00-14:00` as lines of a calendar."""
    lines: dict[str, str] = {}
    for part in (_ALWAYS if text.strip().lower() == "always" else text.lower()).split(","):
        days, *spans = part.split() or [""]
        if weekdays(days) is None or not spans:
            raise ValueError(
                f"'{part.strip()}': write days and hours, for example 'mon-fri 09:00-17:00, sat 10:00-14:00'"
            )
        if days in lines:
            raise ValueError(f"'{days}' is written twice: 'mon-fri 09:00-12:00 13:00-17:00' has two spans")
        lines[days] = f"{days} = {json.dumps(spans, ensure_ascii=False)}"
    return list(lines.values())


def _closed(languages: Sequence[str]) -> list[str]:
    """The catalogue's reply in each language; in English where it has none, to be translated."""
    return [_closed_in(one) for one in languages]


def _closed_in(language: str) -> str:
    texts = CATALOGUE.texts("first_replies", language)
    text = _quoted(texts("closed", next_opening="{next_opening}", reference="{reference}"))
    return f"{_key(language)} = {text}{'' if texts.language == language else '  # to be translated'}"


def _key(text: str) -> str:
    return text if text.isascii() and text.isalpha() else _quoted(text)


def _mailbox(address: str) -> str:
    if not address:
        return ""
    host = address.rpartition("@")[2]
    return _MAILBOX.format(address=_quoted(address), user=quote(address, safe=""), host=quote(host), password=PASSWORD)
