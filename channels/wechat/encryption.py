"""WeChat's signatures and its AES mode: SHA-1 over sorted strings; AES-256-CBC with PKCS#7 to 32 bytes. Pure.

plain text = 16 random bytes, length of the message (4 bytes, big endian), message, AppID.
https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
"""

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from conversation.errors import MalformedPayload

RANDOM = 16

_BLOCK = 32
_LENGTH = 4
_KEY_LETTERS = 43


def signature(token: str, *parts: str) -> str:
    """SHA-1, as hex, of the token and the parts, sorted and joined."""
    return hashlib.sha1("".join(sorted((token, *parts))).encode(errors="replace")).hexdigest()  # noqa: S324 WeChat's choice


def signed(given: str, token: str, *parts: str) -> bool:
    """Whether this is the signature; in constant time."""
    return hmac.compare_digest(given.encode(errors="replace"), signature(token, *parts).encode())


def key_of(text: str) -> bytes:
    """The 32 bytes in an EncodingAESKey; `ValueError` for anything else."""
    try:
        key = base64.b64decode(text + "=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(text) != _KEY_LETTERS or len(key) != _BLOCK:
        raise ValueError(f"not an EncodingAESKey: {_KEY_LETTERS} letters and digits")
    return key


def encrypt(key: bytes, app_id: str, message: bytes, *, random: bytes) -> str:
    """The message as it stands in `Encrypt`. `random` are 16 bytes that nobody can guess."""
    plain = random + struct.pack("!I", len(message)) + message + app_id.encode()
    padding = _BLOCK - len(plain) % _BLOCK
    encryptor = _cipher(key).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).decode()


def decrypt(key: bytes, app_id: str, text: str) -> bytes:
    """The message in `Encrypt`. Raises `MalformedPayload`: also for one that was encrypted for another account."""
    try:
        encrypted = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedPayload("'Encrypt' is not base64", code="sealed") from None
    if not encrypted or len(encrypted) % _BLOCK:
        raise MalformedPayload("'Encrypt' is not a whole number of blocks", code="sealed")
    opening = _cipher(key).decryptor()
    return _taken_apart(opening.update(encrypted) + opening.finalize(), app_id)


def _taken_apart(plain: bytes, app_id: str) -> bytes:
    padding = plain[-1]
    if not 1 <= padding <= _BLOCK or plain[-padding:] != bytes([padding]) * padding:
        raise MalformedPayload("the padding is wrong: another key?", code="sealed")
    body = plain[RANDOM:-padding]
    if len(body) < _LENGTH:
        raise MalformedPayload("the sealed message is too short", code="sealed")
    (length,) = struct.unpack("!I", body[:_LENGTH])
    message, owner = body[_LENGTH : _LENGTH + length], body[_LENGTH + length :]
    if len(message) != length or not hmac.compare_digest(owner, app_id.encode()):
        raise MalformedPayload("sealed for another AppID", code="sealed")
    return message


def _cipher(key: bytes) -> "Cipher[modes.CBC]":
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
