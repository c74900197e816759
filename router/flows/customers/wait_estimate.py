"""What a customer reads about waiting: open or not, the next opening in words, the place in the queue."""

from datetime import datetime
from zoneinfo import ZoneInfo

from conversation.model.conversation import Conversation
from conversation.model.decision import Understood
from conversation.model.message import MessageReceived
from conversation.model.people import Customer, Identity
from conversation.ports.channel import Clock
from conversation.ports.customer_pages import Availability
from conversation.ports.storage import Storage, Work
from conversation.ports.storage.distribution import Asked
from router.decision.decide import decide
from router.decision.facts import gather
from router.flows.active_rules import RulesInForce
from router.flows.customers.visitor_feed import open_conversation
from router.policy.auto_reply import zone_of
from router.rules.rulebook import RuleBook
from router.wording.next_opening import format_opening

_TAKES = 120  # seconds that the work of one before you takes, as a first guess


class Availabilities:
    """The port `Availabilities`."""

    def __init__(self, storage: Storage, rules: RulesInForce, clock: Clock) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock

    async def of(self, channel: str, *, identity: str | None, language: str | None) -> Availability:
        """Looks at the queue of the visitor's open conversation, else at the queue where a first message would go."""
        rulebook, now = self._rules.rulebook, self._clock.now()
        if identity is None:
            return _availability(rulebook, _first_queue(rulebook, channel, language, now), language, now)
        async with self._storage.read("availability") as work:
            conversation = await open_conversation(work, identity)
            visitor = await work.customers.identity(identity)
            zone = zone_of(await work.customers.get(visitor.customer))  # as the replies have it
            if conversation is None:
                return _availability(rulebook, _first_queue(rulebook, channel, language, now), language, now, zone=zone)
            return await self._of_conversation(work, rulebook, conversation, language, now, zone=zone)

    async def _of_conversation(
        self,
        work: Work,
        rulebook: RuleBook,
        conversation: Conversation,
        language: str | None,
        now: datetime,
        *,
        zone: ZoneInfo | None,
    ) -> Availability:
        language = conversation.language or language
        if not conversation.is_waiting:
            return _availability(rulebook, conversation.queue, language, now, zone=zone)
        position = await work.distribution.position(conversation.id)
        free_agents = await _free_agents(work, rulebook, conversation, now) if position else 0
        wait = position * _TAKES // free_agents if position and free_agents else None
        return _availability(rulebook, conversation.queue, language, now, zone=zone, position=position, wait=wait)


async def _free_agents(work: Work, rulebook: RuleBook, conversation: Conversation, now: datetime) -> int:
    """How many people who could take it are there now."""
    queue = rulebook.queues.get(conversation.queue)
    if queue is None:
        return 0
    asked = Asked(conversation=conversation, needs=queue.needs, strategy=queue.strategy)
    return len(await work.distribution.candidates(asked, now=now))


def _first_queue(rulebook: RuleBook, channel: str, language: str | None, now: datetime) -> str:
    """Where a first message without any words would go: decided, not guessed."""
    nobody = MessageReceived(
        channel=channel,
        external_id="",
        sender=Identity(channel=channel, address=""),
        text="",
        received_at=now,
        language=language,
    )
    facts = gather(
        nobody, customer=Customer(id=""), conversations=(), understood=Understood(), rulebook=rulebook, now=now
    )
    return decide(facts, rulebook).queue


def _availability(
    rulebook: RuleBook,
    name: str,
    language: str | None,
    now: datetime,
    *,
    zone: ZoneInfo | None = None,
    position: int | None = None,
    wait: int | None = None,
) -> Availability:
    queue = rulebook.queues.get(name) or rulebook.queues[rulebook.fallback]
    calendars = rulebook.calendars
    language = rulebook.served(language)
    if calendars.is_open(queue.hours, now, language):
        return Availability(open=True, position=position, wait=wait)
    opens = calendars.next_opening(queue.hours, now, language)
    words = format_opening(
        opens, now, zone or calendars.zone(queue.hours, language), language or rulebook.default_language
    )
    return Availability(open=False, next_opening=opens, next_opening_words=words, position=position, wait=wait)
