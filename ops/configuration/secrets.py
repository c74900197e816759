"""Secrets: named in the file, looked up in the environment or in a file of their own, never shown."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

WAYS = ("env", "file", "create")
_SHOWN = "**********"


class Secret(str):
    """A secret's text. It shows itself to nobody: not by `repr`, not by `str`, not in a format string."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Of a plain text, or of a secret: its stars are for people only."""
        return super().__new__(cls, str.__str__(text))

    def __repr__(self) -> str:
        return f"Secret('{_SHOWN}')"

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)


class SecretMissing(Exception):
    """The secret is not where the file says. The message names the place, never a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where secrets are looked up. `folder` is the configuration's; without `make`, one that would be made is only made up.

    Without `needed`, one that is missing is no fault: for commands that use none.
    """

    env: Mapping[str, str]
    folder: Path
    make: bool = False
    needed: bool = True

    def resolve(self, reference: Mapping[str, Any]) -> Secret:
        """The secret that `{ env = "NAME" }`, `{ file = "path" }` or `{ create = "path" }` names. Raises `SecretMissing`."""
        (way, place), *more = reference.items()
        if more or way not in WAYS or not isinstance(place, str) or not place:
            raise SecretMissing('a secret is written { env = "NAME" }, { file = "path" } or { create = "path" }')
        if way == "env":
            return self._from_environment(place)
        path = self.folder / place
        return self._created(path, place) if way == "create" else _from_file(path, place)

    def _from_environment(self, name: str) -> Secret:
        value = self.env.get(name, "")
        if not value:
            raise SecretMissing(f"the environment variable {name} is not set")
        return Secret(value)

    def _created(self, path: Path, place: str) -> Secret:
        if path.exists():
            return _from_file(path, place)
        value = new_webhook_secret()
        if self.make:
            try:
                return _written(path, value)
            except OSError as error:
                raise SecretMissing(f"the secret file {place} cannot be made: {error.strerror}") from error
        return Secret(value)


def is_reference(value: object) -> bool:
    """Whether a value in the file names a secret instead of being one."""
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in WAYS


def new_webhook_secret() -> str:
    """A fresh secret in the form of Standard Webhooks."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _from_file(path: Path, place: str) -> Secret:
    try:
        value = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SecretMissing(f"the secret file {place} cannot be read: {reason}") from error
    if not value:
        raise SecretMissing(f"the secret file {place} is empty")
    return Secret(value)


def _written(path: Path, value: str) -> Secret:
    """Only its owner may read it; where another process was faster, its secret stands."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _from_file(path, path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value + "\n")
    return Secret(value)
