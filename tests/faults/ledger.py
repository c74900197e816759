"""Clients that behave as a provider does: they sign, post, and repeat until they are told that it is stored."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.serving import SECRET


def signed(identifier: str, body: bytes, secret: str = SECRET, *, ahead: float = 0.0) -> dict[str, str]:
    """Standard Webhooks' three headers over the raw body; `ahead` seconds from now, for a house whose clock is so far."""
    at = str(int(time.time() + ahead))
    mac = hmac.new(base64.b64decode(secret), f"{identifier}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": at,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        "content-type": "application/json",
    }


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and what happened on the way."""

    acknowledged: dict[str, dict[str, object]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    broken: int = 0
    in_flight: int = 0
    duplicates: int = 0


async def post(
    session: aiohttp.ClientSession, url: str, body: object, *, ahead: float = 0.0
) -> tuple[int, dict[str, Any]]:
    """One signed call, once: its status and what it was told."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    headers = signed(secrets.token_hex(8), raw, ahead=ahead)
    async with session.post(f"{url}/hooks/app", data=raw, headers=headers) as answer:
        told: dict[str, Any] = await answer.json(content_type=None)
        return answer.status, told


def written(identifier: str, customer: str, text: str = "My top-up is missing") -> dict[str, object]:
    """The body of one message."""
    return {"id": identifier, "from": {"id": customer}, "text": f"{text} [{identifier}]"}


async def deliver(
    session: aiohttp.ClientSession,
    url: Callable[[], str | None],
    ledger: Ledger,
    identifier: str,
    body: dict[str, object],
) -> None:
    """Post until a 2xx says that it is stored; then write it down."""
    raw = json.dumps(body, ensure_ascii=False).encode()
    ledger.texts[identifier] = str(body["text"])
    while True:
        where = url()
        if where is None:
            await asyncio.sleep(0.02)
            continue
        ledger.tries += 1
        ledger.in_flight += 1
        try:
            async with session.post(where, data=raw, headers=signed(identifier, raw)) as answer:
                told = await answer.read()
                if answer.status < 300:
                    item = json.loads(told)["items"][0]
                    ledger.acknowledged[identifier] = item
                    ledger.duplicates += bool(item["duplicate"])
                    return
                ledger.refused[answer.status] = ledger.refused.get(answer.status, 0) + 1
        except (aiohttp.ClientError, TimeoutError, OSError):
            ledger.broken += 1
        finally:
            ledger.in_flight -= 1
        await asyncio.sleep(0.05)


async def client(
    number: int,
    session: aiohttp.ClientSession,
    url: Callable[[], str | None],
    ledger: Ledger,
    stop: asyncio.Event,
    *,
    run: str,
    customers: int,
    texts: tuple[str, ...],
) -> None:
    """One of several concurrent senders; every client writes for several customers, who are shared between clients."""
    count = 0
    while not stop.is_set():
        identifier = f"{run}-{number}-{count}"
        body: dict[str, object] = {
            "id": identifier,
            "from": {"id": f"customer-{(number * 31 + count) % customers}", "name": "Kunde"},
            "text": f"{texts[count % len(texts)]} [{identifier}]",
        }
        await deliver(session, url, ledger, identifier, body)
        count += 1
