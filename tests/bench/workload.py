"""The traffic that both sides are given: a quarter from strangers, the rest from customers with an open matter."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversation.model.message import MessageReceived
from conversation.model.people import Identity

KNOWN = 2_000
SEGMENTS = 400
TIERS = ("basic", "plus", "gold", "black")
SENTENCES = (
    "充值不成功,钱扣了没到账,请帮我看看",
    "My top-up has not arrived and the money has left my bank account",
    "Meine Aufladung ist seit gestern nicht angekommen",
    "Mon paiement a été refusé alors que mon solde suffit",
    "I cannot log in, my account seems to be locked after three tries",
    "Why was I charged a fee for this transfer?",
    "我的账户被锁定了,无法登录",
    "Ich habe mein Passwort vergessen",
    "Je voudrais un remboursement pour cette commande",
    "Someone made a payment I never made, please stop my card",
)
# what follows in the same language, so that detection has a real text to read
MORE = {
    "zh": "订单是星期一用手机下的,金额二百五十元,银行已经扣款,但是余额没有变化,客服电话一直打不通,请尽快处理。",
    "en": "I sent it on Monday from the mobile application, the amount was 250.00, and nobody has answered me since then. ",
    "de": "Ich habe es am Montag mit der App auf dem Telefon gemacht, der Betrag war 250,00, und niemand antwortet mir. ",
    "fr": "Je l'ai fait lundi depuis l'application du téléphone, le montant était de 250,00, et personne ne me répond. ",
}
_LANGUAGES = ("zh", "en", "de", "fr", "en", "en", "zh", "de", "fr", "en")
BYTES = 600


@dataclass(frozen=True, slots=True)
class Plain:
    """One message as the references take it: no model, just values."""

    channel: int
    address: str
    external_id: str
    body: str
    meta: Mapping[str, object]
    queue: int


def meta_of(customer: int) -> dict[str, object]:
    """About 250 bytes that the application says of its customer; the same each time."""
    segment, tier = f"s{customer % SEGMENTS}", TIERS[customer % len(TIERS)]
    return {"app": "wallet", "version": "7.4.1", "segment": segment, "tier": tier, "device": "x" * 160}


def bodies(people: list[int], seed: int) -> list[str]:
    """Texts of about 600 bytes each, in four languages: everybody writes in their own, and of their own matter."""
    chance = random.Random(seed)
    texts = []
    for customer in people:
        which = customer % len(SENTENCES)
        text = f"{SENTENCES[which]}. [{chance.randrange(10**6)}] "
        while len(text.encode()) < BYTES:
            text += MORE[_LANGUAGES[which]]
        texts.append(text.encode()[:BYTES].decode(errors="ignore"))
    return texts


def customers(count: int, seed: int) -> list[int]:
    """Three of four are known customers; one of four is a stranger, whose number no other run of another seed uses."""
    chance = random.Random(seed)
    fresh = (seed + 1) * 10_000_000
    return [fresh + at if at % 4 == 0 else chance.randrange(KNOWN) for at in range(count)]


def plain(count: int, *, seed: int, who: list[int] | None = None) -> list[Plain]:
    """For the references."""
    chance = random.Random(seed)
    people = who if who is not None else customers(count, seed)
    return [
        Plain(1, f"customer-{customer}", f"e-{seed}-{at}", body, meta_of(customer), chance.randrange(8))
        for at, (customer, body) in enumerate(zip(people, bodies(people, seed), strict=True))
    ]


def events(rows: list[Plain], at: datetime, *, channel: str = "app") -> list[MessageReceived]:
    """The same messages for huntgroup, as a channel's normalize gives them."""
    return [
        MessageReceived(
            channel=channel,
            external_id=row.external_id,
            sender=Identity(channel=channel, address=row.address),
            text=row.body,
            received_at=at,
            attributes=row.meta,
        )
        for row in rows
    ]


def regulars(seed: int) -> list[Plain]:
    """One message of every known customer: so that each has an open matter before anything is measured."""
    return plain(KNOWN, seed=seed, who=list(range(KNOWN)))


def waves(rows: list[Plain], size: int = 200) -> list[list[Plain]]:
    """Cut into batches."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]
