"""What an operator may write under `[channels.NAME]` with `kind = "line"`."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from channels.setting_types import Base, Copied

API = "https://api.line.me"
DATA_API = "https://api-data.line.me"


class Settings(BaseModel):
    """One Messaging API channel."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: Copied = Field(description="the channel secret, which signs what LINE posts to /hooks/NAME")
    token: Copied = Field(description="a channel access token (long-lived), which lets us send")
    reply_tokens: bool = Field(
        default=True,
        description="answer with the free reply token where it is fresh; false: push always, which counts against the quota",
    )
    groups: bool = Field(default=False, description="also serve groups and rooms, each as one customer")
    pace: PositiveFloat | None = Field(default=50, description="calls a second at most")
    api: Base = Field(default=API, description="where the API is, for tests")
    data_api: Base = Field(default=DATA_API, description="where files are fetched, for tests")
