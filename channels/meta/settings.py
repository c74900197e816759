"""What an operator may write under `[channels.NAME]` with `kind = "meta"`."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveFloat,
    SecretStr,
    StringConstraints,
    model_validator,
)

from channels.meta.platforms import Platform
from channels.setting_types import Base

GRAPH = "https://graph.facebook.com"
VERSION = "v25.0"

_LEAST_SECRET = 8

Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,40}$")]
TemplateName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]
TemplateLanguage = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(_[A-Z]{2,4})?$")]


def _secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if len(text) < _LEAST_SECRET or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(f"must be at least {_LEAST_SECRET} visible ASCII characters")
    return secret


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Secret = Annotated[SecretStr, AfterValidator(_secret)]


class Settings(BaseModel):
    """One WhatsApp number, Facebook page or Instagram account. Several of one app have an account each."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    platform: Platform = Field(description="whatsapp, messenger or instagram")
    id: Number = Field(
        description="the phone number's id, the page's id, or the Instagram account's id; not the number itself"
    )
    token: Secret = Field(
        description="the access token of a system user (WhatsApp) or of the page; it should not run out"
    )
    app_secret: Annotated[list[Secret], BeforeValidator(_listed), Field(min_length=1, max_length=4)] = Field(
        description="what the app's calls are signed with; a list while it is being replaced"
    )
    verify_token: Secret = Field(description="made up by you; Meta shows it when the webhook is set up")
    others: dict[Number, str] = Field(
        default={},
        description="ids of the same app whose events come to this webhook as well, and the accounts they are for",
    )
    human_agent: bool = Field(
        default=False, description="the app may use the tag HUMAN_AGENT: persons may answer for seven days, not one"
    )
    templates: dict[TemplateName, list[TemplateLanguage]] = Field(
        default={}, description="approved WhatsApp templates and their languages; the first is sent where none fits"
    )
    version: Annotated[str, StringConstraints(pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")] = Field(
        default=VERSION, description="of the Graph API"
    )
    api: Base = Field(
        default=GRAPH, description="the Graph API, where it is reached by another way: the token is sent there"
    )
    pace: PositiveFloat | None = Field(
        default=None, description="messages a second at most; the platform's own limit if not said"
    )

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        whatsapp = self.platform is Platform.WHATSAPP
        if self.templates and not whatsapp:
            raise ValueError("'templates' are for WhatsApp only")
        if self.human_agent and whatsapp:
            raise ValueError("'human_agent' is for Messenger and Instagram; WhatsApp has templates")
        if any(not languages for languages in self.templates.values()):
            raise ValueError("a template needs at least one language")
        if self.id in self.others:
            raise ValueError("'others' names this account's own id")
        return self

    def signers(self) -> tuple[bytes, ...]:
        """The keys, any of which may have signed a call."""
        return tuple(secret.get_secret_value().encode() for secret in self.app_secret)
