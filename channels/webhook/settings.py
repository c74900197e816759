"""What an operator may write under `[channels.NAME]` with `kind = "webhook"`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, SecretStr

from channels.address_guard import http_url
from channels.standard_webhooks import key_of


def _whsec(secret: SecretStr) -> SecretStr:
    key_of(secret.get_secret_value())
    return secret


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


WebhookSecret = Annotated[SecretStr, AfterValidator(_whsec)]


class Settings(BaseModel):
    """`secret` may be a list while a secret is being rotated: the first signs replies, any of them verifies."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: Annotated[list[WebhookSecret], BeforeValidator(_listed), Field(min_length=1, max_length=4)] = Field(
        description="whsec_BASE64, shared with the application"
    )
    reply_url: Annotated[str, AfterValidator(http_url)] | None = Field(
        default=None, description="where agents' replies are posted; without it the account only receives"
    )
    pace: PositiveFloat | None = Field(default=None, description="replies a second at most")

    def keys(self) -> tuple[bytes, ...]:
        """The keys, first the one that signs."""
        return tuple(key_of(secret.get_secret_value()) for secret in self.secret)
