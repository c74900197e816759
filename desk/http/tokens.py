"""Tokens: opaque, prefixed so that a leak can be found by its shape, and kept by digest only."""

import hashlib
import secrets

PREFIXES = {"bearer": "hg_", "session": "hgs_", "login": "hgl_"}
_SHOWN = 6  # letters of the secret that may be shown in a list, to distinguish tokens
LONGEST = 200


def new_token(kind: str) -> tuple[str, str, str]:
    """(token, digest, prefix) of a new token; `kind` is bearer, session or login."""
    token = PREFIXES[kind] + secrets.token_urlsafe(32)
    return token, digest_of(token), token[: len(PREFIXES[kind]) + _SHOWN]


def digest_of(token: str) -> str:
    """What the store keeps of a token. A token has 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
