"""The people of the demo, read from `demo_people.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAgent:
    """One member of the demo team."""

    email: str
    name: str
    role: str
    languages: Mapping[str, int]
    skills: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCustomer:
    """Somebody who has just written."""

    name: str
    text: str


_PEOPLE = tomllib.loads((files(__package__) / "demo_people.toml").read_text("utf-8"))
TEAM = tuple(DemoAgent(**agent) for agent in _PEOPLE["team"])
CUSTOMERS = tuple(DemoCustomer(**customer) for customer in _PEOPLE["customers"])
