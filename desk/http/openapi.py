"""The OpenAPI 3.1 document, and a page to read it, made from the table of routes."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from desk.http.authentication import Who
from desk.http.problems import TYPE, ProblemModel
from desk.http.routing import Route

_REF = "#/components/schemas/{model}"
_FILE = {
    "multipart/form-data": {
        "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    },
    "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
}
_TEXT = {"type": "string"}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_MEDIA: Mapping[str, Any] = {
    "application/json": {"application/json": {"schema": {"type": "object"}}},
    # of whatever type; generators of clients want to read one that they know
    "application/octet-stream": {"application/octet-stream": _BYTES, "*/*": _BYTES},
}
_UNSAFE_TAKES_KEY = {"say", "add_agent"}


def _models(routes: Iterable[Route]) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    found: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemModel, "serialization"): None}
    for route in routes:
        if route.body:
            found[route.body, "validation"] = None
        if route.query:
            found[route.query, "validation"] = None
        if route.answer:
            found[route.answer, "serialization"] = None
    return list(found)


def document(routes: Sequence[Route], *, title: str, version: str, server: str) -> dict[str, Any]:
    """The whole contract."""
    refs, definitions = models_json_schema(_models(routes), ref_template=_REF)
    written = definitions.get("$defs", {})
    schemas = {name: without_defaults(schema) for name, schema in written.items()}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs, written)
    asked = {_name(refs[route.query, "validation"]) for route in routes if route.query}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Errors are RFC 9457 problems with a stable `code`.",
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in asked},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "`huntgroup agent token EMAIL`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "huntgroup"},
            },
        },
    }


def without_defaults(schema: Any) -> Any:
    """Generators of clients take a field with a default for one that is always there; what may be left out is what is not `required`."""
    if isinstance(schema, dict):
        kept = {key: part for key, part in schema.items() if key not in ("default", "properties")}
        named = {name: without_defaults(part) for name, part in schema.get("properties", {}).items()}
        return {key: without_defaults(part) for key, part in kept.items()} | ({"properties": named} if named else {})
    return [without_defaults(part) for part in schema] if isinstance(schema, list) else schema


def _name(ref: Mapping[str, Any]) -> str:
    return str(ref["$ref"]).rpartition("/")[2]


def _operation(route: Route, refs: Mapping[Any, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": route.summary,
        "x-who": route.who.value,
        "parameters": [*_path_parameters(route), *_query_parameters(route, refs, schemas)],
        "responses": _responses(route, refs),
    }
    operation["security"] = [] if route.who is Who.PUBLIC else [{"bearer": []}, {"session": []}]
    if route.body:
        schema = refs[route.body, "validation"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    if route.file:
        operation["requestBody"] = {"required": True, "content": _FILE}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    if route.name in _UNSAFE_TAKES_KEY:
        found.append({"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 200}})
    return found


def _query_parameters(route: Route, refs: Mapping[Any, Any], schemas: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not route.query:
        return []
    schema = schemas[_name(refs[route.query, "validation"])]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null_default(part)}
        for name, part in schema.get("properties", {}).items()
    ]


def _without_null_default(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: part for key, part in schema.items() if (key, part) != ("default", None)}


def _responses(route: Route, refs: Mapping[Any, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in (route.status, *route.also):
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if route.answer and status not in (101, 204):
            content = {"application/json": {"schema": refs[route.answer, "serialization"]}}
            responses[str(status)]["content"] = content
        elif route.media:
            responses[str(status)]["content"] = _MEDIA.get(route.media, {route.media: {"schema": _TEXT}})
    problem = {"content": {TYPE: {"schema": refs[ProblemModel, "serialization"]}}}
    for status in _faults(route):
        responses[str(status)] = {"description": HTTPStatus(status).phrase, **problem}
    responses["default"] = {"description": "Any other fault", **problem}
    return responses


def _faults(route: Route) -> list[int]:
    faults = set(route.faults)
    if route.who is not Who.PUBLIC:
        faults.add(401)
    if route.who in (Who.LEAD, Who.ADMIN):
        faults.add(403)
    if "{" in route.path:
        faults.add(404)
    if route.body:
        faults |= {400, 413, 415, 422}
    if route.query:
        faults.add(422)
    return sorted(faults)


# -- the page ----------------------------------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-bottom: 1px solid } code, pre { font: 13px/1.45 ui-monospace, monospace }
section { margin: 1rem 0 } summary { cursor: pointer } pre { overflow: auto; padding: .6rem; border: 1px solid #8886 }
b { display: inline-block; min-width: 4rem } small { opacity: .75 } table { border-collapse: collapse }
td { padding: .1rem .8rem .1rem 0; vertical-align: top }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(spec: Mapping[str, Any]) -> str:
    """The contract as one readable page, without a script."""
    groups: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_entry(method, path, operation))
    parts = "".join(f"<h2>{escape(tag)}</h2>{''.join(entries)}" for tag, entries in groups.items())
    schemas = "".join(_schema(name, schema) for name, schema in spec["components"]["schemas"].items())
    title = escape(spec["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1><p>OpenAPI document: "
        f'<a href="/api/v1/openapi.json">/api/v1/openapi.json</a></p>{parts}<h2>schemas</h2>{schemas}</html>'
    )


def _entry(method: str, path: str, operation: Mapping[str, Any]) -> str:
    rows = [(p["name"], p["in"], _kind(p["schema"])) for p in operation["parameters"]]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append(("body", kind, _kind(content["schema"])))
    for status, response in operation["responses"].items():
        answer: Mapping[str, Any] = next(iter(response.get("content", {}).values()), {"schema": {}})
        rows.append((status, response["description"], _kind(answer["schema"])))
    cells = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<section><details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
        f"<small>{escape(operation['summary'])} ({escape(operation['x-who'])})</small></summary>"
        f"<table>{cells}</table></details></section>"
    )


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(_kind(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", ""))


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{escape(_kind(part))}</td>"
        f"<td>{'' if field in required else 'optional'}</td><td>{escape(part.get('description', ''))}</td></tr>"
        for field, part in schema.get("properties", {}).items()
    )
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3><table>{rows}</table></section>'
