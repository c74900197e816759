"""What the agents' API is given. Built once in `ops/composition/agent_api.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from conversation.model.trusted_proxies import Proxies
from conversation.ports.callback_links import LinksByAccount
from conversation.ports.channel import Channel, Clock, Inbox, Signals
from conversation.ports.customer_pages import Uploads
from conversation.ports.metrics import Count, no_count
from conversation.ports.storage import Storage
from desk.http import ports
from router.flows.active_rules import RulesInForce
from router.flows.agents.conversation_actions import ConversationActions
from router.flows.agents.reply import ReplyService
from router.flows.callbacks.agent_actions import CallbackService


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the handlers work with. `shadow` is None where there is no second rules file."""

    storage: Storage
    rules: RulesInForce
    actions: ConversationActions
    replies: ReplyService
    callbacks: CallbackService
    inbox: Inbox
    channels: Mapping[str, Channel]
    supervisor: ports.AccountSupervisor
    signals: Signals
    clock: Clock
    uploads: Uploads
    shared_files: ports.SharedFiles
    metrics: ports.Metrics
    readiness: ports.Readiness
    reloader: ports.RuleReloader
    explainer: ports.DecisionExplainer
    tasks: ports.BackgroundTasks
    draining: ports.Draining
    public_url: str
    service_name: str
    callback_links: LinksByAccount = field(default_factory=dict)
    proxies: Proxies = field(default_factory=Proxies)
    shadow: ports.ShadowRules | None = None
    site_routes: Sequence[web.RouteDef] = ()
    metrics_token: str | None = None
    body_limit: int = 1024 * 1024
    count: Count = no_count


SERVICES: web.AppKey[Services] = web.AppKey("services", Services)
