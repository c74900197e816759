"""What an operator may write under `[channels.NAME]` with `kind = "x"`."""

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from channels.setting_types import Base, Copied
from channels.x.oauth import Credentials

API = "https://api.x.com"
MEDIA = "https://ton.twitter.com"


class Settings(BaseModel):
    """One X account, and the app that acts for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    id: str = Field(pattern=r"^[0-9]{1,19}$", description="the account's user id, a number: not its @name")
    consumer_key: Copied = Field(description="the app's API key")
    consumer_secret: Copied = Field(description="the app's API key secret: signs what X posts to /hooks/NAME, too")
    token: Copied = Field(description="the account's access token, with the right to read and write direct messages")
    token_secret: Copied = Field(description="the access token's secret")
    mentions: bool = Field(
        default=True, description="whether who mentions the account in public is answered, always in a direct message"
    )
    pace: PositiveFloat | None = Field(default=0.2, description="calls a second at most, over time")
    api: Base = Field(default=API, description="where the API is, for tests")
    media: Base = Field(default=MEDIA, description="where pictures in direct messages lie, for tests")

    def credentials(self) -> Credentials:
        """What requests are signed with."""
        return Credentials(
            consumer_key=self.consumer_key.get_secret_value(),
            consumer_secret=self.consumer_secret.get_secret_value(),
            token=self.token.get_secret_value(),
            token_secret=self.token_secret.get_secret_value(),
        )
