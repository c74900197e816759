"""Everybody as they were last read: reading thousands of agents costs a quarter of a second, and they rarely change."""

from collections.abc import Sequence

from conversation.model.people import Agent
from conversation.ports.channel import Clock

# a node of a release before this one changes agents and counts no revision: while releases are mixed, this long is late at most
LONGEST = 30.0


class Roster:
    """Shared by the transactions of one process. What is kept at a revision is never older than the revision."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._revision = -1
        self._read_at = 0.0
        self._people: Sequence[Agent] = ()

    def at(self, revision: int) -> Sequence[Agent] | None:
        """Everybody at this revision; None where they must be read."""
        late = self._clock.monotonic() - self._read_at > LONGEST
        return None if late or revision != self._revision else self._people

    def keep(self, revision: int, people: Sequence[Agent]) -> Sequence[Agent]:
        """For whoever asks next."""
        self._revision, self._people, self._read_at = revision, tuple(people), self._clock.monotonic()
        return self._people
