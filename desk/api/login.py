"""Coming in and going out: a session cookie for a password or a one-time token."""

import logging
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Self

from pydantic import Field, model_validator

from channels.client_address import is_unnamed_proxy, remote_of_one_client
from conversation.model.people import Agent
from conversation.ports.metrics import CountedEvent
from desk.http.authentication import Who, cookie_name, secure
from desk.http.known_devices import device_cookie, device_of
from desk.http.login_throttle import FAILED_LOGINS, Attempt, Guesser, TooManyLogins
from desk.http.passwords import LONGEST, password_fits
from desk.http.problems import Problem, busy
from desk.http.routing import ApiRequest, ApiResponse, Input, Routes
from desk.http.services import Services
from desk.http.tokens import digest_of, new_token
from desk.representation.schemas import AgentRef, LoginOut, Nothing

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


@routes.add("POST", "/login", who=Who.PUBLIC, faults=(401, 403, 429, 503))
async def login(call: ApiRequest[Login, None]) -> ApiResponse[LoginOut]:
    """Open a session: the answer sets its cookie, and one by which this device is known the next time."""
    body = call.body
    if body.token is not None:
        agent, password_hash = await _by_token(call, body.token), None
    else:
        agent, password_hash = await _by_password(call, (body.email or "").strip().lower(), body.password or "")
    if agent is None:
        raise Problem(401, "wrong_credentials", "this e-mail and password do not belong together")
    return await _open_session(call.services, agent, password_hash)


async def _by_token(call: ApiRequest[Login, None], token: str) -> Agent | None:
    digest = digest_of(token)
    guesser = Guesser(account=f"token {digest}", network=_network(call))
    with _attempt(call, guesser) as attempt:
        async with call.services.storage.begin("desk.api.login") as work:
            agent = await work.agents.use_token(digest, now=call.services.clock.now())
        return _judged(call, attempt, guesser, agent)


async def _by_password(call: ApiRequest[Login, None], email: str, password: str) -> tuple[Agent | None, str | None]:
    services = call.services
    async with services.storage.read("desk.api.login") as work:
        agent, stored = await work.agents.by_email(email) or (None, None)
    device = device_of(services, call.request, agent, stored) if agent else None
    guesser = Guesser(account=email, network=_network(call), device=device)
    with _attempt(call, guesser) as attempt:
        fits = await password_fits(stored, password, known=device is not None)
        welcome = agent if agent and fits and not agent.disabled else None
        return _judged(call, attempt, guesser, welcome), stored


def _network(call: ApiRequest[Login, None]) -> str | None:
    request, proxies = call.request, call.services.proxies
    if is_unnamed_proxy(request, proxies) and call.request.app[FAILED_LOGINS].first_unnamed_proxy():
        log.warning("proxy_not_named", extra={"address": request.remote})
    return remote_of_one_client(request, proxies)


def _attempt(call: ApiRequest[Login, None], guesser: Guesser) -> Attempt:
    try:
        return call.request.app[FAILED_LOGINS].attempt(guesser)
    except TooManyLogins as error:
        call.services.count(CountedEvent.DESK_LOGIN_REFUSED)
        raise busy("too_many_logins", "too many failed logins", seconds=error.wait, status=429) from None


def _judged(call: ApiRequest[Login, None], attempt: Attempt, guesser: Guesser, agent: Agent | None) -> Agent | None:
    if agent is not None:
        attempt.right()
        return agent
    call.services.count(CountedEvent.DESK_LOGIN_FAILED)
    attacked = call.request.app[FAILED_LOGINS].attacked(guesser.account)
    log.warning("login_failed", extra={"address": guesser.network or "unknown", "account_attacked": attacked})
    return None


async def _open_session(services: Services, agent: Agent, password_hash: str | None) -> ApiResponse[LoginOut]:
    token, digest, prefix = new_token("session")
    until = services.clock.now() + _SESSION
    async with services.storage.begin("desk.api.login") as work:
        await work.agents.add_token(agent.id, digest=digest, kind="session", prefix=prefix, until=until)
    log.info("logged_in", extra={"agent": agent.id})
    answer = LoginOut(agent=AgentRef(id=agent.id, name=agent.name), role=agent.role, expires_at=until)
    known = device_cookie(services, agent, password_hash)
    return ApiResponse(answer, cookies=(_cookie(services, token, until), *((known,) if known else ())))


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
async def logout(call: ApiRequest[None, None]) -> ApiResponse[Nothing]:
    """End the token that this request came with."""
    async with call.services.storage.begin("desk.logout") as work:
        await work.agents.end_token(call.who.digest)
    log.info("logged_out", extra={"agent": call.agent.id})
    return ApiResponse(Nothing(ok=True), cookies=(_cookie(call.services, "", None),))
