"""`signals` over NATS: addresses of one cluster, and `[service.nats]`, by which a node is known there."""

import ssl
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from storage.signals.nats_credentials import read_credentials
from storage.signals.nats_options import NatsOptions

_SCHEMES = ("nats://", "tls://")
_WORDS = 'must be "local", "postgres", "nats://host:4222", or a list of nats:// or of tls:// addresses'


def read_signals(given: object) -> str:
    """One text of what the file says: several servers are named with commas, as NATS does."""
    if given in ("local", "postgres"):
        return str(given)
    named = given.split(",") if isinstance(given, str) else given
    if not isinstance(named, list) or not named or not all(isinstance(one, str) for one in named):
        raise ValueError(_WORDS)
    addresses = [str.__str__(one).strip() for one in named]
    if not any(all(one.startswith(scheme) and one != scheme for one in addresses) for scheme in _SCHEMES):
        raise ValueError(_WORDS)
    return ",".join(addresses)


def _authority(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:  # what is no certificate, too
        raise ValueError(f"cannot be read as certificates: {error.strerror or type(error).__name__}") from None
    return path


def _credentials(text: SecretStr) -> SecretStr:
    read_credentials(_plain(text) or "")
    return text


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else str.__str__(secret.get_secret_value())


class Nats(BaseModel):
    """`[service.nats]`: what is not in an address. Installations that share a cluster have each a `prefix` of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ca: Annotated[Path, AfterValidator(_authority)] | None = None
    user: Annotated[str, Field(min_length=1)] | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None
    credentials: Annotated[SecretStr, AfterValidator(_credentials)] | None = None
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=100)] = "huntgroup"

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("'user' and 'password' belong together")
        ways = [way for way in ("user", "token", "credentials") if getattr(self, way) is not None]
        if len(ways) > 1:
            raise ValueError(f"a node is known in one way: {' or '.join(repr(way) for way in ways)}")
        return self

    def options(self) -> NatsOptions:
        """As the signals take it."""
        return NatsOptions(
            ca=self.ca,
            user=self.user,
            password=_plain(self.password),
            token=_plain(self.token),
            credentials=_plain(self.credentials),
            prefix=self.prefix,
        )
