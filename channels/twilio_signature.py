"""What Twilio signs, whatever it is that it calls us about.

HMAC-SHA1 over the URL as Twilio knows it and the sorted form fields: https://www.twilio.com/docs/usage/security#validating-requests
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from conversation.errors import MalformedPayload, SignatureRejected

HEADER = "x-twilio-signature"

_MOST_FIELDS = 300
_DEFAULT_PORTS = {"https": 443, "http": 80}

Form = tuple[tuple[str, str], ...]


def form(body: bytes) -> Form:
    """The fields in order, blank ones too, nothing trimmed. Raises `MalformedPayload` for what is no form."""
    try:
        text = body.decode("ascii")
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="surrogatepass"))
    except ValueError:
        raise MalformedPayload("this is no form", code="no_form") from None


def signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The header's value: a field that stands several times counts once for each different value."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(token.encode(), signed.encode(errors="surrogatepass"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def verify(token: str, given: str, url: str, body: bytes) -> None:
    """Return, or raise `SignatureRejected`, for the form in this body."""
    try:
        fields = form(body)
    except MalformedPayload:
        raise SignatureRejected("this is no form, so that its signature cannot be right") from None
    if not matches(token, given, url, fields):
        raise SignatureRejected("the signature is missing or wrong")


def matches(token: str, given: str, url: str, fields: Iterable[tuple[str, str]]) -> bool:
    """Compared in constant time. Twilio signs the URL sometimes with its port and sometimes without."""
    fields = tuple(fields)
    wanted = (signature(token, one, fields) for one in _alike(url))
    return any(hmac.compare_digest(given.encode(errors="replace"), one.encode()) for one in wanted)


def _alike(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return url, parts._replace(netloc=bracketed).geturl(), parts._replace(netloc=f"{bracketed}:{port}").geturl()
