"""Who could be offered a conversation now, and of everybody else why not: the `candidates` of `explain` where there is a database."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from conversation.model.conversation import Conversation
from conversation.model.people import Agent
from conversation.ports.storage import Storage
from conversation.ports.storage.distribution import Asked
from router.policy.permissions import serves
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook


async def candidates(
    storage: Storage, conversation: Conversation, rulebook: RuleBook, now: datetime
) -> list[dict[str, Any]]:
    """`{"agent", "name", "place", "why_not"}`: those who are free in the strategy's order, then the others with their reasons."""
    queue = rulebook.queues.get(conversation.queue) or rulebook.queues[rulebook.fallback]
    asked = Asked(conversation=conversation, needs=queue.needs, strategy=queue.strategy)
    async with storage.read("explain.candidates") as work:
        agents = {agent.id: agent for agent in await work.agents.all()}
        free = [one.agent for one in await work.distribution.candidates(asked, now=now)]
    first = [_to_dict(agents[one], place, []) for place, one in enumerate(free, start=1) if one in agents]
    language = conversation.language
    rest = [
        _to_dict(agent, None, list(_lacks(agent, queue, language))) for one, agent in agents.items() if one not in free
    ]
    return [*first, *rest]


def _to_dict(agent: Agent, place: int | None, why_not: list[str]) -> dict[str, Any]:
    return {"agent": agent.email, "name": agent.name, "place": place, "why_not": why_not}


def _lacks(agent: Agent, queue: Queue, language: str | None) -> Iterator[str]:
    """What keeps them from it; who lacks nothing is away, or has no capacity left."""
    if agent.disabled:
        yield "disabled"
        return
    fits = serves(agent, queue)
    if not fits:
        missing = [skill for skill in queue.skills if skill not in agent.skills]
        yield f"does not serve {queue.name}" + (f": lacks {', '.join(missing)}" if missing and not agent.queues else "")
    wanted = (language,) if queue.languages is None else queue.languages
    speaks = not queue.languages if queue.languages is not None else language is None
    if not speaks and not any(one in agent.languages for one in wanted if one):
        yield f"does not speak {' or '.join(one for one in wanted if one)}"
    elif fits:
        yield "away, or has no hand free"
