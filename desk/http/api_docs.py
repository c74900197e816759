"""The contract as a document, and as a page."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from aiohttp import web

from desk.http.authentication import Who
from desk.http.openapi import PAGE_POLICY, document, page
from desk.http.routing import ApiRequest, Route, Routes


def docs_routes(table: Sequence[Route], service_name: str) -> list[Route]:
    """Both are public: the contract is in the open source anyway and holds no data."""
    routes = Routes("contract")

    @cache
    def spec(server: str) -> dict[str, Any]:
        every = [*table, *routes.routes]
        return document(every, title=f"{service_name} API", version=version("huntgroup"), server=server)

    @routes.add("GET", "/openapi.json", who=Who.PUBLIC, media="application/json")
    async def openapi(call: ApiRequest[None, None]) -> web.StreamResponse:
        """This contract as OpenAPI 3.1."""
        return web.json_response(spec(call.services.public_url))

    @routes.add("GET", "/api/docs", who=Who.PUBLIC, media="text/html")
    async def docs(call: ApiRequest[None, None]) -> web.StreamResponse:
        """This contract as a page."""
        text = page(spec(call.services.public_url))
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": PAGE_POLICY})

    return routes.routes
