"""`[service.s3]`: how a node reaches the object store of `attachments = "s3://bucket/prefix"`."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from storage.messages.object_options import ObjectStoreOptions

_PLACE = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()/-]*)?"


def place(text: str) -> str:
    """A folder, or a bucket with a prefix."""
    if text.startswith("s3:") and not re.fullmatch(_PLACE, text):  # constant
        raise ValueError('write a folder, or "s3://bucket/prefix"')
    return text


def _endpoint(text: str) -> str:
    if not text.startswith(("https://", "http://")):
        raise ValueError('must be an address, for example "https://s3.example.com"')
    return text.rstrip("/")


class S3(BaseModel):
    """What is not in the address. Without keys those of the machine count (environment, instance role)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    region: Annotated[str, Field(min_length=1)] = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None

    @model_validator(mode="after")
    def _both_keys(self) -> Self:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("'access_key' and 'secret_key' belong together")
        return self

    def options(self) -> ObjectStoreOptions:
        """As the storage takes it."""
        return ObjectStoreOptions(
            endpoint=self.endpoint,
            region=self.region,
            access_key=_plain(self.access_key),
            secret_key=_plain(self.secret_key),
        )


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else str.__str__(secret.get_secret_value())
