"""The one guarded HTTP client for outgoing requests: whatever URL a stranger wrote, it reaches public addresses only.

The addresses are checked after resolving and the connection is made to the very address that was checked. No redirect is
followed, no proxy or cookie is used, size and time are capped. An operator's own URLs (`trusted`) may be private.
"""

import asyncio
import email.utils
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from channels.address_guard import http_url, is_public
from channels.file_types import type_of
from conversation.errors import PermanentFailure, RateLimited, TransientFailure, Unknown
from conversation.ports.channel import Answer, Clock, Fetched

ANSWER_LIMIT = 64 * 1024
LONGEST_RETRY_AFTER = timedelta(hours=6)
USUAL_RETRY_AFTER = timedelta(seconds=30)

_CONNECT = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    seconds: float


class _Denied(OSError):
    """A name that leads to an address which strangers' URLs may not reach."""


class GuardedResolver(AbstractResolver):
    """Resolves names and refuses those of which any address is not public: no choice is left to whoever answers the name."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses, all of them public."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(one["host"]) for one in found):
            raise _Denied(f"{host} is not a public address")
        return found

    async def close(self) -> None:
        """Let the inner resolver go."""
        await self._inner.close()


class OutgoingHttp:
    """Implements the port `Http`. To be entered inside the running loop, and left at the end."""

    def __init__(self, clock: Clock, *, resolver: AbstractResolver | None = None) -> None:
        self._clock = clock
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let every connection go; harmless twice."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, trusted: bool
    ) -> tuple[int, bytes]:
        """(status, at most 64 KiB of the answer). Raises a `ChannelError`; 429 and 5xx are raised as well."""
        answer = await self.request("POST", url, body=body, headers=headers, timeout=timeout, trusted=trusted)
        refuse_for_now(answer, self._clock)
        return answer.status, answer.body

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str],
        timeout: float,
        trusted: bool,
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """Whatever is answered, cut at `limit` bytes. Raises a `ChannelError` where nothing is."""
        self._check(url, trusted=trusted)
        asked = _Asked(method, url, body, headers, timeout)
        return await self._exchange(asked, trusted=trusted, limit=limit)

    async def fetch(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        trusted: bool,
        limit: int,
        redirects: int = 3,
    ) -> Fetched:
        """A file of at most `limit` bytes. Each redirect is checked like a first URL; `headers` go to the first origin only."""
        first = at = _parsed(url)
        async with asyncio.timeout(timeout):
            for _ in range(redirects + 1):
                shown = headers if at.origin() == first.origin() else {}
                answer = await self.request(
                    "GET", str(at), headers=shown, timeout=timeout, trusted=trusted, limit=limit + 1
                )
                if answer.status not in _REDIRECTS:
                    return self._file(answer, limit)
                at = _parsed(answer.headers.get("location", ""), at)
                # a URL is trusted as the operator wrote it, not where it redirects to
                trusted = trusted and at.origin() == first.origin()
        raise PermanentFailure("led from one address to the next without end", code="refused")

    async def resolve(self, url: str, *, trusted: bool) -> None:
        """Whether a request could leave for it: nothing is sent, nobody is connected to. Raises a `ChannelError`."""
        self._check(url, trusted=trusted)
        at = _parsed(url)
        try:
            await self._resolver_for(trusted=trusted).resolve(at.host or "", at.port or 0)
        except _Denied:
            raise PermanentFailure("this address is not public", code="address_refused") from None
        except OSError as error:
            raise TransientFailure(f"there is no such host: {error.strerror or type(error).__name__}") from None

    def _file(self, answer: Answer, limit: int) -> Fetched:
        refuse_for_now(answer, self._clock)
        if answer.status in (404, 410):
            raise PermanentFailure(f"answered {answer.status}", code="expired")
        if answer.status != 200:  # noqa: PLR2004
            raise PermanentFailure(f"answered {answer.status}", code="refused")
        if len(answer.body) > limit:
            raise PermanentFailure(f"larger than {limit} bytes", code="too_large")
        return Fetched(data=answer.body, type=type_of(answer.body[:4096]))

    def _check(self, url: str, *, trusted: bool) -> None:
        try:
            host = URL(http_url(url)).host or ""
        except ValueError as error:
            raise PermanentFailure(f"not a usable URL: {error}", code="bad_url") from None
        # a literal address never meets the resolver
        if not trusted and _is_literal(host) and not is_public(host):
            raise PermanentFailure("this address is not public", code="address_refused")

    async def _exchange(self, asked: "_Asked", *, trusted: bool, limit: int) -> Answer:
        # connection problems mean that nothing was sent; anything later means that it may have been
        total = aiohttp.ClientTimeout(total=asked.seconds, sock_connect=min(_CONNECT, asked.seconds))
        try:
            session = self._session(trusted=trusted)
            asking = session.request(
                asked.method, asked.url, data=asked.body, headers=asked.headers, timeout=total, allow_redirects=False
            )
            async with asking as answer:
                given = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(status=answer.status, headers=given, body=await _bounded(answer.content, limit))
        except aiohttp.ClientConnectorError as error:
            raise _refused(error) from None
        except (aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise TransientFailure(f"could not connect: {type(error).__name__}") from None
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Unknown(f"no answer: {type(error).__name__}") from None

    def _session(self, *, trusted: bool) -> aiohttp.ClientSession:
        if trusted not in self._sessions:
            resolver = self._resolver_for(trusted=trusted)
            # a connection is never used again after a long rest: a request on a dying one would end as "unknown"
            connector = aiohttp.TCPConnector(resolver=resolver, limit=64, limit_per_host=16, keepalive_timeout=5)
            self._sessions[trusted] = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            )
        return self._sessions[trusted]

    def _resolver_for(self, *, trusted: bool) -> AbstractResolver:
        inner = self._resolver or ThreadedResolver()
        return inner if trusted else GuardedResolver(inner)


def json_of(answer: Answer) -> Mapping[str, Any]:
    """The object in an answer's body; empty where there is none."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def refuse_for_now(answer: Answer, clock: Clock) -> None:
    """Raise what 429 and 5xx mean anywhere; any other answer is the caller's to judge."""
    if answer.status in (429, 503) and (wait := retry_after(answer.headers, clock)) is not None:
        raise RateLimited(f"answered {answer.status}", retry_after=wait)
    if answer.status == 429:  # noqa: PLR2004
        raise RateLimited("answered 429", retry_after=USUAL_RETRY_AFTER)
    if answer.status >= 500:  # noqa: PLR2004
        raise TransientFailure(f"answered {answer.status}")


def retry_after(headers: Mapping[str, str], clock: Clock) -> timedelta | None:
    """What `retry-after` (lower case) asks for, in seconds or as a date, bounded; None where it is absent or nonsense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_RETRY_AFTER)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(until - clock.now(), timedelta(0)), LONGEST_RETRY_AFTER) if until.tzinfo else None


async def _bounded(content: aiohttp.StreamReader, limit: int) -> bytes:
    found = bytearray()
    while len(found) < limit and (chunk := await content.read(limit - len(found))):
        found += chunk
    return bytes(found)


def _refused(error: aiohttp.ClientConnectorError) -> PermanentFailure | TransientFailure:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return PermanentFailure("the certificate is not trusted", code="certificate")
    if isinstance(error.os_error, _Denied):
        return PermanentFailure("this address is not public", code="address_refused")
    return TransientFailure(f"could not connect: {type(error.os_error).__name__}")


def _parsed(text: str, base: URL | None = None) -> URL:
    """What a stranger wrote, or answered, as an absolute URL."""
    try:
        url = URL(text) if base is None else base.join(URL(text))
        url.origin()
        str(url)  # a port is looked at only when it is needed
    except ValueError as error:
        raise PermanentFailure(f"not a usable URL: {error}", code="bad_url") from None
    return url


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
