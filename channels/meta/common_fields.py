"""What all of Meta's events have in common: their account, their ids, and what is quarantined. Pure."""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from channels import json_fields as fields
from channels import strict_json
from channels.file_types import file_id, safe_name
from channels.meta.platforms import DAY
from channels.payload_source import Source
from conversation.errors import MalformedPayload
from conversation.model.message import Attachment, InboundEvent, Malformed

UNSUPPORTED = "unsupported"
LONGEST_ID = 500
LONGEST_NAME = 1000
MOST = 1000

_LONGEST_URL = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Here(Source):
    """The account that an event is for, when it came, and the platform's id of the account."""

    id: str = ""

    def window(self, written_at: datetime | None) -> datetime:
        """Until when this message lets us answer. A clock that runs ahead does not make it longer."""
        return min(written_at or self.received_at, self.received_at) + DAY


class NotForUs(Exception):
    """Understood, and of no use here: it is quarantined with this reason."""


def unusable(here: Here, value: Any, reason: str, *, code: str = UNSUPPORTED) -> Malformed:
    """The event for what cannot be used. The same bytes always have the same id."""
    body = strict_json.compact(value)
    fault = MalformedPayload(reason, code=code)
    return here.malformed(fault, external_id=f"#{sha256(body).hexdigest()[:32]}", raw=body)


def each(
    here: Here, items: Sequence[Any], read: Callable[[Mapping[str, Any]], Sequence[InboundEvent]]
) -> list[InboundEvent]:
    """The events of each item. One that cannot be read is quarantined alone."""
    found: list[InboundEvent] = []
    for item in items:
        try:
            found += read(fields.object_of(item))
        except MalformedPayload as fault:
            found.append(unusable(here, item, fault.detail, code=fault.code))
        except NotForUs as fault:
            found.append(unusable(here, item, str(fault)))
    return found


def number(data: Mapping[str, Any], key: str, *, longest: int = LONGEST_ID) -> str:
    """An id that some versions write as a number."""
    value = data.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return fields.identifier(data, key, longest=longest)


def inner(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object that may be missing."""
    return fields.table(data, key) or {}


def named(data: Mapping[str, Any], key: str) -> str | None:
    """A short text, or None where it is empty."""
    return fields.text(data, key, longest=LONGEST_NAME) or None


def url_of(data: Mapping[str, Any], key: str = "url") -> str | None:
    """A web address, or None where there is none that could be fetched."""
    url = fields.text(data, key)
    fine = url is not None and len(url) <= _LONGEST_URL and url.startswith(("https://", "http://"))
    return url if fine else None


def place(latitude: Any, longitude: Any) -> str:
    """A place on the map in words. Raises `MalformedPayload`."""
    numbers = (latitude, longitude)
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        raise MalformedPayload("a location without latitude or longitude", code="missing")
    return f"\N{ROUND PUSHPIN} {latitude}, {longitude}"


def attachment(owner: str, *, name: str, media_type: str, url: str, digest: str | None = None) -> Attachment:
    """A file that lies with Meta. `owner` makes its id: the same bytes make the same event, whenever they are read."""
    ending = "" if "." in name else mimetypes.guess_extension(media_type.partition(";")[0], strict=False) or ""
    return Attachment(
        id=file_id(owner),
        name=safe_name(name + ending),
        type=media_type.partition(";")[0].strip().lower() or "application/octet-stream",
        sha256=digest,
        url=url,
    )


def lines(*parts: str | None) -> str:
    """The parts that are not empty, one a line."""
    return "\n".join(part for part in parts if part)


def referred(referral: Mapping[str, Any]) -> Mapping[str, object]:
    """Where a customer came from: an advertisement, a link, a post. Rules read it as `customer.*`."""
    values = {
        "ref": named(referral, "ref"),
        "referral": named(referral, "source_type") or named(referral, "source"),
        "ad_id": named(referral, "ad_id") or named(referral, "source_id"),
        "ad_title": named(referral, "headline") or named(inner(referral, "ads_context_data"), "ad_title"),
        "ad_click": named(referral, "ctwa_clid"),
    }
    return {key: value for key, value in values.items() if value is not None}
