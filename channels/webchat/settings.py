"""What an operator may write under `[channels.NAME]` with `kind = "webchat"`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
)

from channels.addresses import http_url

MEBIBYTE = 1024 * 1024
SOONEST_MAIL = timedelta(seconds=60)
USUAL_TYPES = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/heic",
    "application/pdf",
    "text/plain",
    "audio/mpeg",
    "audio/mp4",
    "audio/ogg",
    "video/mp4",
    "video/webm",
)


def _origin(text: str) -> str:
    parts = urlsplit(http_url(text))
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("an origin is scheme://host or scheme://host:port, without a path")
    return f"{parts.scheme}://{parts.netloc}".lower()


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def _span(written: object) -> timedelta:
    """`90s`, `3m` or `2h`."""
    digits, unit = (written[:-1], written[-1:]) if isinstance(written, str) else ("", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6 and unit in _UNITS):  # noqa: PLR2004 hours of a year
        raise ValueError("write a number and a unit, for example '90s', '3m' or '2h'")
    return timedelta(**{_UNITS[unit]: int(digits)})


def _not_at_once(span: timedelta) -> timedelta:
    if span < SOONEST_MAIL:
        raise ValueError("at least '60s': people switch between windows")
    return span


Origin = Annotated[str, AfterValidator(_origin)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Settings(BaseModel):
    """The page and its widget work with no setting at all; `origins` names the pages that may embed the widget."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    origins: list[Origin] = Field(default=[], description="pages that may embed the chat or call its addresses")
    identity_secret: Annotated[SecretStr, Field(min_length=8)] | None = Field(
        default=None, description="signs the identity tokens (JWT, HS256) of customers who are logged in on your pages"
    )
    title: Words | Mapping[str, Words] | None = Field(
        default=None, description="over the chat; one, or one per language"
    )
    greeting: Mapping[str, Words] = Field(default={}, description="said before the first message, per language")
    accent: Colour | None = Field(default=None, description="the colour of buttons and own messages, as #rrggbb")
    attachments: bool = Field(default=True, description="whether customers may send pictures and files")
    attachment_bytes: PositiveInt = Field(default=10 * MEBIBYTE, le=100 * MEBIBYTE, description="the largest file")
    attachment_types: list[str] = Field(
        default=list(USUAL_TYPES), description="what a file may be, told by its content"
    )
    text_limit: PositiveInt = Field(default=10_000, le=20_000, description="characters in one message")
    follow_up: Words | None = Field(
        default=None, description="the e-mail account by which visitors who are gone get what agents say"
    )
    follow_up_after: Annotated[timedelta, BeforeValidator(_span), AfterValidator(_not_at_once)] = Field(
        default=timedelta(minutes=3), description="how long an answer waits to be read before it is mailed"
    )
    calls: bool = Field(default=False, description="a button by which visitors ask to be called")
    messages_per_second: PositiveFloat = Field(default=2.0, description="of one visitor, over time")
    messages_at_once: PositiveInt = Field(default=30, description="of one visitor, in a burst")

    def title_in(self, language: str, otherwise: str) -> str:
        """The title in this language."""
        if self.title is None or isinstance(self.title, str):
            return self.title or otherwise
        return self.title.get(language) or next(iter(self.title.values()), otherwise)
