"""What an operator may write under `[channels.NAME]` with `kind = "viber"`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat

from channels.address_guard import http_url
from channels.setting_types import Base, Copied

API = "https://chatapi.viber.com"

_LONGEST_NAME = 28
_LONGEST_WELCOME = 7000


class Settings(BaseModel):
    """One bot."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: Copied = Field(
        description="the bot's authentication token: lets us send, and signs what Viber posts to /hooks/NAME"
    )
    sender: str = Field(
        default="Support", min_length=1, max_length=_LONGEST_NAME, description="the name under which answers are shown"
    )
    avatar: Annotated[str, AfterValidator(http_url)] | None = Field(
        default=None, description="a public address of the picture next to that name"
    )
    welcome: str | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST_WELCOME,
        description="what somebody reads who opens the chat and has not written yet",
    )
    pace: PositiveFloat | None = Field(default=20, description="calls a second at most")
    api: Base = Field(default=API, description="where the API is, for tests")
