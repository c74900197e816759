"""What an operator may write under `[channels.NAME]` with `kind = "wechat"`."""

import string
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveFloat, SecretStr

from channels.setting_types import Base
from channels.wechat.encryption import key_of

API = "https://api.weixin.qq.com"

_SIMPLE = frozenset(string.ascii_letters + string.digits)
_LONGEST_TOKEN = 32
_LONGEST_GREETING = 600  # code points: under 2,048 bytes in any script


def _app_id(text: str) -> str:
    if not (text.startswith("wx") and set(text) <= _SIMPLE):
        raise ValueError("not an AppID: it looks like wx0123456789abcdef")
    return text


def _simple(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not set(text) <= _SIMPLE:
        raise ValueError("empty, or with characters that WeChat never gives: letters and digits only")
    return secret


def _token(secret: SecretStr) -> SecretStr:
    if not 3 <= len(_simple(secret).get_secret_value()) <= _LONGEST_TOKEN:  # noqa: PLR2004 so WeChat's form has it
        raise ValueError(f"must be 3 to {_LONGEST_TOKEN} letters and digits")
    return secret


def _aes_key(secret: SecretStr) -> SecretStr:
    key_of(secret.get_secret_value())
    return secret


class Template(BaseModel):
    """A template message as WeChat approved it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, description="the template's id")
    fields: tuple[str, ...] = Field(min_length=1, description="its fields in the order of the parameters, e.g. thing1")


class Settings(BaseModel):
    """One Official Account."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    app_id: Annotated[str, AfterValidator(_app_id)] = Field(description="AppID")
    secret: Annotated[SecretStr, AfterValidator(_simple)] = Field(description="AppSecret: fetches access tokens")
    token: Annotated[SecretStr, AfterValidator(_token)] = Field(description="Token of the server settings: signs calls")
    aes_key: Annotated[SecretStr, AfterValidator(_aes_key)] | None = Field(
        default=None, description="EncodingAESKey: with it, only sealed messages are taken"
    )
    menus: bool = Field(
        default=False, description="ask with tappable menus instead of numbered lines; needs a verified account"
    )
    greeting: str | None = Field(
        default=None,
        max_length=_LONGEST_GREETING,
        description="said to whoever subscribes, in the answer to WeChat's call",
    )
    templates: Mapping[str, Template] = Field(
        default_factory=dict,
        description="template messages that may be sent when the window is closed, by our own names",
    )
    pace: PositiveFloat | None = Field(default=20, description="calls a second at most")
    api: Base = Field(default=API, description="where the API is, for tests")
