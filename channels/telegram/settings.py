"""What an operator may write under `[channels.NAME]` with `kind = "telegram"`."""

import string
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, SecretStr, model_validator

from channels.address_guard import http_url
from channels.setting_types import Base

TELEGRAM = "https://api.telegram.org"

_IN_SECRETS = frozenset(string.ascii_letters + string.digits + "_-")
_LEAST_SECRET = 16
_LONGEST_SECRET = 256


class Mode(StrEnum):
    """Whether updates are fetched, or Telegram brings them."""

    POLLING = "polling"
    WEBHOOK = "webhook"


def _token(token: SecretStr) -> SecretStr:
    bot, colon, rest = token.get_secret_value().partition(":")
    if not (colon and bot.isascii() and bot.isdigit() and rest and set(rest) <= _IN_SECRETS):
        raise ValueError("not a bot's token: it looks like 123456:ABC-DEF, and BotFather gives it")
    return token


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not (_LEAST_SECRET <= len(text) <= _LONGEST_SECRET and set(text) <= _IN_SECRETS):
        raise ValueError(f"must be {_LEAST_SECRET} to {_LONGEST_SECRET} of the characters A-Z, a-z, 0-9, _ and -")
    return secret


class Settings(BaseModel):
    """One bot. It is either polled or has a webhook: Telegram allows no bot both."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: Annotated[SecretStr, AfterValidator(_token)] = Field(description="the bot's token, from BotFather")
    mode: Mode = Field(
        default=Mode.POLLING, description="polling: updates are fetched; webhook: Telegram brings them to /hooks/NAME"
    )
    secret: Annotated[SecretStr, AfterValidator(_secret)] | None = Field(
        default=None, description="what Telegram proves itself by at the webhook; made up by you"
    )
    hook_url: Annotated[str, AfterValidator(http_url)] | None = Field(
        default=None, description="where Telegram finds the webhook, if not at the service's public URL"
    )
    groups: bool = Field(default=False, description="whether messages in groups are taken; else in private chats only")
    start_key: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None, description="signs links that bring a customer back into a conversation (see README)"
    )
    api: Base = Field(
        default=TELEGRAM, description="the Bot API server, where you run your own: the token is sent there"
    )
    pace: PositiveFloat = Field(default=30.0, description="messages a second at most; to one chat it is always one")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode is Mode.WEBHOOK and self.secret is None:
            raise ValueError("'secret' is missing: a webhook without it would believe anybody")
        return self

    def key(self) -> bytes | None:
        """What links are signed with."""
        return self.start_key.get_secret_value().encode() if self.start_key else None
