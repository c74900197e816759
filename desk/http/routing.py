"""The thin layer between typed handlers and HTTP: a table of routes, read both by the server and by the OpenAPI document.

A handler is `async def name(call: Call[Body, Query]) -> Answer`; its annotations are the contract. `None` stands for no body and
no query; the answer is a model, a `ApiResponse` (another status or headers), a ready response, or None for 204.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Generic, Self, TypeVar, get_args, get_origin, get_type_hints

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from channels import strict_json
from conversation.model.people import Agent
from desk.http.authentication import Caller, Who, admit
from desk.http.problems import FieldFault, Problem
from desk.http.services import Services

PREFIX = "/api/v1"
BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")
ModelT = TypeVar("ModelT", bound=BaseModel)
_LONGEST_ID = 100
_LONGEST_KEY = 200
_SWITCHING = 101


class Input(BaseModel):
    """What comes in: an unknown field is a fault, so that nothing is assigned by accident."""

    model_config = ConfigDict(extra="forbid", str_max_length=100_000)


class Changes(Input):
    """What changes: at least one field."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def not_empty(self) -> Self:
        """A change of nothing is a mistake of the caller's."""
        if not self.model_fields_set:
            raise ValueError("name what changes: at least one field")
        return self


@dataclass(frozen=True, slots=True)
class ApiRequest(Generic[BodyT, QueryT]):
    """One request, checked."""

    services: Services
    request: web.Request
    body: BodyT
    query: QueryT
    caller: Caller | None = None

    @property
    def agent(self) -> Agent:
        """Who calls; there is one on every route that is not public."""
        return self.who.agent

    @property
    def who(self) -> Caller:
        """The agent and the token; there is one on every route that is not public."""
        if self.caller is None:
            raise Problem(401, "not_authenticated")
        return self.caller

    def path(self, name: str) -> str:
        """A part of the path. An id that cannot be one is not found."""
        value = self.request.match_info[name]
        if len(value) > _LONGEST_ID or not value.isprintable():
            raise Problem(404, "not_found")
        return value


@dataclass(frozen=True, slots=True)
class ApiResponse(Generic[ModelT]):
    """An answer with its own status or headers; each cookie is a header of its own."""

    model: ModelT
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


Handler = Callable[[ApiRequest[Any, Any]], Awaitable[BaseModel | ApiResponse[Any] | web.StreamResponse | None]]
HandlerT = TypeVar("HandlerT", bound=Callable[..., Awaitable[object]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One line of the table."""

    method: str
    path: str
    who: Who
    name: str
    tag: str
    summary: str
    handler: Handler
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    answer: type[BaseModel] | None
    status: int
    also: tuple[int, ...] = ()
    faults: tuple[int, ...] = ()
    file: bool = False
    media: str | None = None


def _model(annotation: object) -> type[BaseModel] | None:
    if get_origin(annotation) is ApiResponse:
        return _model(get_args(annotation)[0])
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


class Routes:
    """The table of one group of handlers."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.routes: list[Route] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        who: Who,
        status: int = 200,
        also: tuple[int, ...] = (),
        faults: tuple[int, ...] = (),
        file: bool = False,
        media: str | None = None,
    ) -> Callable[[HandlerT], HandlerT]:
        """Enter a handler. `who` has no default: a route nobody thought about cannot be written down.

        `file`: the body is one. `media`: the type of an answer that is no model.
        """

        def enter(handler: HandlerT) -> HandlerT:
            hints = get_type_hints(handler)
            body, query = get_args(hints["call"])
            route = Route(
                method=method,
                path=path if path.startswith("/api/") else PREFIX + path,
                who=Who(who),
                name=getattr(handler, "__name__", path),
                tag=self.tag,
                summary=(handler.__doc__ or "").strip().partition("\n")[0],
                handler=handler,  # type: ignore[arg-type]
                body=_model(body),
                query=_model(query),
                answer=_model(hints["return"]),
                status=204 if hints["return"] is NoneType else status,
                also=also,
                faults=faults,
                file=file,
                media=media,
            )
            self.routes.append(route)
            return handler

        return enter


# -- what comes in -----------------------------------------------------------------------------------------------------


async def _json(request: web.Request, model: type[BaseModel]) -> bytes:
    """The body, which is JSON that everybody reads alike. An absent one is an empty object, except where it is to say what changes."""
    raw = await request.read()
    if not raw:
        if issubclass(model, Changes):
            raise Problem(400, "no_body", "a JSON object is needed as the body")
        return b"{}"
    if request.content_type != "application/json":
        raise Problem(415, "unsupported_media_type", "send application/json")
    value: object = strict_json.loads(raw)
    if b"\\u" in raw and json.loads(raw) != value:
        raise Problem(422, "json_character", "NUL and lone surrogates are no characters")
    return raw


def _checked(read: Callable[[], object]) -> tuple[Any, list[FieldFault]]:
    try:
        return read(), []
    except ValidationError as error:
        return None, [FieldFault(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_url=False)]


def _query_values(request: web.Request) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in request.query:
        found = request.query.getall(name)
        if "\x00" in name or any("\x00" in value for value in found):
            raise Problem(422, "invalid", errors=[FieldFault(name.replace("\x00", ""), "NUL is no character")])
        values[name] = found[0] if len(found) == 1 else found
    return values


async def read_call(
    services: Services, request: web.Request, route: Route, caller: Caller | None
) -> ApiRequest[Any, Any]:
    """Body and query, checked; all faulty fields are in one answer. In a body `false` is no number, and "1" is none."""
    body = query = None
    faults: list[FieldFault] = []
    if route.body:
        model, raw = route.body, await _json(request, route.body)
        body, faults = _checked(lambda: model.model_validate_json(raw, strict=True))
    more: list[FieldFault] = []
    if route.query:
        asked = route.query
        query, more = _checked(lambda: asked.model_validate(_query_values(request)))
    if faults or more:
        raise Problem(422, "invalid", "these fields are at fault", errors=[*faults, *more])
    return ApiRequest(services, request, body, query, caller)


# -- what goes out -----------------------------------------------------------------------------------------------------


def _response(route: Route, answer: object) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    if answer is None:
        return web.Response(status=204)
    given = answer if isinstance(answer, ApiResponse) else None
    model = given.model if given else answer
    if not isinstance(model, BaseModel):
        raise TypeError(f"{route.name} answered {type(model).__name__}")
    status = (given.status if given else None) or route.status
    response = web.Response(
        status=status,
        body=model.model_dump_json(exclude_unset=True).encode(),
        content_type="application/json",
        charset="utf-8",
        headers=given.headers if given else None,
    )
    for cookie in given.cookies if given else ():
        response.headers.add(hdrs.SET_COOKIE, cookie)
    return response


def methods_of(route: Route) -> tuple[str, ...]:
    """The methods it answers: HEAD like GET, without the body; a socket has none."""
    reads = route.method == hdrs.METH_GET and route.status != _SWITCHING
    return (route.method, hdrs.METH_HEAD) if reads else (route.method,)


def serve(services: Services, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The route as the web framework calls it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = await admit(services, request, route.who)
        call = await read_call(services, request, route, caller)
        return _response(route, await route.handler(call))

    return handle


def idempotency_key(request: web.Request) -> str | None:
    """The `Idempotency-Key`, if one was sent."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise Problem(422, "invalid", errors=[FieldFault("Idempotency-Key", "1 to 200 printable characters")])
    return key
