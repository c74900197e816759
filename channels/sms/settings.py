"""What an operator may write under `[channels.NAME]` with `kind = "sms"`."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, model_validator

from channels.setting_types import Base, Copied

API = "https://api.twilio.com"


class Settings(BaseModel):
    """One number, or one messaging service."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    account: str = Field(pattern=r"^AC[0-9a-f]{32}$", description="the account SID, AC and 32 digits")
    token: Copied = Field(description="the auth token: lets us send, and signs what Twilio posts to /hooks/NAME")
    number: str | None = Field(
        default=None,
        pattern=r"^(whatsapp:)?\+[1-9][0-9]{4,14}$",
        description="the number that answers come from, with its country code",
    )
    service: str | None = Field(
        default=None, pattern=r"^MG[0-9a-f]{32}$", description="a messaging service that chooses among several numbers"
    )
    receipts: bool = Field(default=True, description="let Twilio report the status of each message")
    mms: bool = Field(default=False, description="whether the number may send pictures (United States and Canada)")
    pace: PositiveFloat | None = Field(default=10, description="messages a second at most")
    api: Base = Field(default=API, description="where the API is, for tests")

    @model_validator(mode="after")
    def _one_sender(self) -> Self:
        if (self.number is None) == (self.service is None):
            raise ValueError("either 'number' or 'service' says who sends")
        return self
