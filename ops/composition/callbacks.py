"""Callbacks: how calls are made, booked by customers and worked on by agents. One instance of each."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversation.ports.callback_links import LinksByAccount, SignsCallbackLinks
from ops.composition.channels import Accounts
from ops.composition.infrastructure import Infrastructure
from router.flows.callbacks.agent_actions import CallbackService
from router.flows.callbacks.attempts import CallAttempts
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.timers import CallbackTimers
from router.flows.callbacks.verification_codes import CodeVerification
from router.flows.intake.inbox import IntakeFlow


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """`due` is what time causes to calls; nothing where no account calls back. `links` are the signed addresses of the accounts that do."""

    links: LinksByAccount
    attempts: CallAttempts
    booking: CallbackBooking
    verification: CodeVerification
    service: CallbackService
    due: Sequence[Callable[[datetime], Awaitable[int]]]


def callback_links(accounts: Accounts) -> LinksByAccount:
    """The signed addresses of each account that calls back."""
    return {
        name: account.callback_links
        for name, account in accounts.by_name.items()
        if isinstance(account, SignsCallbackLinks)
    }


def build_callbacks(
    infrastructure: Infrastructure, accounts: Accounts, inbox: IntakeFlow, links: LinksByAccount
) -> Callbacks:
    """Everything about calls of these accounts."""
    store, rules, clock, cans = infrastructure.store, infrastructure.rules, infrastructure.clock, accounts.cans
    attempts = CallAttempts(store, rules, clock, cans=cans, links=links, dialers=accounts.dialers)
    booking = CallbackBooking(store, rules, inbox, clock, cans=cans, ends=attempts)
    verification = CodeVerification(store, rules, clock, booking, cans=cans)
    service = CallbackService(store, rules, clock, ends=attempts, customers=booking)
    calls_back = any(can.calls for can in cans().values())
    due = CallbackTimers(store, rules, clock, cans=cans, ends=attempts).duties() if calls_back else ()
    return Callbacks(
        links=links, attempts=attempts, booking=booking, verification=verification, service=service, due=due
    )
