"""A .creds file of NATS: a user's JWT, and the seed of the key that signs the server's challenge."""

import base64
import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_PART = r"-+BEGIN {0}-+\s+(\S+)\s+-+END {0}-+"
_PREFIX, _KEY, _CHECKSUM = 2, 32, 2  # bytes of a decoded seed


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user shows, and what proves that they may."""

    jwt: str
    _key: Ed25519PrivateKey = field(repr=False)

    def signature(self, nonce: str) -> bytes:
        """Of the server's challenge, as the protocol writes it."""
        return base64.b64encode(self._key.sign(nonce.encode()))


def read_credentials(text: str) -> Credentials:
    """The two parts of the file. Raises `ValueError`, without quoting it."""
    jwt, seed = (re.search(_PART.format(part), text) for part in ("NATS USER JWT", "USER NKEY SEED"))
    if jwt is None or seed is None:
        raise ValueError("not the text of a .creds file: it has a NATS USER JWT and a USER NKEY SEED")
    try:
        raw = base64.b32decode(seed[1] + "=" * (-len(seed[1]) % 8))
    except ValueError:
        raw = b""
    if len(raw) != _PREFIX + _KEY + _CHECKSUM:
        raise ValueError("the USER NKEY SEED of the .creds file is damaged")
    return Credentials(jwt[1], Ed25519PrivateKey.from_private_bytes(raw[_PREFIX:-_CHECKSUM]))
