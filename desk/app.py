"""The aiohttp application: what is mounted where, and what every answer has in common."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from aiohttp import web
from aiohttp.http import HttpProcessingError

from conversation.errors import HuntgroupError
from desk.api import (
    admin,
    agents,
    attachments,
    callbacks,
    conversations,
    customers,
    do_not_call,
    hours_overrides,
    login,
    mail_html,
    me,
    messages,
    queues,
)
from desk.http.api_docs import docs_routes
from desk.http.headers import add_headers
from desk.http.login_throttle import FAILED_LOGINS, FailedLogins
from desk.http.problems import Problem, of_error, of_http
from desk.http.routing import Route, methods_of, serve
from desk.http.services import SERVICES, Services
from desk.live import asyncapi, socket
from desk.live.socket import LIVE, Live
from desk.public.files import shared_file
from desk.public.health import healthz, metrics, readyz
from desk.public.webhooks import hook

log = logging.getLogger(__name__)
CONSOLE = Path(__file__).parent / "console"
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

# every path that is not in the table of the API, and why it needs no login there
PUBLIC_PATHS = {
    "/healthz": "says only that the process answers",
    "/readyz": "names parts, never contents",
    "/metrics": "checks for loopback or its token itself",
    "/hooks/": "proves itself by its signature",
    "/desk": "static files of the console",
    "/chat/": "customers' page of a channel, with its own session tokens",
    "/callback/": "customers' page of a channel",
    "/files/": "one file for whoever was given its signed address",
}


def api_routes() -> list[Route]:
    """The whole table of the API."""
    of_conversations = (conversations, callbacks, messages, mail_html, customers, attachments)
    groups = (login, me, agents, queues, *of_conversations, socket, hours_overrides, do_not_call, admin, asyncapi)
    return [route for group in groups for route in group.routes.routes]


@web.middleware
async def answer_problems(request: web.Request, handler: Next) -> web.StreamResponse:
    """Every fault becomes a problem with a code; a bug is logged once, and the answer has no details."""
    try:
        return await handler(request)
    except (web.HTTPRedirection, web.HTTPSuccessful):
        raise
    except Exception as error:  # noqa: BLE001 the last handler: a bug is logged with its trace, and no client sees it
        return (_expected(error) or _bug(request, error)).response()


def _expected(error: Exception) -> Problem | None:
    if isinstance(error, HuntgroupError):
        return of_error(error)
    if isinstance(error, web.HTTPException):
        return of_http(error)
    if isinstance(error, web.RequestPayloadError | HttpProcessingError):
        return Problem(400, "bad_body", "the body is not what its headers say")
    return error if isinstance(error, Problem) else None


def _bug(request: web.Request, error: Exception) -> Problem:
    route = request.match_info.route.resource
    where = {"route": route.canonical if route else None, "method": request.method}
    log.error("request_failed", exc_info=error, extra=where)
    return Problem(500, "internal", "something went wrong on our side")


def make_app(services: Services) -> web.Application:
    """The HTTP application. Raises where a route has no policy."""
    app = web.Application(middlewares=[answer_problems], client_max_size=services.body_limit)
    app[SERVICES] = services
    app[LIVE] = Live(services)
    app[FAILED_LOGINS] = FailedLogins(services.clock.monotonic)
    app.on_response_prepare.append(add_headers)
    _mount_api(app, services)
    _mount_public_paths(app, services)
    unguarded = sorted(set(unguarded_paths(app)))
    if unguarded:
        raise RuntimeError(f"routes without a policy: {unguarded}")
    app.on_shutdown.append(_dismiss)
    app.cleanup_ctx.append(_live)
    return app


def _mount_api(app: web.Application, services: Services) -> None:
    table = api_routes()
    for route in (*table, *docs_routes(table, services.service_name)):
        for method in methods_of(route):
            app.router.add_route(method, route.path, serve(services, route), name=f"api:{route.name}:{route.who}")


def _mount_public_paths(app: web.Application, services: Services) -> None:
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/hooks/{channel}", hook)
    app.router.add_post("/hooks/{channel}", hook)
    app.router.add_get("/files/{id}/{proof}/{name}", shared_file)
    app.router.add_routes(services.site_routes)
    app.router.add_get("/", _to_console, name="api:front:public")  # named: as a prefix it would make every route public
    app.router.add_get("/desk", _to_console)
    app.router.add_get("/desk/", _console)
    if CONSOLE.is_dir():
        app.router.add_static("/desk/", CONSOLE)


def unguarded_paths(app: web.Application) -> Iterator[str]:
    """Routes that are neither in the API's table nor among the public paths."""
    for resource in app.router.resources():
        named = (resource.name or "").startswith("api:")
        if not named and not resource.canonical.startswith(tuple(PUBLIC_PATHS)):
            yield resource.canonical


async def _to_console(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(f"/desk/?{request.query_string}" if request.query_string else "/desk/")


async def _console(_request: web.Request) -> web.StreamResponse:
    page = CONSOLE / "index.html"
    if not page.is_file():
        raise Problem(404, "not_found", "the console is not installed")
    return web.FileResponse(page)


async def _live(app: web.Application) -> AsyncIterator[None]:
    live = app[LIVE]
    app[SERVICES].tasks.keep("live", live.run)
    yield
    await live.close()


async def _dismiss(app: web.Application) -> None:
    app[LIVE].dismiss()
