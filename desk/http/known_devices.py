"""Devices that logged in before: a cookie that only says so. It opens nothing; strangers' guesses do not delay its owner.

It is an HMAC under the hash of the password: nothing is stored, every node can check it, a new password ends it.
"""

import hmac
from hashlib import sha256
from http.cookies import SimpleCookie

from aiohttp import web

from conversation.model.people import Agent
from desk.http.authentication import secure
from desk.http.services import Services

_LIVES = 90 * 24 * 3600  # seconds


def _name(services: Services) -> str:
    return "__Host-huntgroup-device" if secure(services) else "huntgroup-device"


def _proof(agent: Agent, password_hash: str) -> str:
    return hmac.new(password_hash.encode(), f"huntgroup device {agent.id}".encode(), sha256).hexdigest()


def device_of(services: Services, request: web.Request, agent: Agent, password_hash: str | None) -> str | None:
    """The proof that this browser logged in as this agent before; None where it did not."""
    shown = request.cookies.get(_name(services), "")
    if not password_hash or not shown.isascii():
        return None
    proof = _proof(agent, password_hash)
    return proof if hmac.compare_digest(shown, proof) else None


def device_cookie(services: Services, agent: Agent, password_hash: str | None) -> str | None:
    """The header that makes this browser known; None for an agent without a password."""
    if not password_hash:
        return None
    jar = SimpleCookie({_name(services): _proof(agent, password_hash)})
    morsel = jar[_name(services)]
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    morsel["max-age"] = _LIVES
    if secure(services):
        morsel["secure"] = True
    return morsel.OutputString()
