"""Both sockets as an AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0), made from the frames' models."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from channels.webchat import frames as chat
from channels.webchat.chat_socket import POLICY_MANY, POLICY_OLD, POLICY_ORIGIN, POLICY_TOKEN
from channels.webchat.visitors import RESTARTING
from channels.websocket_writer import TOO_SLOW
from desk.http.authentication import Who
from desk.http.openapi import without_defaults
from desk.http.routing import PREFIX, ApiRequest, Routes
from desk.live.socket import CURSOR_TOO_OLD, GOING_AWAY, UNAUTHENTICATED
from desk.representation import frames as events

_REF = "#/components/schemas/{model}"
_FROM = tuple((model, "validation") for model in chat.FROM_VISITOR)
_TO = tuple((model, "serialization") for model in (*events.FRAMES, *chat.TO_VISITOR))
EVENTS_CLOSE = {
    GOING_AWAY: "the node goes down: connect again, with the last cursor",
    1013: "the database does not answer: try again",
    UNAUTHENTICATED: "the token has ended, or the agent is disabled: log in again",
    TOO_SLOW: "the client read too slowly: connect again, with the last cursor",
    CURSOR_TOO_OLD: "the cursor is not kept any more: fetch the lists, and connect without a cursor",
}
CHAT_CLOSE = {
    1009: "a frame of more than 128 KiB",
    RESTARTING: "the node goes down: connect again, with the last `seq`",
    1013: "the database does not answer: try again",
    POLICY_TOKEN: "no `hello` within ten seconds, or its token is unknown: open a session",
    POLICY_ORIGIN: "the page's origin is not among the account's `origins`",
    TOO_SLOW: "the page read too slowly: connect again, with the last `seq`",
    POLICY_OLD: "more than 2,000 messages behind: fetch them by `GET messages`, and connect again",
    POLICY_MANY: "too many sockets, frames or messages: wait",
}

routes = Routes("contract")


@routes.add("GET", "/asyncapi.json", who=Who.PUBLIC, media="application/json")
async def asyncapi(call: ApiRequest[None, None]) -> web.StreamResponse:
    """The events socket and the chat's socket as AsyncAPI 3.0."""
    return web.json_response(document(call.services.service_name, call.services.public_url))


@cache
def document(service: str, public_url: str) -> dict[str, Any]:
    """Both sockets, seen from the server: it sends to clients and receives from them."""
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [*_FROM, *_TO]  # type: ignore[list-item]
    refs, definitions = models_json_schema(modes, ref_template=_REF)
    scheme, _, host = public_url.partition("://")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"{service} sockets", "version": version("huntgroup")},
        "defaultContentType": "application/json",
        "servers": {"here": {"host": host or "localhost", "protocol": "wss" if scheme == "https" else "ws"}},
        "channels": {"events": _events(), "chat": _chat()},
        "operations": {
            "sendEvents": _operation("send", "events"),
            "sendToVisitor": _operation("send", "chat", [one.__name__ for one in chat.TO_VISITOR]),
            "receiveFromVisitor": _operation("receive", "chat", [one.__name__ for one in chat.FROM_VISITOR]),
        },
        "components": {
            "schemas": {name: without_defaults(one) for name, one in sorted(definitions["$defs"].items())},
            "messages": {model.__name__: _message(model, refs[model, mode]) for model, mode in modes},
        },
    }


def _events() -> dict[str, Any]:
    query = {"cursor": {"type": "integer", "minimum": 0, "description": "the last cursor seen; without it, from now"}}
    return {
        "address": f"{PREFIX}/events",
        "title": "Events for agents",
        "description": (
            "Everything that the caller may see, from a cursor without gap or double. Frames of a client are ignored. "
            "Authentication as for the API: `Authorization: Bearer`, or the session's cookie from a page of the same origin. "
            "The server pings each 20 seconds."
        ),
        "messages": _names(events.FRAMES),
        "bindings": {"ws": {"method": "GET", "query": {"type": "object", "properties": query}}},
        "x-close-codes": {str(code): meaning for code, meaning in EVENTS_CLOSE.items()},
    }


def _chat() -> dict[str, Any]:
    return {
        "address": "/chat/{channel}/socket",
        "title": "A visitor's chat",
        "description": "The first frame is `hello`. What was missed is sent, then `status`, then frames in both directions.",
        "parameters": {"channel": {"description": "the name of the account of kind `webchat`"}},
        "messages": _names((*chat.FROM_VISITOR, *chat.TO_VISITOR)),
        "bindings": {"ws": {"method": "GET"}},
        "x-close-codes": {str(code): meaning for code, meaning in CHAT_CLOSE.items()},
    }


def _names(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    return {model.__name__: {"$ref": f"#/components/messages/{model.__name__}"} for model in models}


def _operation(action: str, channel: str, messages: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    if messages:
        found["messages"] = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
    return found


def _message(model: type[BaseModel], schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": model.__name__, "summary": (model.__doc__ or "").partition("\n")[0], "payload": schema}
