"""The customers' pages of the kinds that have any: chat, callback."""

from importlib.metadata import entry_points

from aiohttp import web

from channels import registry as kinds
from conversation.ports.customer_pages import CustomerPagePorts, Uploads
from ops.composition.callbacks import Callbacks
from ops.composition.channels import Accounts
from ops.composition.infrastructure import Infrastructure
from router.flows.customers.visitor_feed import Feed, VisitorSessionService
from router.flows.customers.wait_estimate import Availabilities
from router.flows.intake.inbox import IntakeFlow

SITES = "huntgroup.sites"


def page_routes(
    infrastructure: Infrastructure, accounts: Accounts, inbox: IntakeFlow, uploads: Uploads, callbacks: Callbacks
) -> list[web.RouteDef]:
    """The routes of each kind's pages, found by entry point."""
    ports = _ports(infrastructure, accounts, inbox, uploads, callbacks)
    found: list[web.RouteDef] = []
    for point in entry_points(group=SITES):
        owner = kinds.create_of(point.name).__module__
        theirs = {name: one for name, one in accounts.by_name.items() if type(one).__module__.startswith(owner)}
        if theirs:
            found.extend(point.load()(theirs, ports))
    return found


def _ports(
    infrastructure: Infrastructure, accounts: Accounts, inbox: IntakeFlow, uploads: Uploads, callbacks: Callbacks
) -> CustomerPagePorts:
    service, rulebook = infrastructure.settings.service, infrastructure.rules.rulebook
    return CustomerPagePorts(
        inbox=inbox,
        sessions=VisitorSessionService(infrastructure.store, infrastructure.clock),
        feed=Feed(
            infrastructure.store,
            infrastructure.signals,
            infrastructure.clock,
            cans=accounts.cans,
            links=callbacks.links,
        ),
        availability=Availabilities(infrastructure.store, infrastructure.rules, infrastructure.clock),
        uploads=uploads,
        calls=callbacks.booking,
        verification=callbacks.verification,
        signals=infrastructure.signals,
        clock=infrastructure.clock,
        public_url=infrastructure.public_url,
        proxies=service.trusted,
        service_name=service.name,
        issues=lambda: {name: issue.title for name, issue in infrastructure.rules.rulebook.issues.items()},
        languages=rulebook.languages,
        default_language=rulebook.default_language,
        draining=infrastructure.draining.is_set,
        background=infrastructure.keeper.start,
    )
