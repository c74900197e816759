"""What an operator may write under `[channels.NAME]` with `kind = "email"`."""

import hmac
import ssl
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from channels.address_guard import http_url
from channels.email.mail_text import Template, fault_of
from channels.email.mime.addresses import valid
from channels.email.thread_ids import LONGEST_TAGGED

MEBIBYTE = 1024 * 1024
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})


class Tls(StrEnum):
    """How a connection is protected: from its first byte, after STARTTLS, or (to this machine only) not at all."""

    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is and how to connect. `user` None: the account's own address."""

    host: str
    port: int
    tls: Tls
    user: str | None = None


_IMAP = {"imaps": (Tls.IMPLICIT, 993), "imap+plain": (Tls.NONE, 143)}
_SMTP = {"smtps": (Tls.IMPLICIT, 465), "smtp": (Tls.STARTTLS, 587), "smtp+plain": (Tls.NONE, 25)}


def server_of(text: str, schemes: dict[str, tuple[Tls, int]]) -> Server:
    """Read a server's URL. Raises `ValueError` with what is wrong with it."""
    parts = urlsplit(text)
    if parts.scheme not in schemes:
        known = ", ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must begin with one of {known}")
    if parts.password is not None:
        raise ValueError("a URL must not carry a password: write `password`")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("must be scheme://host or scheme://user@host:port, with an @ in the user written as %40")
    tls, port = schemes[parts.scheme]
    if tls is Tls.NONE and not _is_loopback(parts.hostname):
        raise ValueError("only a server on this machine may be spoken to without TLS")
    user = unquote(parts.username) if parts.username else None
    if user is not None and not user.isprintable():
        raise ValueError("a control character in the user")
    return Server(host=parts.hostname, port=parts.port or port, tls=tls, user=user)


def _is_loopback(host: str) -> bool:
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _imap(text: str) -> str:
    server_of(text, _IMAP)
    return text


def _smtp(text: str) -> str:
    server_of(text, _SMTP)
    return text


def _address(text: str) -> str:
    if not valid(text) or not text.isascii():
        raise ValueError("not an e-mail address")
    return text


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("empty, or a control character in it")
    return text


Line = Annotated[str, AfterValidator(_one_line), Field(max_length=200)]


def _kept_secret(url: str) -> str:
    """Secrets are sent there: only over TLS, but for a server on this machine."""
    parts = urlsplit(http_url(url))
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise ValueError("secrets are sent there: it must begin with https://")
    return url


class OAuth(BaseModel):
    """Access by a refresh token instead of a password: what Microsoft 365 asks for and Google prefers."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token_url: Annotated[str, AfterValidator(_kept_secret)] = Field(description="where access tokens are issued")
    client_id: Line = Field(description="the application's id")
    client_secret: SecretStr | None = Field(default=None, description="the application's secret, where it has one")
    refresh_token: SecretStr = Field(description="what the mailbox's owner consented to")
    scope: Line | None = Field(
        default=None, description="asked for with each access token, where the provider wants it"
    )
    keep: Path | None = Field(
        default=None,
        description="a file, made here, for the refresh tokens by which the provider replaces the first one",
    )


def _form(text: str) -> str:
    if (fault := fault_of(text)) is not None:
        raise ValueError(fault)
    return text


Form = Annotated[str, AfterValidator(_form), Field(max_length=20_000)]


class TemplateTable(BaseModel):
    """What stands around an answer in one language."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    text: Form = Field(description="the plain form, with {text} and where wished {author}, {name} and {reference}")
    html: Form | None = Field(default=None, description="the HTML form, with the same placeholders")


class Settings(BaseModel):
    """A mailbox that is read over IMAP and a server that mail leaves by; one of the two may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    address: Annotated[str, AfterValidator(_address)] = Field(description="the address customers write to")
    name: Line | None = Field(default=None, description="the name before the address in answers")
    imap: Annotated[str, AfterValidator(_imap)] | None = Field(
        default=None, description="imaps://user@host, with an @ in the user written as %40"
    )
    smtp: Annotated[str, AfterValidator(_smtp)] | None = Field(
        default=None, description="smtps://user@host (TLS) or smtp://user@host (STARTTLS, required)"
    )
    password: SecretStr | None = Field(default=None, description="of both servers; or `oauth`")
    oauth: OAuth | None = Field(default=None, description="a refresh token instead of a password")
    ca: Path | None = Field(default=None, description="a file with the certificate authority of a private server")
    folder: Line = Field(default="INBOX", description="the folder that is read")
    since: date | None = Field(default=None, description="mail that arrived before this day is left alone")
    archive: Line | None = Field(default=None, description="a folder that mail is moved to once it is stored")
    mark_seen: bool = Field(default=False, description="whether mail is marked as read once it is stored")
    plus_address: bool = Field(
        default=False, description="whether the server delivers address+anything: answers then carry a signed address"
    )
    signing_key: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        default=None, description="signs what answers are known by; without it the password does, until it changes"
    )
    trusted_servers: list[Line] = Field(
        default=[], description="names of our own mail servers, whose Authentication-Results are believed"
    )
    aliases: list[Annotated[str, AfterValidator(_address)]] = Field(
        default=[], description="other addresses whose mail comes to this mailbox"
    )
    believe_senders: bool = Field(
        default=False, description="whether every From address is taken for true: the server lets no forged mail in"
    )
    unproven: Literal["apart", "join"] | None = Field(
        default=None,
        description="whether mail whose sender is not proven joins what that address has open; `apart` where `trusted_servers` are named",
    )
    message_bytes: PositiveInt = Field(
        default=30 * MEBIBYTE, le=30 * MEBIBYTE, description="of a larger mail only the beginning is read"
    )
    attachment_bytes: PositiveInt = Field(
        default=20 * MEBIBYTE, le=50 * MEBIBYTE, description="the largest file that may be sent"
    )
    templates: dict[str, TemplateTable] = Field(
        default={}, description="what stands around answers, by language; `default` for all others"
    )
    pace: PositiveFloat | None = Field(default=None, description="mails a second at most")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.imap is None and self.smtp is None:
            raise ValueError("neither 'imap' nor 'smtp' is named: nothing could be received or sent")
        if self.password is not None and self.oauth is not None:
            raise ValueError("'password' and 'oauth' exclude one another")
        if self._needs_credentials() and self.password is None and self.oauth is None:
            raise ValueError("'password' or 'oauth' is missing")
        return self

    def _needs_credentials(self) -> bool:
        servers = (self.imap_server, self.smtp_server)
        protected = any(server is not None and server.tls is not Tls.NONE for server in servers)
        return self.imap is not None or protected

    @property
    def apart(self) -> bool:
        """Whether mail whose sender is not proven opens a conversation of its own."""
        return self.unproven == "apart" or (self.unproven is None and bool(self.trusted_servers))

    def warnings(self) -> list[tuple[str, str]]:
        """What is probably not meant: the key, and why."""
        return [*self._tag_too_long(), *self._nobody_checks()]

    def _tag_too_long(self) -> list[tuple[str, str]]:
        if not self.plus_address or len(self.address.partition("@")[0]) <= LONGEST_TAGGED:
            return []
        words = (
            f"what stands before the @ is longer than {LONGEST_TAGGED} characters: no room is left for a signed tag, "
            "and answers are known by their Message-ID alone"
        )
        return [("plus_address", words)]

    def _nobody_checks(self) -> list[tuple[str, str]]:
        if self.imap is None or self.trusted_servers or self.believe_senders or self.unproven == "apart":
            return []
        words = (
            "no 'trusted_servers': anybody can write under a customer's address, and the mail joins that customer's "
            'conversation, marked as unproven; name the server that checks your mail, or say unproven = "apart"'
        )
        return [("trusted_servers", words)]

    @property
    def imap_server(self) -> Server | None:
        """Where mail is read."""
        return server_of(self.imap, _IMAP) if self.imap else None

    @property
    def smtp_server(self) -> Server | None:
        """Where mail leaves."""
        return server_of(self.smtp, _SMTP) if self.smtp else None

    def template_of(self) -> dict[str, Template]:
        """By language in lower case."""
        return {name.lower(): Template(text=one.text, html=one.html) for name, one in self.templates.items()}

    def key(self) -> bytes:
        """What signs tokens: made for that one purpose of whichever secret there is."""
        secret = self.signing_key or self.password or (self.oauth.refresh_token if self.oauth else None)
        text = secret.get_secret_value() if secret else self.address
        return hmac.digest(text.encode(), b"huntgroup: what e-mail answers are known by", sha256)

    def tls(self) -> ssl.SSLContext:
        """Certificates and host names are always verified. `OSError` and `ssl.SSLError` for a bad file."""
        return ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
