"""Files: sent up before they are named in a message, and handed out so that no browser runs them."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from aiohttp import BodyPartReader, hdrs, web
from pydantic import Field

from conversation.errors import NotFound, Refused
from conversation.ports.storage.attachments import StoredAttachment
from desk.http.authentication import Who, visible
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, ApiResponse, Input, Routes
from desk.representation.schemas import AttachmentOut

routes = Routes("attachments")
LARGEST_UPLOAD = 20 * 1024 * 1024  # bytes; the recipes for proxies in `deploy` let as much through
_CHUNK = 64 * 1024


class UploadQuery(Input):
    """The file's name, where the body is the file itself."""

    name: str | None = Field(None, min_length=1, max_length=255)


@routes.add("POST", "/attachments", who=Who.AGENT, status=201, faults=(400, 413, 422, 507), file=True)
async def upload(call: ApiRequest[None, UploadQuery]) -> ApiResponse[AttachmentOut]:
    """A file, as the body itself with `?name=`, or as the first part of multipart/form-data."""
    limit = LARGEST_UPLOAD
    if (call.request.content_length or 0) > limit + _CHUNK:
        raise _too_large(limit)
    data, name, declared = await _file(call)
    try:
        stored = await call.services.uploads.add(data, name=name, declared=declared, owner=call.agent.id, limit=limit)
    except Refused as error:
        raise Problem(422, "refused_file", str(error) or "this file is not accepted") from error
    return ApiResponse(AttachmentOut.model_validate({**_described(stored), "inline": False}))


def _described(stored: object) -> dict[str, object]:
    if not isinstance(stored, dict):
        raise TypeError("an upload is described by a mapping")
    return {key: stored[key] for key in ("id", "name", "type", "size")}


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"a file may have {limit} bytes")


async def _file(call: ApiRequest[None, UploadQuery]) -> tuple[AsyncIterator[bytes], str, str]:
    request = call.request
    if request.content_type != "multipart/form-data":
        declared = request.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
        return _bounded(request.content.iter_chunked(_CHUNK)), call.query.name or "file", declared
    # the part is read as a stream, bounded below, whatever the limit of other bodies is
    try:
        reader = await request.clone(client_max_size=LARGEST_UPLOAD + _CHUNK).multipart()
        part = await reader.next()
    except ValueError as error:
        raise Problem(400, "bad_multipart", "this is no form") from error
    if not isinstance(part, BodyPartReader):
        raise Problem(400, "bad_multipart", errors=[FieldFault("file", "there is no file in it")])
    declared = part.headers.get(hdrs.CONTENT_TYPE, "application/octet-stream")
    return _bounded(_chunks(part)), call.query.name or part.filename or "file", declared


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    try:
        while chunk := await part.read_chunk(_CHUNK):
            yield bytes(chunk)
    except (ValueError, AssertionError) as error:
        raise Problem(400, "bad_multipart", "the form ends before the file does") from error


async def _bounded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > LARGEST_UPLOAD:
            raise _too_large(LARGEST_UPLOAD)
        yield chunk


@routes.add("GET", "/attachments/{id}", who=Who.AGENT, media="application/octet-stream")
async def download(call: ApiRequest[None, None]) -> web.StreamResponse:
    """Its bytes, as a file to keep: typed by content, never run by the browser."""
    identifier = call.path("id")
    async with call.services.storage.read("desk.attachment") as work:
        stored = await work.attachments.get(identifier)
        if stored.conversation is not None:
            await visible(call.services, work, call.agent, stored.conversation)
        elif stored.owner != call.agent.id:
            raise NotFound(identifier)
    _, data = await call.services.uploads.open(identifier, identity=None)
    return web.Response(body=data, headers=headers_of(stored))


def headers_of(stored: StoredAttachment) -> dict[str, str]:
    """Of an answer that is a file from a stranger."""
    return {
        hdrs.CONTENT_TYPE: stored.attachment.type,
        hdrs.CONTENT_DISPOSITION: disposition(stored.attachment.name),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Download-Options": "noopen",
        hdrs.CACHE_CONTROL: "private, no-store",
    }


def disposition(name: str) -> str:
    """`Content-Disposition` for a name from a stranger (RFC 6266): no quote, line break or path survives."""
    plain = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(letter for letter in plain if letter.isprintable()).strip(". ") or "file"
    ascii_only = "".join(c if c.isascii() and (c.isalnum() or c in " ._-()") else "_" for c in plain)
    return f"attachment; filename=\"{ascii_only}\"; filename*=UTF-8''{quote(plain, safe='')}"
