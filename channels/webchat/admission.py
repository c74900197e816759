"""Who may use the chat's public routes: the allow-list of origins, and rate limits by visitor and by address."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from channels.client_address import remote_of
from channels.quotas import Quota
from channels.rate_limits import Buckets
from channels.webchat.assets import Assets
from channels.webchat.settings import Settings
from conversation.model.trusted_proxies import Proxies
from conversation.ports.channel import Clock
from conversation.ports.customer_pages import Visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSite:
    """One chat account as its pages need it."""

    channel: str
    settings: Settings
    assets: Assets
    messages: Buckets
    uploads: Buckets
    visitor_bytes: Quota
    address_bytes: Quota
    account_bytes: Quota


class Guards:
    """The limits that all accounts of one process share. Maps are bounded."""

    def __init__(self, clock: Clock, proxies: Proxies) -> None:
        self._clock = clock
        self._proxies = proxies
        self._frames = Buckets(clock, per_second=20, burst=200)
        self._typing = Buckets(clock, per_second=0.5, burst=2)
        self._sessions = Buckets(clock, per_second=0.2, burst=30)
        self._requests = Buckets(clock, per_second=20, burst=200)

    def place(self, channel: str, settings: Settings, assets: Assets) -> ChatSite:
        """An account with its own limits."""
        messages = Buckets(self._clock, per_second=settings.messages_per_second, burst=settings.messages_at_once)
        uploads = Buckets(self._clock, per_second=0.2, burst=20)
        quotas = [Quota(self._clock, limit=limit, window=settings.upload_window) for limit in settings.quotas]
        return ChatSite(
            channel=channel,
            settings=settings,
            assets=assets,
            messages=messages,
            uploads=uploads,
            visitor_bytes=quotas[0],
            address_bytes=quotas[1],
            account_bytes=quotas[2],
        )

    def quotas(self, request: web.Request, place: ChatSite, visitor: Visitor) -> list[tuple[Quota, str]]:
        """The quotas of bytes that a file of this visitor counts for, each with its key."""
        found = [(place.visitor_bytes, visitor.identity.id), (place.account_bytes, "")]
        remote = remote_of(request, self._proxies)
        return found if remote is None else [*found, (place.address_bytes, remote)]

    def origin_allowed(self, request: web.Request, place: ChatSite) -> bool:
        """A missing Origin is no browser's page; the own page and the allow-list pass; anything else is refused."""
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        # the own page is recognised by its host: behind a proxy the scheme seen here is not the customer's
        return origin.lower() in place.settings.origins or _host_of(origin) == request.host.lower()

    def frame_allowed(self, session: str) -> bool:
        """Frames of any kind on one visitor's sockets."""
        return self._frames.allow(session)

    def typing_allowed(self, session: str) -> bool:
        """Signs of typing that are passed on."""
        return self._typing.allow(session)

    def message_allowed(self, session: str, place: ChatSite) -> bool:
        """Messages of one visitor."""
        return place.messages.allow(session)

    def session_allowed(self, request: web.Request) -> bool:
        """New sessions of one address."""
        return self._allowed(request, self._sessions)

    def request_allowed(self, request: web.Request) -> bool:
        """Requests of one address."""
        return self._allowed(request, self._requests)

    def _allowed(self, request: web.Request, buckets: Buckets) -> bool:
        remote = remote_of(request, self._proxies)
        return remote is None or buckets.allow(remote)


def _host_of(origin: str) -> str:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""
