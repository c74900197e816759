"""How an account proves who it is: a password, or access tokens that a refresh token buys."""

import asyncio
import json
import logging
import os
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from channels.email.settings import OAuth, Settings
from conversation.errors import ChannelMisconfigured, PermanentFailure, TransientFailure, Unknown
from conversation.ports.channel import Clock, Poster

log = logging.getLogger(__name__)

_EARLY = timedelta(minutes=5)
_LIFE = timedelta(minutes=30)  # of a token that came without its lifetime
_TIMEOUT = 15.0


class Credentials(Protocol):
    """A password, or a token where `oauth` is set."""

    oauth: bool

    async def secret(self) -> str:
        """The password, or an access token that is good for some minutes. Raises `ChannelError`."""
        ...

    def refused(self) -> None:
        """A server did not take it: this token is used no more."""
        ...


def without(secret: str, words: str) -> str:
    """A server's words without the secret: some repeat the command that they refuse, in which it stands as it is or in base64."""
    return " ".join("***" if _holds(word, secret) else word for word in words.replace(secret, "***").split(" "))


def _holds(word: str, secret: str) -> bool:
    try:
        return secret.encode() in b64decode(word.encode("ascii", "ignore"))
    except ValueError:
        return False


def credentials_of(settings: Settings, http: Poster, clock: Clock) -> Credentials | None:
    """What these settings name, if anything."""
    if settings.oauth is not None:
        return Tokens(settings.oauth, http, clock)
    return Password(settings.password.get_secret_value()) if settings.password is not None else None


class Password:
    """The same for ever."""

    oauth = False

    def __init__(self, password: str) -> None:
        self._password = password

    async def secret(self) -> str:
        """The password."""
        return self._password

    def refused(self) -> None:
        """Nothing to renew."""


class Kept:
    """The refresh token in use: the first one, or what the provider gave for it since. Whoever writes another first one begins anew."""

    def __init__(self, first: str, file: Path | None) -> None:
        self._first = sha256(first.encode()).hexdigest()
        self._file = file
        self.token = self._read() or first

    def replace(self, token: str) -> None:
        """Written to a temporary file and renamed, readable by its owner only. A failure here does not keep us from reading mail."""
        self.token = token
        if self._file is None:
            return
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                json.dump({"first": self._first, "token": token}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._file)
        except OSError as error:
            log.warning("refresh_token_not_kept", extra={"detail": error.strerror or type(error).__name__})

    def _read(self) -> str | None:
        try:
            kept = _json(self._file.read_bytes()) if self._file is not None else {}
        except OSError:
            return None
        token = kept.get("token")
        return token if kept.get("first") == self._first and isinstance(token, str) else None


class Tokens:
    """Access tokens, renewed some minutes before their end."""

    oauth = True

    def __init__(self, settings: OAuth, http: Poster, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._kept = Kept(settings.refresh_token.get_secret_value(), settings.keep)
        self._token = ""
        self._until: datetime | None = None

    async def secret(self) -> str:
        """The token in use, or a new one."""
        if self._until is None or self._clock.now() >= self._until - _EARLY:
            await self._renew()
        return self._token

    def refused(self) -> None:
        """The next one asked for is new."""
        self._until = None

    async def _renew(self) -> None:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        try:
            status, body = await self._http.post(
                self._settings.token_url, self._form(), headers=headers, timeout=_TIMEOUT, trusted=True
            )
        except (Unknown, PermanentFailure) as error:  # asking again for a token has no second effect
            raise TransientFailure(f"no access token: {error.detail}") from None
        answer = _json(body)
        token = answer.get("access_token")
        if status in (400, 401, 403):
            why = answer.get("error")
            raise ChannelMisconfigured(f"the refresh token was refused: {why if isinstance(why, str) else status}")
        if status != 200 or not isinstance(token, str):  # noqa: PLR2004
            raise TransientFailure(f"no access token: the provider answered {status}")
        renewed = answer.get("refresh_token")
        if isinstance(renewed, str) and renewed and renewed != self._kept.token:
            await asyncio.to_thread(self._kept.replace, renewed)
        life = answer.get("expires_in")
        self._token = token
        self._until = self._clock.now() + (timedelta(seconds=life) if isinstance(life, int) else _LIFE)

    def _form(self) -> bytes:
        given = self._settings
        fields = {
            "grant_type": "refresh_token",
            "client_id": given.client_id,
            "refresh_token": self._kept.token,
        }
        if given.client_secret is not None:
            fields["client_secret"] = given.client_secret.get_secret_value()
        if given.scope is not None:
            fields["scope"] = given.scope
        return urlencode(fields).encode()


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
