"""Errors as `application/problem+json` (RFC 9457): a stable `code`, and every field at fault."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from conversation.errors import (
    AttachmentGone,
    Conflict,
    DiskFull,
    Forbidden,
    HuntgroupError,
    MalformedPayload,
    NoConnectionFree,
    NotFound,
    Overloaded,
    Refused,
    StoreUnavailable,
    UnlawfulMove,
)

TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field; `field` is a dotted path."""

    field: str
    message: str


class Problem(Exception):
    """An answer that is not the one hoped for."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[FieldFault] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def response(self) -> web.Response:
        """As it goes over the wire."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"field": fault.field, "message": fault.message} for fault in self.errors]
        text = json.dumps(body | self.more, ensure_ascii=False)
        return web.Response(status=self.status, text=text, content_type=TYPE, headers=self.headers)


class FaultModel(BaseModel):
    """One field at fault."""

    field: str = Field(description="dotted path; empty for the whole body")
    message: str


class ProblemModel(BaseModel):
    """RFC 9457, with a stable code."""

    type: str
    title: str
    status: int
    code: str = Field(description="stable; clients switch on this")
    detail: str | None = None
    errors: list[FaultModel] | None = None


def busy(code: str, detail: str, *, seconds: int, status: int = 503) -> Problem:
    """Come back later."""
    return Problem(status, code, detail, headers={"Retry-After": str(max(1, seconds))})


def _of_conflict(error: Conflict) -> Problem:
    if error.code == "bad_cursor":
        return Problem(422, "invalid", errors=[FieldFault("cursor", "not a cursor of this list")])
    return Problem(409, error.code, error.detail, more=error.more)


_OF: dict[type[HuntgroupError], Callable[[Any], Problem]] = {
    Conflict: _of_conflict,
    Forbidden: lambda error: Problem(403, error.code, error.detail),
    MalformedPayload: lambda error: Problem(400, error.code, error.detail),
    NotFound: lambda _: Problem(404, "not_found", "there is no such thing, or you may not see it"),
    Overloaded: lambda error: busy("overloaded", "too much arrives at once", seconds=error.retry_after),
    AttachmentGone: lambda _: Problem(409, "attachment_gone", "a file of this message is not there any more"),
    Refused: lambda _: Problem(422, "refused", "these values cannot be stored"),
    DiskFull: lambda _: busy("no_room", "too little of the disk is free to keep files", seconds=300, status=507),
    NoConnectionFree: lambda error: busy("store_unavailable", str(error), seconds=5),
    StoreUnavailable: lambda _: busy("store_unavailable", "the database does not answer", seconds=5),
    UnlawfulMove: lambda error: Problem(409, "unlawful_move", str(error), more={"state": error.state}),
}


def of_error(error: HuntgroupError) -> Problem | None:
    """The answer that an error of the service stands for; None for one that nobody expected here."""
    found = next((make for kind, make in _OF.items() if isinstance(error, kind)), None)
    return found(error) if found else None


_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    400: "bad_request",
}


def of_http(error: web.HTTPException) -> Problem:
    """The answer to what the web framework itself refused."""
    kept = {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
    code = _CODES.get(error.status, HTTPStatus(error.status).phrase.lower().replace(" ", "_"))
    return Problem(error.status, code, error.reason, headers=kept)
