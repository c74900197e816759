"""A month of traffic, made up but always the same: customers, moods, hours, closings, owners; decided and stored for real."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update

from conversation.id_generator import new_id
from conversation.model.conversation import State
from conversation.model.message import MessageReceived
from conversation.model.people import Identity
from ops.configuration.settings import Settings, parse_rules
from router.decision.facts import understand
from router.policy.intake_plan import IntakePlan
from router.rules.rulebook import RuleBook
from router.understanding.language import Detector
from storage.schema.conversations import conversations
from storage.store import Store
from tests.storage.makers import execute

TEXTS = (
    *(
        "充值不成功,钱扣了没到账",
        "我的账户被盗了,快帮我冻结",
        "谢谢!",
        "在吗?",
        "如何防止账户被盗?",
        "转人工",
        "我要投诉你们的客服",
    ),
    *("My top-up is still pending", "Somebody stole my phone", "thanks", "Why is there a fee?", "🙏🙏🙏", "ok", ""),
    *("Mon paiement a été refusé", "J'ai oublié mon mot de passe", "merci", "Die Karte ist noch nicht da", "danke"),
    *(
        "Das Aufladen klappt nicht",
        "How can I protect my account?",
        "Mijn betaling is mislukt",
        "hi 12345 https://x.example",
    ),
    *("My new card has not arrived yet", "Please refund me, I was charged twice", "我的 card payment 被拒了, why?"),
)


@dataclass(slots=True)
class Month:
    """Where it is made. `of` gives the messages; `store` decides and keeps them."""

    settings: Settings
    detector: Detector
    start: datetime
    seed: int = 7

    def of(self, count: int) -> Iterator[MessageReceived]:
        dice = random.Random(self.seed)
        at = self.start
        for number in range(count):
            at += timedelta(seconds=dice.expovariate(count / (30 * 86_400)))
            yield self._message(dice, number, at)

    def _message(self, dice: random.Random, number: int, at: datetime) -> MessageReceived:
        who = dice.randrange(40)
        channel = "app" if who % 4 == 0 else "site"
        attributes = {"vip": who % 5 == 0, "balance": who * 2_000, "since": "2024-01-01T00:00:00+00:00"}
        return MessageReceived(
            channel=channel,
            external_id=f"e{number}",
            sender=Identity(channel=channel, address=f"customer-{who}", verified=who % 7 == 0),
            text=dice.choice(TEXTS),
            received_at=at,
            language=dice.choice((None, None, None, "fr", "zh-Hant", "it")),
            issue=dice.choice((None, None, None, "fees", "card", "nonsense")),
            locale=dice.choice((None, "de-AT", "en", "pt")),
            machine="auto-reply" if dice.random() < 0.05 else None,
            attributes=attributes if channel == "app" else {},
        )

    async def store(self, store: Store, count: int, *, batch: int = 14) -> RuleBook:
        async with store.begin("month") as work:
            revision = await work.rulebooks.activate(
                digest=self.settings.digest, source=self.settings.source, author="t", now=self.start, only_if_new=False
            )
        rulebook = parse_rules(self.settings.source, self.settings.hints, revision=revision.id)
        events = list(self.of(count))
        for first in range(0, count, batch):
            await self._flush(store, rulebook, events[first : first + batch], first // batch)
        return rulebook

    async def _flush(self, store: Store, rulebook: RuleBook, events: Sequence[MessageReceived], number: int) -> None:
        now = events[-1].received_at
        duty = frozenset({("safety", "en"), ("general", "zh")}) if number % 3 else None
        async with store.begin("month") as work:
            known = await work.intake.load(events, reopen_since=now - rulebook.reopen_within, now=now)
            plan = IntakePlan(rulebook, cans={}, now=now, new_id=new_id, on_duty=duty)
            for event, who in zip(events, known, strict=True):
                plan.admit(event, who, understand(event.text, rulebook, self.detector))
            writes = plan.writes()
            await work.intake.store(writes, now=now)
        await self._live_on(store, [one.id for one in (*writes.created, *writes.changed)], now, number)

    async def _live_on(self, store: Store, ids: Sequence[str], now: datetime, number: int) -> None:
        """Some are closed, some have somebody who writes."""
        table = conversations.c
        closing = update(conversations).where(table.id.in_(ids[number % 2 :: 2]))
        await execute(store, closing.values(state=State.CLOSED.value, closed_at=now, said=["closed"]))
        if number % 4 == 0:
            writing = update(conversations).where(table.id.in_(ids[:1]))
            await execute(store, writing.values(owner_wrote_at=now))
