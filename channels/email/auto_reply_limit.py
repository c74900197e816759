"""How many automatic answers went to one domain lately: machines that answer under ever new addresses come to an end as well."""

from collections import OrderedDict

from conversation.ports.channel import Clock

MOST = 120
_HOUR = 3600.0
_DOMAINS = 10_000


class AutoReplyLimit:
    """Counted on this node, within the last hour."""

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self.most = most
        self._clock = clock
        self._answered: OrderedDict[str, dict[str, float]] = OrderedDict()

    def takes(self, domain: str, message: str) -> bool:
        """Whether one more may go there; another try of the same message always may."""
        now = self._clock.monotonic()
        lately = {name: at for name, at in self._answered.pop(domain, {}).items() if now - at < _HOUR}
        may = message in lately or len(lately) < self.most
        if may:
            lately.setdefault(message, now)
        self._answered[domain] = lately
        if len(self._answered) > _DOMAINS:
            self._answered.popitem(last=False)
        return may
