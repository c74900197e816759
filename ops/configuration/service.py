"""`[service]`: what belongs to one node, read and checked."""

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path as File
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from conversation.model.trusted_proxies import Proxies, is_loopback
from conversation.ports.storage.retention import Keep
from ops.configuration.nats_settings import Nats, read_signals
from ops.configuration.s3_settings import S3, place
from router.flows.delivery.attachment_download import Caps
from router.flows.intake.auto_reply_budget import DEFAULT
from router.rules.document import Duration
from storage.database.pool_settings import PoolSettings

_PORTS = range(65536)
_PGBOUNCER = 6432


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) in _PORTS):
        raise ValueError('write host and port, for example "127.0.0.1:8080"')
    return text


def _one_of(*schemes: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not text.startswith(schemes):
            raise ValueError(f"must begin with {' or '.join(schemes)}")
        return text

    return checked


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError('must be an address as browsers know it, for example "https://support.example"')
    return text.rstrip("/")


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError as error:
        raise ValueError(f'{error}: write an address or a network, for example "127.0.0.1" or "10.0.0.0/8"') from None
    return text


def _an_hour(span: timedelta) -> timedelta:
    if span < timedelta(hours=1):
        raise ValueError("must be at least '1h'")
    return span


def _ten_minutes(span: timedelta) -> timedelta:
    if span < timedelta(minutes=10):
        raise ValueError("must be at least '10m': people write a message after they have added a file")
    return span


def _a_minute_at_most(span: timedelta) -> timedelta:
    if not timedelta(0) < span <= timedelta(minutes=1):
        raise ValueError("must be between '1ms' and '1m': whoever waits longer has gone")
    return span


_Span = Annotated[Duration, AfterValidator(_an_hour)]


class Retention(BaseModel):
    """`[service.retention]`: how long what is kept although nobody needs it to answer a customer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    events: _Span = Keep().events
    outbox: _Span = Keep().outbox
    uploads: Annotated[Duration, AfterValidator(_ten_minutes)] = Keep().uploads
    quarantine: _Span = Keep().quarantine
    decisions: _Span = Keep().decisions
    audit: _Span = Keep().audit

    def keep(self) -> Keep:
        """As the router takes it."""
        return Keep(**dict(self))


class Media(BaseModel):
    """`[service.media]`: how much is fetched of files that customers send by a provider. Sizes are in bytes, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1024, le=1024**3)] = Caps().size
    seconds: Annotated[float, Field(gt=0, le=600)] = Caps().seconds
    types: Annotated[tuple[str, ...], Field(min_length=1)] = Caps().types
    at_once: Annotated[int, Field(ge=1, le=64)] = Caps().at_once
    give_up: Duration = Caps().give_up

    def caps(self) -> Caps:
        """As the router takes it."""
        return Caps(**dict(self))


class UnprovenAnswers(BaseModel):
    """`[service.unproven_answers]`: automatic answers a day to senders whom nobody proved, by kind, of all accounts and nodes together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Annotated[int, Field(ge=0, le=1_000_000)] = DEFAULT
    sms: Annotated[int, Field(ge=0, le=1_000_000)] = 500


class Service(BaseModel):
    """`[service]`: what belongs to this node and is never shared through the database."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, Field(min_length=1)] = "huntgroup"
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8080"
    public_url: Annotated[str, AfterValidator(_origin)] | None = None
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = ("127.0.0.0/8", "::1")
    database: Annotated[str, AfterValidator(_one_of("sqlite:///", "postgresql://"))] = "sqlite:///huntgroup.db"
    database_direct: Annotated[str, AfterValidator(_one_of("postgresql://"))] | None = None
    prepared_statements: bool = True
    pool_size: Annotated[int, Field(ge=1, le=1000)] = PoolSettings().size
    pool_overflow: Annotated[int, Field(ge=0, le=1000)] = PoolSettings().overflow
    pool_wait: Annotated[Duration, AfterValidator(_a_minute_at_most)] = timedelta(seconds=PoolSettings().wait)
    attachments: Annotated[str, Field(min_length=1), AfterValidator(place)] = "attachments"
    s3: S3 = S3()
    keep_free: Annotated[int, Field(ge=0)] = 512 * 1024 * 1024
    signals: Annotated[str, BeforeValidator(read_signals)] = "local"
    nats: Nats = Nats()
    metrics_token: SecretStr | None = None
    shadow: Annotated[str, Field(min_length=1)] | None = None
    body_limit: Annotated[int, Field(ge=1024, le=268435456)] = 1048576
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    retention: Retention = Retention()
    media: Media = Media()
    unproven_answers: UnprovenAnswers = UnprovenAnswers()

    @property
    def own_folder(self) -> File:
        """Where a node keeps who it is: with the attachments, or in the working folder where they lie in an object store."""
        return File() if "://" in self.attachments else File(self.attachments)

    @property
    def host(self) -> str:
        """Where to listen."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port, 0 for any that is free."""
        return int(self.listen.rpartition(":")[2])

    @field_validator("database_direct")
    @classmethod
    def _of_a_server(cls, direct: str | None, others: ValidationInfo) -> str | None:
        if direct is not None and others.data.get("database", "").startswith("sqlite"):
            raise ValueError("belongs to a postgresql:// `database` that leads through a connection pooler")
        return direct

    @field_validator("nats")
    @classmethod
    def _encrypted(cls, nats: Nats, others: ValidationInfo) -> Nats:
        if nats.ca is not None and not others.data.get("signals", "tls://").startswith("tls://"):
            raise ValueError("'ca' is for servers whose addresses in 'signals' begin with tls://")
        return nats

    @property
    def direct(self) -> str:
        """The address of the database itself, also where `database` leads through a pooler."""
        return self.database_direct or self.database

    @property
    def perhaps_pooled(self) -> bool:
        """Whether a pooler seems to answer at `database`, and nothing says how it is passed."""
        return self.database_direct is None and urlsplit(self.database).netloc.endswith(f":{_PGBOUNCER}")

    @property
    def pool(self) -> PoolSettings:
        """How the store connects to PostgreSQL."""
        return PoolSettings(
            size=self.pool_size,
            overflow=self.pool_overflow,
            wait=self.pool_wait.total_seconds(),
            pooler=self.database_direct is not None,
            prepared_statements=self.prepared_statements,
        )

    @property
    def trusted(self) -> Proxies:
        """The proxies that say for whom they ask."""
        return Proxies(tuple(ip_network(one) for one in self.proxies))

    @property
    def hidden_by_a_proxy(self) -> bool:
        """Whether customers come by a proxy on this machine that is not trusted: nothing distinguishes them then."""
        outside = self.public_url is not None and not is_loopback(urlsplit(self.public_url).hostname or "")
        believed = any(ip_network(one).is_loopback for one in self.proxies)
        return outside and is_loopback(self.host) and not believed
