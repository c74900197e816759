"""Files from strangers: their type is what their bytes show, their names are made harmless."""

import unicodedata
import uuid

UNNAMED = "file"
LONGEST_NAME = 120

# (prefix, offset of a second mark, second mark, type)
_SIGNATURES: tuple[tuple[bytes, int, bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, b"", "image/png"),
    (b"\xff\xd8\xff", 0, b"", "image/jpeg"),
    (b"GIF87a", 0, b"", "image/gif"),
    (b"GIF89a", 0, b"", "image/gif"),
    (b"RIFF", 8, b"WEBP", "image/webp"),
    (b"RIFF", 8, b"WAVE", "audio/wav"),
    (b"%PDF-", 0, b"", "application/pdf"),
    (b"OggS", 0, b"", "audio/ogg"),
    (b"ID3", 0, b"", "audio/mpeg"),
    (b"#!AMR", 0, b"", "audio/amr"),
    (b"\x1aE\xdf\xa3", 0, b"", "video/webm"),
    (b"PK\x03\x04", 0, b"", "application/zip"),
    (b"", 4, b"ftypheic", "image/heic"),
    (b"", 4, b"ftypM4A", "audio/mp4"),
    (b"", 4, b"ftyp", "video/mp4"),
)
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
_FORBIDDEN = '<>:"|?*\\/'


def type_of(head: bytes) -> str:
    """The media type that the first bytes show. Text only when it is plainly text, and never one that a browser would run."""
    for prefix, offset, mark, kind in _SIGNATURES:
        if head.startswith(prefix) and head[offset : offset + len(mark)] == mark:
            return kind
    return "text/plain" if _is_text(head) else "application/octet-stream"


def file_id(owner: str) -> str:
    """The id of a file that a message brings. `owner` names its place for ever: the same bytes make the same event, whenever they are read."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, owner))


def safe_name(name: str) -> str:
    r"""A file name without path, control, bidirectional or zero-width characters, dots in front, or a reserved word.

    What cannot be seen goes first: `..\u200b/x` must not become `../x` after the check.
    """
    seen = "".join(c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c)[0] != "C")
    last = seen.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join("_" if c in _FORBIDDEN else c for c in last)
    kept = " ".join(kept.split()).strip(". ")
    if kept.partition(".")[0].strip().casefold() in _RESERVED:
        kept = f"_{kept}"
    return _short(kept) or UNNAMED


def _short(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 10:  # noqa: PLR2004 longer than any ending in use
        return name[:LONGEST_NAME]
    return stem[: LONGEST_NAME - len(ending) - 1] + dot + ending


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # a character cut in two by the end of the sample is no fault
        if error.reason != "unexpected end of data":
            return False
        text = head[: error.start].decode("utf-8")
    return bool(text) and not any(unicodedata.category(c) == "Cc" and c not in "\t\r\n\f" for c in text)
