"""Reading customers' requests with limits, and answering them: JSON, files, problem documents."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from aiohttp import BodyPartReader, hdrs, web

from channels import file_types as media
from channels.webchat import assets, normalize, render
from conversation.errors import (
    AttachmentGone,
    Conflict,
    DiskFull,
    HuntgroupError,
    MalformedPayload,
    NotFound,
    Overloaded,
    Refused,
)

BODY_LIMIT = 128 * 1024
_DISK_PAUSE = 300  # seconds: room is made by people, or as uploads that no message names are removed


class Problem(HuntgroupError):
    """An answer that is not the one hoped for."""

    def __init__(
        self,
        *,
        status: int,
        code: str,
        detail: str,
        faults: Sequence[normalize.FieldFault] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after = retry_after


def problem_of(error: Exception) -> Problem:
    """The problem document by which a customer's page learns of an error."""
    if isinstance(error, normalize.FieldsAtFault):
        return Problem(status=422, code="invalid", detail="some fields are at fault", faults=error.faults)
    if isinstance(error, MalformedPayload):
        return Problem(status=400, code=error.code, detail=error.detail)
    if isinstance(error, NotFound):
        return Problem(status=404, code="not_found", detail="there is no such thing here")
    return _not_stored(error)


def _not_stored(error: Exception) -> Problem:
    if isinstance(error, Conflict):
        return Problem(status=409, code=error.code, detail=error.detail)
    if isinstance(error, Refused):
        return _refused(error)
    return _later(error)


def _refused(error: Refused) -> Problem:
    if isinstance(error, AttachmentGone):
        return Problem(status=409, code="attachment_gone", detail=str(error))
    return Problem(status=422, code="refused", detail=str(error))


def _later(error: Exception) -> Problem:
    if isinstance(error, Overloaded):
        return Problem(status=503, code="overloaded", detail="come back soon", retry_after=error.retry_after)
    if isinstance(error, DiskFull):
        detail = "no files can be taken now: go on without them"
        return Problem(status=507, code="no_room", detail=detail, retry_after=_DISK_PAUSE)
    return Problem(status=503, code="store_unavailable", detail="come back soon", retry_after=2)


def problem_response(problem: Problem) -> web.Response:
    """A problem document."""
    body = render.problem(problem.status, problem.code, problem.detail, problem.faults)
    answer = web.Response(status=problem.status, body=body, content_type="application/problem+json")
    if problem.retry_after is not None:
        answer.headers[hdrs.RETRY_AFTER] = str(problem.retry_after)
    if problem.status == 401:  # noqa: PLR2004
        answer.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return answer


def answer(body: Mapping[str, Any]) -> web.Response:
    """A JSON answer that nobody keeps."""
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(text=text, content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"})


def file_response(request: web.Request, found: assets.Asset | None, cache: str) -> web.Response:
    """A file of the page, or 304 where the browser has it."""
    if found is None:
        raise Problem(status=404, code="not_found", detail="there is no such file")
    headers = {hdrs.ETAG: found.etag, hdrs.CACHE_CONTROL: cache, hdrs.CONTENT_TYPE: found.type}
    if request.headers.get(hdrs.IF_NONE_MATCH) == found.etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=found.body, headers=headers)


def too_large() -> Problem:
    """413."""
    return Problem(status=413, code="too_large", detail="this is larger than allowed here")


async def json_of(request: web.Request) -> Mapping[str, Any]:
    """The object in the body; an absent body is an empty one."""
    raw = await body_of(request)
    return normalize.frame(raw) if raw else {}


async def body_of(request: web.Request) -> bytes:
    """The whole body, up to the limit."""
    found = bytearray()
    async for chunk in request.content.iter_any():
        found += chunk
        if len(found) > BODY_LIMIT:
            raise too_large()
    return bytes(found)


def number_in(request: web.Request, key: str, usual: int) -> int:
    """A number in the query. Raises `FieldsAtFault`."""
    text = request.query.get(key, "")
    if not text:
        return usual
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1  # noqa: PLR2004
    return normalize.seq({key: value}, key)


async def file_part(request: web.Request) -> BodyPartReader:
    """The first file of a form."""
    if not request.content_type.startswith("multipart/"):
        raise Problem(status=415, code="multipart", detail="a file is sent as multipart/form-data")
    try:
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.filename is not None:
                return part
    except (ValueError, AssertionError) as error:
        raise MalformedPayload(f"not a form: {type(error).__name__}") from None
    raise Problem(status=422, code="missing", detail="there is no file in this form")


async def checked(
    part: BodyPartReader,
    *,
    limit: int,
    types: Collection[str],
    use: Callable[[int], None],
    wait: Callable[[Awaitable[bytes]], Awaitable[bytes]],
) -> AsyncIterator[bytes]:
    """The bytes, unless there are too many or they are of a type that is not taken here. `use` is called before each chunk goes on.

    `wait` waits for each chunk, as long as it may take.
    """
    size = 0
    while chunk := await wait(_next_chunk(part)):
        if not size and media.type_of(chunk) not in types:
            raise Problem(status=415, code="file_refused", detail="files of this type are not taken here")
        size += len(chunk)
        if size > limit:
            raise too_large()
        use(len(chunk))
        yield chunk


async def _next_chunk(part: BodyPartReader) -> bytes:
    try:
        return await part.read_chunk()
    except (ValueError, AssertionError):
        raise MalformedPayload("the form ends before the file does", code="bad_form") from None
