"""The configuration: file, then environment, then flags, read into `Settings`, or every fault at once with file and line."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from typing import Any

from pydantic import (
    ValidationError,
)

from channels import registry as kinds
from channels import standard_webhooks as signatures
from ops.configuration.secrets import Secret, SecretMissing, Vault, is_reference
from ops.configuration.service import Service
from ops.configuration.sources import Located, SettingsFaults, Source, read
from ops.configuration.toml_positions import Path
from ops.configuration.validation_messages import faults_of
from router.rules.document import Document
from router.rules.faults import Fault, RuleFaults, did_you_mean
from router.rules.reader import unsigned_webhooks
from router.rules.rulebook import ChannelHints, RuleBook, compile_rules

_ROUNDS = 8


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
