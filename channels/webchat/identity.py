"""Identity tokens: a JWT by which the operator's own site vouches for a visitor. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jwt

from conversation.errors import SignatureRejected

LEEWAY = 60.0
LONGEST_TOKEN = 8192
LONGEST_SUBJECT = 200

_REGISTERED = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "name", "email"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Who the visitor is, as the operator's site vouches."""

    address: str
    name: str | None = None
    email: str | None = None
    claims: Mapping[str, object] = field(default_factory=dict)


def prove(token: str, *, secret: str, channel: str, now: datetime) -> Proven:
    """Whom the token names. Raises `SignatureRejected`: wrong key or algorithm, another channel's, run out, or nobody named."""
    if len(token) > LONGEST_TOKEN:
        raise SignatureRejected("the identity token is too long")
    try:
        # the injected clock decides on the times below, so that a test or a replay can bring its own
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=channel,
            options={"require": ["exp", "aud", "sub"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
        raise SignatureRejected(f"identity token: {type(error).__name__}") from None
    _in_time(claims, now.timestamp())
    return _proven(claims)


def _in_time(claims: Mapping[str, Any], now: float) -> None:
    if _seconds(claims["exp"]) < now:
        raise SignatureRejected("identity token: it has run out")
    if "nbf" in claims and _seconds(claims["nbf"]) > now + LEEWAY:
        raise SignatureRejected("identity token: not valid yet")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignatureRejected("identity token: a time is not a number")
    return float(value)


def _proven(claims: Mapping[str, Any]) -> Proven:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise SignatureRejected("identity token: 'sub' is not a usable name")
    return Proven(
        address=f"user:{subject}",  # never the address of an anonymous visitor
        name=_text(claims.get("name")),
        email=_text(claims.get("email")),
        claims={key: value for key, value in claims.items() if key not in _REGISTERED},
    )


def _text(value: object) -> str | None:
    return value[:LONGEST_SUBJECT] if isinstance(value, str) and value else None
