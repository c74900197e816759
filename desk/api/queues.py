"""The queues as they stand now."""

from collections.abc import Mapping
from datetime import datetime

from conversation.model.people import Presence
from desk.http.authentication import Who
from desk.http.routing import ApiRequest, Routes
from desk.representation.schemas import Page, QueueOut
from desk.representation.serializers import title_out
from router.policy.permissions import serves
from router.rules.queues import Queue
from router.rules.rulebook import RuleBook

routes = Routes("queues")
Counts = Mapping[str, tuple[int, datetime | None]]


@routes.add("GET", "/queues", who=Who.AGENT)
async def list_queues(call: ApiRequest[None, None]) -> Page[QueueOut]:
    """Each queue: open now, next opening, waiting, oldest wait, agents online."""
    rulebook, now = call.services.rules.rulebook, call.services.clock.now()
    async with call.services.storage.read("desk.api.queues") as work:
        counts = await work.distribution.queue_counts()
        duty = await work.agents.on_duty(now)
        online = await work.agents.find([row.agent for row in duty if row.presence is Presence.ONLINE])
    items = [
        queue_out(rulebook, queue, counts, sum(serves(person, queue) for person in online.values()), now)
        for queue in rulebook.queues.values()
    ]
    return Page(items=items, next=None)


def queue_out(rulebook: RuleBook, queue: Queue, counts: Counts, online: int, now: datetime) -> QueueOut:
    """One queue. Hours that go by language are those of the default language."""
    waiting, since = counts.get(queue.name, (0, None))
    is_open = rulebook.calendars.is_open(queue.hours, now, rulebook.default_language)
    return QueueOut(
        name=queue.name,
        title=title_out(queue.title),
        open=is_open,
        next_opening=None if is_open else rulebook.calendars.next_opening(queue.hours, now, rulebook.default_language),
        waiting=waiting,
        oldest_wait=int((now - since).total_seconds()) if since else None,
        oldest_waiting_since=since,
        agents_online=online,
    )
