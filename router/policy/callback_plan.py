"""What a request to be called goes by: the account's plan, the hours of its queue, and who could call. Pure."""

from collections.abc import Iterable, Mapping

from conversation.model.callback import CallbackSettings, CallCapacity
from conversation.model.capabilities import Can
from conversation.model.conversation import Conversation
from conversation.model.message import CallbackRequested
from conversation.model.people import Agent, WorkKind
from conversation.ports.callback_links import LinksByAccount
from router.policy.callback_times import CallTimes
from router.policy.permissions import serves
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook

Cans = Mapping[str, Can]


def settings_of(cans: Cans, channel: str) -> CallbackSettings | None:
    """The account's own plan; for a request that came over another medium that of the first account that calls back."""
    own = cans[channel].calls if channel in cans else None
    return own or next((can.calls for can in cans.values() if can.calls is not None), None)


def offering_account(cans: Cans, queue: str) -> str | None:
    """The account by which a call in a conversation of this queue is offered: that of the queue, else one without a queue of its own.

    Else the first that calls back; None where no account does.
    """
    queues = {name: can.calls.queue for name, can in cans.items() if can.calls is not None}
    return min(queues, key=lambda name: (queues[name] != queue, queues[name] is not None), default=None)


def request_link(cans: Cans, links: LinksByAccount, conversation: Conversation) -> str | None:
    """Where whoever has this conversation requests a call; None where no account calls back, or the account has no key yet."""
    signed = links.get(offering_account(cans, conversation.queue) or "")
    return signed.request_link(conversation.id) if signed is not None else None


def requested_queue(cans: Cans, asked: CallbackRequested) -> str | None:
    """The queue that is to make this call: where its slot is held, else the one that the account names; None: by the rules."""
    if asked.queue is not None:
        return asked.queue
    settings = settings_of(cans, asked.channel)
    return settings.queue if settings is not None else None


def queue_of(rulebook: RuleBook, name: str) -> Queue:
    """The queue of that name, or the fallback where the rules know it no more."""
    return rulebook.queues.get(name) or rulebook.queues[rulebook.fallback]


def times_of(
    rulebook: RuleBook, plan: CallbackSettings, *, queue: str, language: str | None, zones: tuple[str, ...]
) -> CallTimes:
    """When somebody with this language, there, may be called by this queue."""
    return CallTimes(
        calendars=rulebook.calendars,
        hours=queue_of(rulebook, queue).hours,
        language=rulebook.served(language),
        plan=plan,
        zones=zones,
    )


def slot_language(queue: Queue, times: CallTimes) -> str:
    """The language by which places are counted: "" where the queue does not ask for one."""
    return "" if queue.languages is not None else (times.language or "").partition("-")[0]


def team(agents: Iterable[Agent], queue: Queue) -> list[CallCapacity]:
    """Who could make a call for this queue, and how many at a time."""
    found = []
    for agent in agents:
        calls = agent.capacity.get(WorkKind.CALLBACK, 0)
        languages = frozenset(language.partition("-")[0] for language in agent.languages)
        if agent.disabled or not calls or not serves(agent, queue):
            continue
        if queue.languages and not languages & {language.partition("-")[0] for language in queue.languages}:
            continue
        found.append(CallCapacity(languages=languages if queue.languages is None else None, calls=calls))
    return found


def is_held(conversation: Conversation) -> bool:
    """Whether an agent works on it for something else than the call."""
    return conversation.owner is not None and conversation.kind is not WorkKind.CALLBACK
