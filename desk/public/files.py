"""The endpoint for whoever has the signed address of one file: a provider that carries it on, or the customer."""

from aiohttp import web

from desk.api.attachments import headers_of
from desk.http.services import SERVICES


async def shared_file(request: web.Request) -> web.Response:
    """Its bytes, as a file to keep: never run by a browser, never found by a search engine."""
    services = request.app[SERVICES]
    stored, data = await services.shared_files.open(request.match_info["id"], request.match_info["proof"])
    return web.Response(body=data, headers={**headers_of(stored), "X-Robots-Tag": "noindex"})
