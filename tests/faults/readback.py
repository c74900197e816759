"""The ledger against the store, through the API only."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.faults.ledger import Ledger
from tests.serving import Api


@dataclass(slots=True)
class Findings:
    """What the comparison counted."""

    acknowledged: int = 0
    stored: int = 0
    conversations: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    wrong_queue: list[str] = field(default_factory=list)
    doubled_matters: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.gaps or self.wrong_queue)

    def told(self) -> str:
        return (
            f"acknowledged {self.acknowledged}, stored {self.stored} in {self.conversations} conversations; lost {len(self.lost)}, "
            f"stored twice {len(self.twice)}, seq gaps {len(self.gaps)}, queue unlike explain {len(self.wrong_queue)}"
        )


def identifier_in(text: str) -> str:
    """Every text of a fault run ends with its identifier in brackets."""
    return text.rpartition("[")[2].rstrip("]")


async def read_back(api: Api, ledger: Ledger) -> Findings:
    """Everything that is stored, compared with everything that was acknowledged."""
    findings = Findings(acknowledged=len(ledger.acknowledged))
    seen: dict[str, int] = {}
    conversations = [c async for c in api.conversations()]
    findings.conversations = len(conversations)
    for start in range(0, len(conversations), 16):
        batch = conversations[start : start + 16]
        for messages in await asyncio.gather(*(_one(api, c, findings) for c in batch)):
            for message in messages:
                if message["direction"] == "in":
                    key = identifier_in(message["text"])
                    seen[key] = seen.get(key, 0) + 1
    findings.stored = sum(seen.values())
    findings.lost = [key for key in ledger.acknowledged if key not in seen]
    findings.twice = [key for key, times in seen.items() if times > 1]
    return findings


async def _one(api: Api, conversation: dict[str, Any], findings: Findings) -> list[dict[str, Any]]:
    identifier = conversation["id"]
    messages = await api.messages(identifier)
    if [m["seq"] for m in messages] != list(range(1, len(messages) + 1)):
        findings.gaps.append(identifier)
    told = await api.explain(identifier)
    if told["queue"] != conversation["queue"]:
        findings.wrong_queue.append(identifier)
    return messages
