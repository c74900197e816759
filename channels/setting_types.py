"""Types of settings that several kinds share: a base address, and a secret that was copied from a provider's page."""

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from channels.address_guard import http_url


def _base(url: str) -> str:
    return http_url(url).rstrip("/")


def _copied(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or any(c <= " " for c in text):
        raise ValueError("empty, or with characters that no provider gives: copy it again from where it was made")
    return secret


Base = Annotated[str, AfterValidator(_base)]
"""An absolute http(s) URL, without a slash at its end: paths are put behind it."""

Copied = Annotated[SecretStr, AfterValidator(_copied)]
"""A key or token as a provider makes them: visible ASCII characters."""
