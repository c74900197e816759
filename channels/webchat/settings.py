"""What an operator may write under `[channels.NAME]` with `kind = "webchat"`."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self
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
    model_validator,
)

from channels.address_guard import http_url

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


def _a_minute(span: timedelta) -> timedelta:
    if span < timedelta(minutes=1):
        raise ValueError("at least '1m'")
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
        default=list(USUAL_TYPES), description="what a file may be, recognised by its content"
    )
    upload_window: Annotated[timedelta, BeforeValidator(_span), AfterValidator(_a_minute)] = Field(
        default=timedelta(hours=1), description="the rolling window for which the quotas of bytes are"
    )
    visitor_bytes: PositiveInt | None = Field(
        default=None, description="files of one visitor in a window; without it 5 of the largest"
    )
    address_bytes: PositiveInt | None = Field(
        default=None, description="files of one network address in a window; without it 20 of the largest"
    )
    account_bytes: PositiveInt | None = Field(
        default=None, description="files of all visitors of this chat in a window; without it 200 of the largest"
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

    @model_validator(mode="after")
    def _one_file_fits(self) -> Self:
        for name in ("visitor_bytes", "address_bytes", "account_bytes"):
            quota = getattr(self, name)
            if quota is not None and quota < self.attachment_bytes:
                raise ValueError(f"{name} is less than attachment_bytes: the largest file would never be taken")
        return self

    @property
    def quotas(self) -> tuple[int, int, int]:
        """Bytes in a window: of one visitor, of one address, of all."""
        largest = self.attachment_bytes
        return (
            self.visitor_bytes or 5 * largest,
            self.address_bytes or 20 * largest,
            self.account_bytes or 200 * largest,
        )

    def title_in(self, language: str, otherwise: str) -> str:
        """The title in this language."""
        if self.title is None or isinstance(self.title, str):
            return self.title or otherwise
        return self.title.get(language) or next(iter(self.title.values()), otherwise)
