"""Whether this node can serve, as `/readyz` answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from channels.supervisor import Health

OK = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Whether this node can serve: a word for each part that it needs.

    The state of each account, loops that are failing and a wrong clock decide nothing: another node would not do better.
    """

    parts: Mapping[str, str]
    channels: Mapping[str, str] = field(default_factory=dict)
    loops: Mapping[str, str] = field(default_factory=dict)
    clock: str = OK

    @property
    def serves(self) -> bool:
        """Every part is well."""
        return all(word == OK for word in self.parts.values())

    @property
    def status(self) -> str:
        """`degraded` serves too: some account or some background loop does not work, or the machine's clock is wrong."""
        working = (
            not self.loops
            and self.clock == OK
            and all(state in (Health.UP, Health.STARTING) for state in self.channels.values())
        )
        return "unready" if not self.serves else OK if working else "degraded"
