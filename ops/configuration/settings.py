"""The configuration: file, then environment, then flags, read into `Settings`, or every fault at once with file and line."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path as File
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from channels import registry as kinds
from channels import standard_webhooks as signatures
from conversation.model.trusted_proxies import Proxies, is_loopback
from conversation.ports.storage.retention import Keep
from ops.configuration.nats_settings import Nats, read_signals
from ops.configuration.s3_settings import S3, place
from ops.configuration.secrets import Secret, SecretMissing, Vault, is_reference
from ops.configuration.sources import Located, SettingsFaults, Source, read
from ops.configuration.toml_positions import Path
from ops.configuration.validation_messages import faults_of
from router.flows.delivery.attachment_download import Caps
from router.flows.intake.auto_reply_budget import DEFAULT
from router.rules.document import Document, Duration
from router.rules.faults import Fault, RuleFaults, did_you_mean
from router.rules.reader import unsigned_webhooks
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules
from storage.database.pool_settings import PoolSettings

_PORTS = range(65536)
_PGBOUNCER = 6432
_ROUNDS = 8


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
        """Where a node keeps who it is: beside the attachments, or in the working folder where they lie in an object store."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration without a fault. `source` is what a revision in the database keeps: the rules, includes resolved, no secret. `files`: all that were read."""

    service: Service
    channels: Mapping[str, Mapping[str, object]] = field(repr=False)
    document: Document = field(repr=False)
    source: str = field(repr=False)
    digest: str
    hints: Mapping[str, ChannelHints]
    vault: Vault = field(repr=False)
    webhook_secrets: Mapping[str, Secret] = field(repr=False)
    located: Callable[[Path, str], Located] = field(repr=False)
    files: tuple[File, ...]


def load(
    path: File,
    env: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
    make_secrets: bool = True,
    calls_webhooks: bool = False,
    need_secrets: bool = True,
) -> Settings:
    """The settings, or `SettingsFaults` with everything that is wrong.

    `overrides` are flags by dotted key (`{"service.listen": "127.0.0.1:0"}`). Without `make_secrets` a secret file that is to be made on first use is only made up: for commands that look and do not serve. Whoever `calls_webhooks` needs their secrets;
    nobody else is stopped by one that is missing. Without `need_secrets` those of accounts may be missing too: for commands that use the rules and the database only.
    """
    source = read(path, env, overrides or {})
    vault = Vault(env=env, folder=path.resolve().parent, make=make_secrets, needed=need_secrets)
    service = _service(source, replace(vault, needed=True))
    channels = _channels(source, vault)
    rules = {key: value for key, value in source.data.items() if key not in ("service", "channels")}
    hints = {name: _hints(settings) for name, settings in channels.items()}
    document = _document(source, rules, hints, channels)
    secrets = _webhook_secrets(source, vault, document, strict=calls_webhooks)
    if source.faults or service is None or document is None:
        raise SettingsFaults(_in_order(source))
    text = json.dumps(rules, ensure_ascii=False, separators=(",", ":"))
    return Settings(
        service=service,
        channels=channels,
        document=document,
        source=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        hints=hints,
        vault=vault,
        webhook_secrets=secrets,
        located=source.located,
        files=tuple(source.files),
    )


def parse_rules(source: str, channels: Mapping[str, ChannelHints], *, revision: str | None = None) -> RuleBook:
    """The rules of a stored revision, compiled. Without a revision's id the digest stands for it."""
    name = revision or hashlib.sha256(source.encode()).hexdigest()[:12]
    return compile_rules(Document.model_validate_json(source), revision=name, channels=channels)


def _in_order(source: Source) -> list[Located]:
    """By file and line, each once."""
    once = {(fault.file, fault.line, fault.message): fault for fault in source.faults}
    first = str(source.first)
    return sorted(once.values(), key=lambda fault: (fault.file != first, fault.file, fault.line))


def _service(source: Source, vault: Vault) -> Service | None:
    given = _resolved(source, vault, source.data.get("service", {}), ("service",))
    try:
        return Service.model_validate(given)
    except ValidationError as error:
        for fault in faults_of(error, Service, given):
            source.fault(("service", *fault.path), fault.message)
        return None


def _channels(source: Source, vault: Vault) -> dict[str, Mapping[str, object]]:
    """Accounts by name, their secrets in place."""
    given = source.data.get("channels", {})
    if not isinstance(given, dict):
        source.fault(("channels",), "'channels' holds tables: [channels.NAME]")
        return {}
    found: dict[str, Mapping[str, object]] = {}
    for name, settings in given.items():
        path: Path = ("channels", name)
        if not isinstance(settings, dict):
            source.fault(path, f"'{name}' must be a table: [channels.{name}]")
        elif not isinstance(settings.get("kind"), str):
            source.fault(path, f"channel '{name}' needs a kind, for example kind = \"webchat\"")
        else:
            found[name] = _account(source, vault, name, settings)
    for name, settings in found.items():
        for fault in kinds.faults_between(settings, found):
            source.fault(("channels", name, *fault.path), fault.message)
    return found


def _account(source: Source, vault: Vault, name: str, settings: Mapping[str, Any]) -> Mapping[str, object]:
    path: Path = ("channels", name)
    before = len(source.faults)
    resolved = _resolved(source, vault, settings, path)
    some_missing = len(source.faults) > before or not vault.needed
    unresolved = set(_references(settings, path)) if some_missing else set()
    for fault in kinds.settings_faults(str(settings["kind"]), name, resolved):
        at = (*path, *fault.path)
        if at not in unresolved:
            source.fault(at, fault.message)
    account: Mapping[str, object] = resolved
    return account


def _references(value: object, path: Path) -> list[Path]:
    """Where secrets are named."""
    if is_reference(value):
        return [path]
    items: list[tuple[str | int, object]] = []
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [found for key, inner in items for found in _references(inner, (*path, key))]


def _resolved(source: Source, vault: Vault, value: Any, path: Path) -> Any:
    """The value with every secret that it names looked up; one that is needed and not there is a fault. It leaves an empty one."""
    if is_reference(value):
        try:
            return vault.resolve(value)
        except SecretMissing as error:
            if vault.needed:
                source.fault(path, str(error))
            return Secret("")
    if isinstance(value, Mapping):
        return {key: _resolved(source, vault, inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(source, vault, inner, (*path, index)) for index, inner in enumerate(value)]
    return value


def webhook_secrets(path: File, env: Mapping[str, str]) -> Mapping[str, Secret]:
    """What signs the calls to webhooks as the files say now; those that are missing are left out. Raises `SettingsFaults`."""
    source = read(path, env, {})
    if any(fault.unreadable for fault in source.faults):
        raise SettingsFaults(source.faults)
    return _webhook_secrets(source, Vault(env=env, folder=path.resolve().parent, make=True), None, strict=False)


def _webhook_secrets(source: Source, vault: Vault, document: Document | None, *, strict: bool) -> dict[str, Secret]:
    """What signs the calls to `[webhooks.NAME]`. The rules in the database keep the name of the secret only."""
    webhooks = source.data.get("webhooks", {})
    before = len(source.faults)
    found: dict[str, Secret] = {}
    for name, webhook in webhooks.items() if isinstance(webhooks, dict) else ():
        secret = webhook.get("secret") if isinstance(webhook, dict) else None
        if secret is not None:
            signing = _signing(source, vault, name, secret)
            found |= {} if signing is None else {name: signing}
    for fault in unsigned_webhooks(document) if document is not None else ():
        source.fault(fault.path, fault.message)
    if not strict:
        del source.faults[before:]
    return found


def _signing(source: Source, vault: Vault, name: str, written: object) -> Secret | None:
    """One secret, if it can sign; else the fault stands in the source."""
    path: Path = ("webhooks", name, "secret")
    before = len(source.faults)
    text = _resolved(source, vault, written, path)
    if len(source.faults) > before:
        return None
    try:
        signatures.key_of(str.__str__(text) if isinstance(text, str) else "")
    except ValueError as error:
        source.fault(path, f"webhook '{name}': {error}")
        return None
    return Secret(text)


def _hints(settings: Mapping[str, object]) -> ChannelHints:
    hints = kinds.hints(settings)
    queue = next((one.name for one in kinds.named_of_rules(settings) if one.section == "queues"), None)
    return ChannelHints(kind=hints.kind, language=hints.language, issue=hints.issue, brand=hints.brand, queue=queue)


def _document(
    source: Source,
    rules: Mapping[str, Any],
    hints: Mapping[str, ChannelHints],
    channels: Mapping[str, Mapping[str, object]],
) -> Document | None:
    """The rules, checked for shape and for meaning. What is misshapen is left out and the rest is checked all the same."""
    seen: list[Fault] = []
    rest = json.loads(json.dumps(rules))
    document = None
    for _ in range(_ROUNDS):
        try:
            document = Document.model_validate(rest)
            break
        except ValidationError as error:
            faults = faults_of(error, Document, rest)
            seen.extend(faults)
            outcomes = [_left_out(rest, fault.path) for fault in faults]
            if not all(outcomes):
                break
    for fault in seen:
        source.fault(fault.path, _section_meant(fault))
    if document is not None:
        broken = tuple(fault.path for fault in seen)
        _meaning(source, document, hints, broken)
        _named(source, document, channels, broken)
    return document


def _section_meant(fault: Fault) -> str:
    """At the top of the file the sections that are not rules are meant too."""
    if len(fault.path) == 1 and fault.message.startswith("unknown key"):
        known = [*Document.model_fields, "service", "channels", "include"]
        return f"unknown key '{fault.path[0]}'{did_you_mean(str(fault.path[0]), known)}"
    return fault.message


def _left_out(data: Any, path: Path) -> bool:
    """Take the misshapen thing out of a copy, or the nearest named thing around it. An item of a list stays: others would move up."""
    names = [length for length in range(len(path), 0, -1) if isinstance(path[length - 1], str)]
    for length in names:
        inner = data
        for step in path[: length - 1]:
            inner = inner[step] if isinstance(inner, list) and isinstance(step, int) else inner.get(step, {})
        if isinstance(inner, dict) and path[length - 1] in inner:
            del inner[path[length - 1]]
            return True
    return False


def _meaning(source: Source, document: Document, hints: Mapping[str, ChannelHints], broken: tuple[Path, ...]) -> None:
    for name, hint in hints.items():
        if hint.issue is not None and hint.issue not in document.issues:
            message = f"there is no issue '{hint.issue}'{did_you_mean(hint.issue, document.issues)}"
            source.fault(("channels", name, "issue"), message)
    try:
        compile_rules(document, revision="check", channels=hints)
    except RuleFaults as faults:
        for fault in faults.faults:
            if fault.severity == "error" and not any(_related(fault.path, path) for path in broken):
                source.fault(fault.path, fault.message)


def _named(
    source: Source, document: Document, channels: Mapping[str, Mapping[str, object]], broken: tuple[Path, ...]
) -> None:
    """What accounts name of the rules is there, but for what was left out because it is misshapen."""
    known: dict[str, tuple[str, Collection[str]]] = {
        "queues": ("queue", document.queues),
        "issues": ("issue", document.issues),
        "languages": ("offered language", document.languages.offered),
    }
    for account, settings in channels.items():
        for one in kinds.named_of_rules(settings):
            what, names = known[one.section]
            if one.name not in names and not any(_related((one.section, one.name), path) for path in broken):
                message = f"there is no {what} '{one.name}'{did_you_mean(one.name, names)}"
                source.fault(("channels", account, *one.path), message)


def _related(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
