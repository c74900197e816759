"""What the agents' API is given. Built once in `ops/composition/agent_api.py`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from channels.supervisor import AccountHealth, Health
from conversation.model.decision import StoredDecision
from conversation.model.trusted_proxies import Proxies
from conversation.ports.channel import Channel, Clock, Inbox, Signals
from conversation.ports.customer_pages import Uploads
from conversation.ports.metrics import Count, no_count
from conversation.ports.storage import Storage
from conversation.ports.storage.attachments import StoredAttachment
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_actions import ConversationActions
from router.flows.agents.reply import ReplyService
from router.flows.callbacks.agent_actions import CallbackService

OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Whether this node can serve: a word for each part that it needs, and the state of each account, which decides nothing."""

    parts: Mapping[str, str]
    channels: Mapping[str, str] = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        """Every part is well."""
        return all(word == OK for word in self.parts.values())

    @property
    def status(self) -> str:
        """`degraded` serves too: some account does not work."""
        working = all(state in (Health.UP, Health.STARTING) for state in self.channels.values())
        return "unready" if not self.serves else OK if working else "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the handlers work with.

    `ready` checks what this node needs to serve. `reload_rules` takes the actor's e-mail. `explain` tells a stored
    decision with its reasons, as the command line does. `explain_message` does so
    of one that nobody sent, and raises `ValueError` in words where it makes no sense. `shadow` tells what a second rules file would have
    decided otherwise, None where there is none. `shared_file` takes a file's id and the proof in its
    signed address, and raises `NotFound`. `count` counts an event.
    """

    storage: Storage
    rules: RulesInForce
    actions: ConversationActions
    replies: ReplyService
    callbacks: CallbackService
    inbox: Inbox
    channels: Callable[[], Mapping[str, Channel]]
    health: Callable[[], Sequence[AccountHealth]]
    signals: Signals
    clock: Clock
    uploads: Uploads
    shared_file: Callable[[str, str], Awaitable[tuple[StoredAttachment, bytes]]]
    metrics: Callable[[], bytes]
    ready: Callable[[], Awaitable[Ready]]
    reload_rules: Callable[[str], Awaitable[Mapping[str, object]]]
    explain: Callable[[StoredDecision], Awaitable[Mapping[str, object]]]
    explain_message: Callable[[Mapping[str, object]], Awaitable[Mapping[str, object]]]
    background: Callable[[Awaitable[None]], None]
    draining: Callable[[], bool]
    public_url: str
    service_name: str
    proxies: Proxies = field(default_factory=Proxies)
    shadow: Callable[[], Mapping[str, object]] | None = None
    site_routes: Sequence[web.RouteDef] = ()
    metrics_token: str | None = None
    body_limit: int = 1024 * 1024
    attachment_limit: int = 20 * 1024 * 1024
    count: Count = no_count


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
