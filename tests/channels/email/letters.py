"""Small mails for the tests."""

from channels.email import normalize
from channels.email.mime.parsed_mail import Letter


def raw(*fields: str, body: str | bytes = "words", sender: str = "Lena <lena@example.org>") -> bytes:
    """A mail with these fields beside a sender."""
    head = "\r\n".join((f"From: {sender}", "To: help@example.com", "Message-ID: <1@example.org>", *fields))
    return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body.encode() if isinstance(body, str) else body)


def letter(*fields: str, body: str | bytes = "words", sender: str = "Lena <lena@example.org>") -> Letter:
    """The same, read."""
    return normalize.letter(raw(*fields, body=body, sender=sender))


def multipart(kind: str, *parts: str | bytes) -> bytes:
    """A mail of these parts, each with its own fields."""
    pieces = [part.encode() if isinstance(part, str) else part for part in parts]
    body = b"".join(b"--b\r\n" + piece + b"\r\n" for piece in pieces) + b"--b--\r\n"
    return raw(f"Content-Type: multipart/{kind}; boundary=b", "Subject: hello", body=body)


def read(kind: str, *parts: str | bytes) -> Letter:
    """The same, read."""
    return normalize.letter(multipart(kind, *parts))
