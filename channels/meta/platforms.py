"""What the three platforms allow, as data.

Sources: developers.facebook.com/docs, "Send Messages" and "Throughput" (WhatsApp Cloud API), "Send API" and "Rate limits" (Messenger
Platform, Instagram Messaging), "Supported media types" and "Attachment Upload".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

DAY = timedelta(hours=24)
WEEK = timedelta(days=7)

_MEGABYTE = 1024 * 1024


class Platform(StrEnum):
    """Which of Meta's media an account is on."""

    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    INSTAGRAM = "instagram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`files` are the largest sizes in bytes by the platform's word for the kind; `types` maps media types to that word.

    `per_second` is for the whole account, `pair` for one customer with `burst` at once. `body` is how long the text over buttons may be.
    """

    text: int
    unit: str
    body: int
    files: Mapping[str, int]
    types: Mapping[str, str] = field(default_factory=dict)
    caption: int = 0
    choices: int = 13
    title: int = 20
    per_second: float = 40.0
    pair: float = 1.0
    burst: int = 10


_WHATSAPP_TYPES: Mapping[str, str] = {
    "image/jpeg": "image",
    "image/png": "image",
    "video/mp4": "video",
    "video/3gpp": "video",
    "audio/aac": "audio",
    "audio/amr": "audio",
    "audio/mp4": "audio",
    "audio/mpeg": "audio",
    "audio/ogg": "audio",
}
_SOCIAL_TYPES: Mapping[str, str] = {
    "image/jpeg": "image",
    "image/png": "image",
    "image/gif": "image",
    "video/mp4": "video",
    "video/webm": "video",
    "audio/aac": "audio",
    "audio/mp4": "audio",
    "audio/wav": "audio",
}

LIMITS: Mapping[Platform, Limits] = {
    Platform.WHATSAPP: Limits(
        text=4096,
        unit="characters",
        body=1024,
        files={"image": 5 * _MEGABYTE, "video": 16 * _MEGABYTE, "audio": 16 * _MEGABYTE, "document": 100 * _MEGABYTE},
        types=_WHATSAPP_TYPES,
        caption=1024,
        choices=10,
        title=24,
        per_second=80.0,
        pair=1 / 6,
        burst=45,
    ),
    Platform.MESSENGER: Limits(
        text=2000,
        unit="characters",
        body=2000,
        files={"image": 8 * _MEGABYTE, "video": 25 * _MEGABYTE, "audio": 25 * _MEGABYTE, "file": 25 * _MEGABYTE},
        types={**_SOCIAL_TYPES, "audio/mpeg": "audio"},
    ),
    Platform.INSTAGRAM: Limits(
        text=1000,
        unit="bytes",
        body=1000,
        files={"image": 8 * _MEGABYTE, "video": 25 * _MEGABYTE, "audio": 25 * _MEGABYTE, "file": 25 * _MEGABYTE},
        types={**_SOCIAL_TYPES, "application/pdf": "file"},
        per_second=10.0,
    ),
}
_ANYTHING_ELSE: Mapping[Platform, str | None] = {
    Platform.WHATSAPP: "document",
    Platform.MESSENGER: "file",
    Platform.INSTAGRAM: None,
}


def kind_of(platform: Platform, media_type: str, size: int) -> str | None:
    """The platform's word for a file of this type and size (bytes); None where it carries no such file.

    What is too large for its own kind goes as any other file does, where the platform carries any.
    """
    limits, other = LIMITS[platform], _ANYTHING_ELSE[platform]
    kind = limits.types.get(media_type.partition(";")[0].strip().lower(), other)
    return other if other and kind and size > limits.files[kind] else kind
