"""OAuth 1.0a signatures of requests whose body is no form, HMAC-SHA1: RFC 5849, section 3. Pure.

The words and the example are those of https://docs.x.com/resources/fundamentals/authentication/oauth-1-0a/creating-a-signature
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An app's key, and the token of the account for which it acts. Nothing of it is shown."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    token: str = field(repr=False)
    token_secret: str = field(repr=False)


def authorization(method: str, url: str, credentials: Credentials, *, nonce: str, timestamp: int) -> str:
    """The header's value. `nonce` is never used twice; `timestamp` is in seconds and must be near to X's own."""
    stated = {
        "oauth_consumer_key": credentials.consumer_key,
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(timestamp),
        "oauth_token": credentials.token,
        "oauth_version": "1.0",
    }
    stated["oauth_signature"] = signature(method, url, credentials, stated.items())
    return "OAuth " + ", ".join(f'{_quoted(name)}="{_quoted(value)}"' for name, value in sorted(stated.items()))


def signature(method: str, url: str, credentials: Credentials, stated: Iterable[tuple[str, str]]) -> str:
    """Over the method, the URL with its query, and the further parameters: the `oauth_` fields, and those of a form."""
    parts = urlsplit(url)
    fields = [*parse_qsl(parts.query, keep_blank_values=True), *stated]
    joined = "&".join(f"{name}={value}" for name, value in sorted((_quoted(n), _quoted(v)) for n, v in fields))
    base = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path or '/'}"
    signed = "&".join(_quoted(part) for part in (method.upper(), base, joined))
    key = f"{_quoted(credentials.consumer_secret)}&{_quoted(credentials.token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _quoted(text: str) -> str:
    """As RFC 3986 has it: only letters, digits and `-._~` stay."""
    return quote(text, safe="-._~")
