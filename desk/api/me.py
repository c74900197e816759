"""The caller: who they are, whether they are here, with whom they work, and the words they may use."""

from datetime import timedelta
from typing import Literal

from conversation.model.events import EventType, Hint, NewEvent, Topic
from conversation.model.people import Presence
from desk.http.authentication import Who
from desk.http.routing import ApiRequest, Input, Routes
from desk.representation.schemas import Colleague, IssueOut, Me, Page, PresenceOut, VocabularyOut
from desk.representation.serializers import agent_fields, colleague, staff, title_out
from router.policy.permissions import served_queues

routes = Routes("me")
LEASE = timedelta(seconds=60)


class PresenceIn(Input):
    """Whether the caller takes work."""

    state: Literal["online", "away", "offline"]


@routes.add("GET", "/me", who=Who.AGENT)
async def me(call: ApiRequest[None, None]) -> Me:
    """The caller, their presence and what they hold."""
    now = call.services.clock.now()
    async with call.services.storage.read("desk.me") as work:
        team = await staff(work, now)
        cursor = await work.events.head()
    duty = team.duty.get(call.agent.id)
    return Me.model_validate(
        {
            **agent_fields(call.agent, team),
            "expires_at": duty.until if duty else None,
            "serves": list(served_queues(call.agent, call.services.rules.rulebook)),
            "service": call.services.service_name,
            "cursor": cursor,
        }
    )


@routes.add("PUT", "/me/presence", who=Who.AGENT)
async def set_presence(call: ApiRequest[PresenceIn, None]) -> PresenceOut:
    """Take work, pause, or leave; renew before `expires_at`, or keep the events socket open."""
    services, agent, presence = call.services, call.agent, Presence(call.body.state)
    now = services.clock.now()
    until = now if presence is Presence.OFFLINE else now + LEASE
    async with services.storage.begin("desk.presence") as work:
        changed = await work.agents.set_presence(agent.id, presence, until=until, now=now)
        if changed:
            event = NewEvent(type=EventType.PRESENCE, agent=agent.id, data={"presence": presence.value})
            await work.events.add([event], now=now)
        if presence is Presence.ONLINE:
            work.hint(Hint(topic=Topic.WORK, keys=served_queues(agent, services.rules.rulebook)))
    return PresenceOut(state=presence, expires_at=until)


@routes.add("GET", "/colleagues", who=Who.AGENT)
async def colleagues(call: ApiRequest[None, None]) -> Page[Colleague]:
    """Whom work can be handed to."""
    async with call.services.storage.read("desk.colleagues") as work:
        people = await work.agents.all()
        team = await staff(work, call.services.clock.now())
    rulebook = call.services.rules.rulebook
    items = [colleague(person, team, served_queues(person, rulebook)) for person in people if not person.disabled]
    return Page(items=items, next=None)


@routes.add("GET", "/vocabulary", who=Who.AGENT)
async def vocabulary(call: ApiRequest[None, None]) -> VocabularyOut:
    """The languages and issues of the rules in force, and the accounts that call back."""
    rulebook = call.services.rules.rulebook
    issues = [IssueOut(id=name, title=title_out(issue.title)) for name, issue in rulebook.issues.items()]
    calls = [name for name, account in call.services.channels.items() if account.can.calls is not None]
    return VocabularyOut(
        languages=list(rulebook.languages), default_language=rulebook.default_language, issues=issues, calls=calls
    )
