"""Visitors' files: taken within their quotas of bytes, and handed out to whoever may see them."""

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import hdrs, web

from channels.quotas import QuotaExceeded, Reservation, reserved
from channels.webchat.admission import ChatSite, Guards
from channels.webchat.responses import Problem, answer, checked, file_part, too_large
from channels.webchat.upload_deadline import UploadDeadline
from conversation.errors import Refused
from conversation.ports.customer_pages import CustomerPagePorts, Visitor

FORM_OVERHEAD = 64 * 1024
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


class ChatFiles:
    """The uploads and downloads of all chat accounts of one process."""

    def __init__(self, ports: CustomerPagePorts, guards: Guards) -> None:
        self._ports = ports
        self._guards = guards

    async def upload(self, request: web.Request, place: ChatSite, visitor: Visitor) -> web.Response:
        """Store one file of a form. Its bytes are reserved before the body is read."""
        if not place.settings.attachments:
            raise Problem(status=403, code="no_attachments", detail="this chat takes no files")
        if not place.uploads.allow(visitor.session):
            wait = place.uploads.wait(visitor.session)
            raise Problem(status=429, code="too_many", detail="too many files", retry_after=wait)
        limit, declared = place.settings.attachment_bytes, request.content_length or 0
        if declared > limit + FORM_OVERHEAD:
            raise too_large()
        try:
            with reserved(self._guards.quotas(request, place, visitor), min(declared, limit)) as reservation:
                return answer(await self._store(request, place, visitor, reservation))
        except QuotaExceeded as full:
            detail = "too many bytes of files: come back later, or go on without them"
            raise Problem(status=429, code="upload_quota", detail=detail, retry_after=full.wait) from None
        except Refused as error:
            raise Problem(status=415, code="file_refused", detail=str(error)) from None

    async def _store(
        self, request: web.Request, place: ChatSite, visitor: Visitor, reservation: Reservation
    ) -> Mapping[str, object]:
        limit, deadline = place.settings.attachment_bytes, UploadDeadline()

        def use(size: int) -> None:
            reservation.use(size)
            deadline.arrived(size)

        part = await deadline.wait(file_part(request))
        stored = await self._ports.uploads.add(
            checked(part, limit=limit, types=place.settings.attachment_types, use=use, wait=deadline.wait),
            name=part.filename or "",
            declared=part.headers.get(hdrs.CONTENT_TYPE, ""),
            owner=visitor.identity.id,
            limit=limit,
        )
        reservation.keep()
        return stored

    async def download(self, request: web.Request, visitor: Visitor) -> web.Response:
        """The bytes of one file."""
        about, body = await self._ports.uploads.open(request.match_info["attachment"], identity=visitor.identity.id)
        kind, name = str(about.get("type", "")), str(about.get("name", ""))
        shown = "inline" if kind in INLINE else "attachment"
        headers = {
            hdrs.CONTENT_TYPE: kind if kind in INLINE or kind == "application/pdf" else "application/octet-stream",
            hdrs.CONTENT_DISPOSITION: f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            hdrs.CACHE_CONTROL: "private, max-age=3600",
        }
        return web.Response(body=body, headers=headers)
