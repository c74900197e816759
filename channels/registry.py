"""Finds kinds of channels by entry point, reads their settings, builds their accounts."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ValidationError

from conversation.model.verification_code import IN_CONVERSATION
from conversation.ports.channel import Channel, Tools

GROUP = "huntgroup.channels"
HINT_KEYS = frozenset({"kind", "language", "issue", "brand"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingFault:
    """One thing wrong in an account's settings. `path` begins below `channels.NAME`; empty for the account itself."""

    path: tuple[str | int, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What an account's settings name of the rules: a `name` in their `section`, "queues", "issues" or "languages"."""

    path: tuple[str | int, ...]
    section: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Settings of any account about whatever arrives on it."""

    kind: str
    language: str | None = None
    issue: str | None = None
    brand: str | None = None


class Create(Protocol):
    """What an entry point of the group leads to."""

    def __call__(self, name: str, settings: Mapping[str, object], tools: Tools) -> Channel:
        """One account."""
        ...


@runtime_checkable
class _Face(Protocol):
    Settings: type[BaseModel]


@cache
def _found() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def names() -> tuple[str, ...]:
    """The kinds that are installed, sorted."""
    return tuple(sorted(_found()))


def create_of(kind: str) -> Create:
    """The kind's `create`; `KeyError` for a kind that is not installed."""
    loaded: Create = _found()[kind].load()
    return loaded


def settings_of(kind: str) -> type[BaseModel] | None:
    """The kind's settings model: the name `Settings` in the module of its `create`. None for a kind that has no model."""
    face = sys.modules[create_of(kind).__module__]
    return face.Settings if isinstance(face, _Face) else None


def stripped(settings: Mapping[str, object]) -> dict[str, object]:
    """The settings without the keys that all kinds share."""
    return {key: value for key, value in settings.items() if key not in HINT_KEYS}


def hints(settings: Mapping[str, object]) -> Hints:
    """The keys that all kinds share."""
    found = {key: value for key, value in settings.items() if key in HINT_KEYS and isinstance(value, str)}
    return Hints(
        kind=found.get("kind", ""),
        language=found.get("language"),
        issue=found.get("issue"),
        brand=found.get("brand"),
    )


def settings_faults(kind: str, name: str, settings: Mapping[str, object]) -> list[SettingFault]:
    """Everything wrong with one account, all at once. Secrets are already resolved; none is repeated in a message."""
    if kind not in _found():
        message = f"channel '{name}' is of an unknown kind '{kind}'" + _meant(kind, names())
        return [SettingFault(path=("kind",), message=f"{message}; installed: {', '.join(names())}")]
    wrong = [
        SettingFault(path=(key,), message=f"'{key}' must be a string")
        for key in sorted(HINT_KEYS - {"kind"})
        if key in settings and not isinstance(settings[key], str)
    ]
    return [*wrong, *_model_faults(settings_of(kind), settings)]


def settings_warnings(settings: Mapping[str, object]) -> list[SettingFault]:
    """What is probably not meant in faultless settings: a model may have `warnings() -> [(key, words)]`."""
    model = settings_of(str(settings["kind"]))
    read = model.model_validate(stripped(settings)) if model is not None else None
    found = getattr(read, "warnings", None)
    return [SettingFault(path=(key,), message=words) for key, words in (found() if found is not None else ())]


def named_of_rules(settings: Mapping[str, object]) -> list[Named]:
    """What must stand in the rules, too: a model may have `names() -> [(path, section, name)]`. Nothing of faulty settings."""
    kind = str(settings["kind"])
    model = settings_of(kind) if kind in _found() else None
    try:
        read = model.model_validate(stripped(settings)) if model is not None else None
    except ValidationError:
        return []
    found = getattr(read, "names", None)
    return [Named(path=path, section=section, name=name) for path, section, name in (found() if found else ())]


def faults_between(settings: Mapping[str, object], accounts: Mapping[str, Mapping[str, object]]) -> list[SettingFault]:
    """What is wrong with how this account names others of the configuration."""
    found = (follow_up_fault(settings, accounts), others_fault(settings, accounts), code_fault(settings, accounts))
    return [fault for fault in found if fault is not None]


def follow_up_fault(
    settings: Mapping[str, object], accounts: Mapping[str, Mapping[str, object]]
) -> SettingFault | None:
    """An account whose customers are followed by mail names one that sends mail."""
    named = settings.get("follow_up")
    if not isinstance(named, str):
        return None
    by_mail = accounts.get(named, {})
    if by_mail.get("kind") == "email" and by_mail.get("smtp"):
        return None
    senders = [name for name, one in accounts.items() if one.get("kind") == "email"]
    message = f"'follow_up': there is no e-mail account '{named}' with an 'smtp'{_meant(named, senders)}"
    return SettingFault(path=("follow_up",), message=message)


def code_fault(settings: Mapping[str, object], accounts: Mapping[str, Mapping[str, object]]) -> SettingFault | None:
    """An account that asks for one-time codes names one that sends text messages, or "conversation"."""
    named = settings.get("code")
    if not isinstance(named, str) or named == IN_CONVERSATION:
        return None
    by_text = [name for name, one in accounts.items() if one.get("kind") == "sms" and not _is_whatsapp(one)]
    if named in by_text:
        return None
    message = (
        f"'code': there is no account '{named}' of the kind 'sms' that sends text messages{_meant(named, by_text)}"
    )
    return SettingFault(path=("code",), message=message)


def _is_whatsapp(settings: Mapping[str, object]) -> bool:
    return str(settings.get("number", "")).startswith("whatsapp:")


def others_fault(settings: Mapping[str, object], accounts: Mapping[str, Mapping[str, object]]) -> SettingFault | None:
    """What is wrong with `others`: the accounts that share a webhook are of the same kind."""
    others = settings.get("others")
    kind = settings.get("kind")
    mates = [name for name, one in accounts.items() if one.get("kind") == kind]
    for key, named in others.items() if isinstance(others, Mapping) else ():
        if isinstance(named, str) and named not in mates:
            message = f"'others': there is no account '{named}' of the kind '{kind}'{_meant(named, mates)}"
            return SettingFault(path=("others", str(key)), message=message)
    return None


def build(accounts: Mapping[str, Mapping[str, object]], tools_for: Callable[[str], Tools]) -> dict[str, Channel]:
    """All accounts of a configuration that was checked."""
    return {
        name: create_of(str(settings["kind"]))(name, stripped(settings), tools_for(name))
        for name, settings in accounts.items()
    }


def _model_faults(model: type[BaseModel] | None, settings: Mapping[str, object]) -> Sequence[SettingFault]:
    if model is None:
        return []
    try:
        model.model_validate(stripped(settings))
    except ValidationError as error:
        known = [field.alias or name for name, field in model.model_fields.items()]
        details = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [_fault(_written(d["loc"], settings), d["type"], d["msg"], [*known, *HINT_KEYS]) for d in details]
        return list({(fault.path, fault.message): fault for fault in faults}.values())
    return []


def _written(where: tuple[int | str, ...], settings: object) -> tuple[int | str, ...]:
    """The part of pydantic's path that stands in the file: it also names branches of unions, and items of made-up lists."""
    path: list[int | str] = []
    for step in where:
        if isinstance(settings, list) and isinstance(step, int):
            settings = settings[step]
        elif isinstance(settings, Mapping):
            settings = settings.get(step)  # a key that is missing stands there as well: by its absence
        else:
            break
        path.append(step)
    return tuple(path)


def _fault(path: tuple[int | str, ...], kind: str, message: str, known: Iterable[str]) -> SettingFault:
    key = next((step for step in reversed(path) if isinstance(step, str)), "")
    if kind == "extra_forbidden":
        return SettingFault(path=path, message=f"unknown key '{key}'" + _meant(key, known))
    if kind == "missing":
        return SettingFault(path=path, message=f"'{key}' is missing")
    words = message.removeprefix("Value error, ")
    return SettingFault(path=path, message=f"'{key}': {words}" if key else words)


def _meant(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""
