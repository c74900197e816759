"""Who is this, and what may they see. Whatever one may not see answers as if it were not there."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from conversation.errors import NotFound
from conversation.model.conversation import Conversation
from conversation.model.people import Agent, Role
from conversation.ports.metrics import CountedEvent
from conversation.ports.storage import Work
from desk.http.problems import Problem
from desk.http.services import Services
from desk.http.tokens import LONGEST, digest_of
from router.policy.permissions import may_see

log = logging.getLogger(__name__)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Who(StrEnum):
    """Who may call a route; each includes the ones after it."""

    PUBLIC = "public"
    AGENT = "agent"
    LEAD = "lead"
    ADMIN = "admin"


_RANK = {Role.AGENT: 1, Role.LEAD: 2, Role.ADMIN: 3}
_NEEDED = {Who.PUBLIC: 0, Who.AGENT: 1, Who.LEAD: 2, Who.ADMIN: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An agent, and the token that proved it."""

    agent: Agent
    kind: str
    digest: str


def secure(services: Services) -> bool:
    """Whether cookies may only travel over TLS."""
    return services.public_url.startswith("https:")


def cookie_name(services: Services) -> str:
    """`__Host-` pins a cookie to this host; browsers allow it over TLS only."""
    return "__Host-huntgroup" if secure(services) else "huntgroup"


def _credential(services: Services, request: web.Request) -> tuple[str, str] | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme:
        return ("bearer", token.strip()) if scheme.lower() == "bearer" else None
    cookie = request.cookies.get(cookie_name(services))
    return ("session", cookie) if cookie else None


async def caller_of(services: Services, request: web.Request) -> Caller | None:
    """Whoever holds a living token, in the header or in the cookie; a header, even a wrong one, wins."""
    found = _credential(services, request)
    if found is None or not 0 < len(found[1]) <= LONGEST:
        return None
    kind, digest = found[0], digest_of(found[1])
    async with services.storage.read("desk.caller") as work:
        known = await work.agents.by_token(digest, kinds=(kind,), now=services.clock.now())
    return Caller(agent=known[0], kind=kind, digest=digest) if known else None


async def admit(services: Services, request: web.Request, who: Who) -> Caller | None:
    """The caller, if they may come in. A stranger's token is no fault on a public route."""
    if request.method not in SAFE:
        check_origin(services, request)
    if who is Who.PUBLIC:
        return None
    caller = await caller_of(services, request)
    if caller is None:
        raise Problem(401, "not_authenticated", "log in first", headers={"WWW-Authenticate": "Bearer"})
    if _RANK[caller.agent.role] < _NEEDED[who]:
        log.warning("access_refused", extra={"agent": caller.agent.id, "path": request.path})
        raise Problem(403, "forbidden", f"this is for the role {who.value}")
    return caller


def check_origin(services: Services, request: web.Request) -> None:
    """Refuse another site's page. No Origin means no browser; a bearer header is nothing a foreign page can add."""
    if hdrs.AUTHORIZATION in request.headers:
        return
    origin = request.headers.get(hdrs.ORIGIN)
    foreign_fetch = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    if (origin is None and not foreign_fetch) or (origin is not None and _own(services, request, origin)):
        return
    services.count(CountedEvent.DESK_ORIGIN_REFUSED)
    raise Problem(403, "wrong_origin", "this request comes from another site")


def _own(services: Services, request: web.Request, origin: str) -> bool:
    try:
        here, public = urlsplit(origin), urlsplit(services.public_url)
    except ValueError:
        return False
    if (here.scheme, here.netloc) == (public.scheme, public.netloc):
        return True
    return here.scheme in ("http", "https") and here.netloc == request.headers.get(hdrs.HOST)


async def visible(services: Services, work: Work, agent: Agent, conversation: str) -> Conversation:
    """The conversation, if this agent may see it; else `NotFound`, like one that does not exist."""
    found = await work.conversations.get(conversation)
    if not may_see(agent, found, services.rules.rulebook):
        raise NotFound(conversation)
    return found
