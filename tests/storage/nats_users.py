"""An operator of NATS, an account and a user, made by hand: what the tool of NATS writes, for a server of the tests."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_OPERATOR, _ACCOUNT, _USER, _SEED = 14 << 3, 0, 20 << 3, 18 << 3
_ALL = {"subs": -1, "data": -1, "payload": -1}


def _checksum(data: bytes) -> bytes:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc.to_bytes(2, "little")


def _base32(data: bytes) -> str:
    return base64.b32encode(data + _checksum(data)).decode().rstrip("=")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True)
class Key:
    """A key of one kind."""

    kind: int
    key: Ed25519PrivateKey

    @property
    def public(self) -> str:
        return _base32(bytes([self.kind]) + self.key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        head = bytes([_SEED | self.kind >> 5, (self.kind & 31) << 3])
        return _base32(head + self.key.private_bytes_raw())

    def token(self, subject: "Key", nats: Mapping[str, object]) -> str:
        """A JWT about `subject`."""
        header = {"typ": "JWT", "alg": "ed25519-nkey"}
        claims = {"jti": "T", "iat": 1_700_000_000, "iss": self.public, "sub": subject.public, "name": "t"}
        parts = (json.dumps(part).encode() for part in (header, {**claims, "nats": {**nats, "version": 2}}))
        signed = ".".join(_base64(part) for part in parts)
        return f"{signed}.{_base64(self.key.sign(signed.encode()))}"


def _new(kind: int) -> Key:
    return Key(kind, Ed25519PrivateKey.generate())


def operator_mode(folder: Path) -> tuple[Path, str]:
    """(the server's configuration, the text of a user's .creds file)."""
    operator, account, user = _new(_OPERATOR), _new(_ACCOUNT), _new(_USER)
    more = {"imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}
    limits = {"type": "account", "limits": {**_ALL, **more}, "default_permissions": {"pub": {}, "sub": {}}}
    file = folder / "operator.conf"
    file.write_text(
        f"operator: {operator.token(operator, {'type': 'operator'})}\nresolver: MEMORY\n"
        f"resolver_preload: {{ {account.public}: {operator.token(account, limits)} }}\n",
        encoding="utf-8",
    )
    token = account.token(user, {"type": "user", **_ALL, "pub": {}, "sub": {}})
    return file, (
        f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )
