"""The demo's people: a small wallet-support team over two sites, and the customers who write to it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAgent:
    """One member of the demo team."""

    email: str
    name: str
    role: str
    languages: Mapping[str, int]
    skills: Mapping[str, int]


ALL_SKILLS: Mapping[str, int] = {
    "payments": 4,
    "accounts": 4,
    "safety": 4,
    "cards": 4,
    "vip": 4,
    "complaints": 4,
    "claims": 4,
}

TEAM: tuple[DemoAgent, ...] = (
    DemoAgent(
        email="ada@demo.example",
        name="Ada Novak",
        role="admin",
        languages={"zh": 5, "en": 5, "fr": 5, "de": 5},
        skills=ALL_SKILLS,
    ),
    DemoAgent(
        email="mei@demo.example",
        name="Lin Mei",
        role="agent",
        languages={"zh": 5, "en": 3},
        skills={"payments": 5, "safety": 3},
    ),
    DemoAgent(
        email="anna@demo.example",
        name="Anna Vogel",
        role="agent",
        languages={"de": 5, "en": 4},
        skills={"payments": 4, "accounts": 4},
    ),
    DemoAgent(
        email="luc@demo.example", name="Luc Martin", role="lead", languages={"fr": 5, "en": 4}, skills=ALL_SKILLS
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCustomer:
    """Somebody who has just written."""

    name: str
    text: str


CUSTOMERS: tuple[DemoCustomer, ...] = (
    DemoCustomer(name="王芳", text="你好,昨天晚上充值 500 元不成功,钱已经从银行卡扣了,余额还没有变。"),
    DemoCustomer(
        name="Sophie Bernard", text="Bonjour, mon compte est bloqué depuis ce matin et je ne peux plus me connecter."
    ),
    DemoCustomer(name="Jonas Weber", text="Hallo, warum wurde mir für die letzte Überweisung eine Gebühr berechnet?"),
    DemoCustomer(name="Grace Miller", text="There is a payment of 89.90 in my history that I never made. Please help!"),
)
