"""Coming in and going out: a session cookie for a password or a one-time token."""

import logging
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Self

from pydantic import Field, model_validator

from conversation.people import Agent
from desk.access import Who, cookie_name, secure
from desk.answers import AgentRef, LoginOut, Nothing
from desk.contract import Call, Input, Routes, Said
from desk.limits import FAILED_LOGINS, network_of
from desk.passwords import LONGEST, password_fits
from desk.problems import Problem, busy
from desk.services import Services
from desk.tokens import digest_of, new_token

log = logging.getLogger(__name__)
routes = Routes("session")
_SESSION = timedelta(hours=12)


class Login(Input):
    """An e-mail with its password, or a one-time token."""

    email: str | None = Field(None, max_length=320)
    password: str | None = Field(None, max_length=LONGEST)
    token: str | None = Field(None, max_length=200)

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """A token alone, or e-mail and password together."""
        pair = self.email is not None and self.password is not None
        if pair == (self.token is not None):
            raise ValueError("give either email and password, or token")
        return self


@routes.add("POST", "/login", who=Who.PUBLIC, faults=(401, 403, 429))
async def login(call: Call[Login, None]) -> Said[LoginOut]:
    """Open a session: the answer sets its cookie."""
    body, services = call.body, call.services
    if body.token is not None:
        agent = await _by_token(call, body.token)
    else:
        agent = await _by_password(call, (body.email or "").strip().lower(), body.password or "")
    if agent is None:
        services.count("desk.login_failed")
        log.warning("login_failed", extra={"address": network_of(call.request.remote)})
        raise Problem(401, "wrong_credentials", "this e-mail and password do not belong together")
    return await _open_session(services, agent)


async def _by_token(call: Call[Login, None], token: str) -> Agent | None:
    _limit(call, "a token")
    async with call.services.storage.begin("desk.login") as work:
        agent = await work.agents.use_token(digest_of(token), now=call.services.clock.now())
    return _welcome(call, "a token", agent)


async def _by_password(call: Call[Login, None], email: str, password: str) -> Agent | None:
    _limit(call, email)
    async with call.services.storage.read("desk.login") as work:
        found = await work.agents.by_email(email)
    fits = await password_fits(found[1] if found else None, password)
    return _welcome(call, email, found[0] if found and fits and not found[0].disabled else None)


def _limit(call: Call[Login, None], email: str) -> None:
    wait = call.request.app[FAILED_LOGINS].attempt(email, network_of(call.request.remote))
    if wait:
        raise busy("too_many_logins", "too many failed logins", seconds=wait, status=429)


def _welcome(call: Call[Login, None], email: str, agent: Agent | None) -> Agent | None:
    if agent is not None:
        call.request.app[FAILED_LOGINS].succeeded(email, network_of(call.request.remote))
    return agent


async def _open_session(services: Services, agent: Agent) -> Said[LoginOut]:
    token, digest, prefix = new_token("session")
    until = services.clock.now() + _SESSION
    async with services.storage.begin("desk.login") as work:
        await work.agents.add_token(agent.id, digest=digest, kind="session", prefix=prefix, until=until)
    log.info("logged_in", extra={"agent": agent.id})
    said = LoginOut(agent=AgentRef(id=agent.id, name=agent.name), role=agent.role.value, expires_at=until)
    return Said(said, headers={"Set-Cookie": _cookie(services, token, until)})


def _cookie(services: Services, token: str, until: datetime | None) -> str:
    name = cookie_name(services)
    jar = SimpleCookie({name: token})
    morsel = jar[name]
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    morsel["max-age"] = int(_SESSION.total_seconds()) if until else 0
    if secure(services):
        morsel["secure"] = True
    return morsel.OutputString()


@routes.add("POST", "/logout", who=Who.AGENT)
async def logout(call: Call[None, None]) -> Said[Nothing]:
    """End the token that this request came with."""
    async with call.services.storage.begin("desk.logout") as work:
        await work.agents.end_token(call.who.digest)
    log.info("logged_out", extra={"agent": call.agent.id})
    return Said(Nothing(ok=True), headers={"Set-Cookie": _cookie(call.services, "", None)})
