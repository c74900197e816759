"""What the agents' API is given: the services behind its routes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from channels.supervisor import Supervisor
from conversation.model.decision import StoredDecision
from desk.http.services import Services
from ops.composition.callbacks import Callbacks
from ops.composition.channels import Accounts
from ops.composition.infrastructure import Infrastructure
from ops.composition.readiness import Readiness
from ops.composition.reload import Reloader
from ops.composition.shadow_rules import Shadow
from ops.rule_analysis.candidates import candidates
from ops.rule_analysis.dry_run import DryRun
from ops.rule_analysis.explaining import explain_message, rules_of
from ops.rule_analysis.explanation import explain_stored
from router.flows.agents.conversation_actions import ConversationActions
from router.flows.agents.reply import ReplyService
from router.flows.customers.visitor_feed import Files
from router.flows.intake.inbox import IntakeFlow


@dataclass(frozen=True, slots=True)
class Explainer:
    """Decisions with their reasons, as the command line has them, and who could take the conversation now."""

    infrastructure: Infrastructure

    async def stored(self, stored: StoredDecision) -> Mapping[str, object]:
        """A stored decision, by the rules that made it."""
        infrastructure = self.infrastructure
        async with infrastructure.store.read("explain.rules") as work:
            rulebook = await rules_of(work, stored.decision.revision, infrastructure.settings)
            conversation = await work.conversations.get(stored.conversation)
        explained = await asyncio.to_thread(explain_stored, stored, rulebook)
        people = await candidates(
            infrastructure.store, conversation, infrastructure.rules.rulebook, infrastructure.clock.now()
        )
        return {**explained, "candidates": people}

    async def message(self, message: Mapping[str, object]) -> Mapping[str, object]:
        """What would happen to a message that nobody sent. Raises `ValueError` in words."""
        infrastructure, rulebook = self.infrastructure, self.infrastructure.rules.rulebook
        trial = DryRun(rulebook, infrastructure.detector, infrastructure.classifier.classifiers.built_in)
        turn, explained = await asyncio.to_thread(explain_message, trial, message, infrastructure.clock.now())
        people = await candidates(infrastructure.store, turn.conversation, rulebook, infrastructure.clock.now())
        return {**explained, "candidates": people}


def build_services(
    infrastructure: Infrastructure,
    accounts: Accounts,
    inbox: IntakeFlow,
    *,
    files: Files,
    callbacks: Callbacks,
    supervisor: Supervisor,
    reloader: Reloader,
    readiness: Readiness,
    shadow: Shadow | None,
    pages: Sequence[web.RouteDef],
) -> Services:
    """Everything that handlers work with."""
    service = infrastructure.settings.service
    return Services(
        storage=infrastructure.store, rules=infrastructure.rules, inbox=inbox, channels=accounts.channels(), supervisor=supervisor,
        signals=infrastructure.signals, clock=infrastructure.clock, uploads=files, shared_files=infrastructure.shared_files,
        replies=ReplyService(infrastructure.store, infrastructure.rules, infrastructure.signals, infrastructure.clock, cans=accounts.cans),
        actions=ConversationActions(infrastructure.store, infrastructure.rules, infrastructure.clock),
        callbacks=callbacks.service, callback_links=callbacks.links, metrics=infrastructure.meters, readiness=readiness, reloader=reloader,
        explainer=Explainer(infrastructure), shadow=shadow,
        tasks=infrastructure.keeper, draining=infrastructure.draining, public_url=infrastructure.public_url,
        service_name=service.name, proxies=service.trusted, site_routes=pages, body_limit=service.body_limit,
        metrics_token=service.metrics_token.get_secret_value() if service.metrics_token else None,
        count=infrastructure.meters.count,
    )  # fmt: skip
