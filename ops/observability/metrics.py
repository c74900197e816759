"""What is counted and measured, as Prometheus text."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

disable_created_metrics()  # type: ignore[no-untyped-call] # a second line for each series, that nobody reads

# told as 0 from the start: an alert on what never happened yet must find it
_KNOWN = (
    *("accepted", "duplicates", "quarantined", "hooks.accepted", "hooks.quarantined", "hooks.signature_rejected"),
    *(
        "hooks.too_large",
        "hooks.unknown_channel",
        "desk.login_failed",
        "desk.origin_refused",
        "live.dropped",
        "shadow.decided",
    ),
    *("shadow.differing", "shadow.passed_over", "webhooks.not_called", "unproven_unanswered"),
)
_SPANS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Meters:
    """One registry for one house: `count` events by name, `observe` spans in seconds, `gauge` levels."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter("huntgroup_events", "What happened, by name", ["event"], registry=self.registry)
        for event in _KNOWN:
            self._events.labels(event)
        self._transactions = Histogram(
            "huntgroup_transaction_seconds",
            "How long transactions took, by purpose and outcome",
            ["purpose", "outcome"],
            registry=self.registry,
            buckets=_SPANS,
        )
        self._levels: dict[str, Gauge] = {}
        self._before: list[Callable[[], None]] = []
        self.reload_successful = Gauge(
            "huntgroup_config_last_reload_successful", "1 when the last reload was applied", registry=self.registry
        )
        self.reload_at = Gauge(
            "huntgroup_config_last_reload_success_timestamp_seconds",
            "When rules were last applied",
            registry=self.registry,
        )

    def count(self, event: str, amount: float = 1) -> None:
        """Something happened `amount` times."""
        self._events.labels(event).inc(amount)

    def transaction(self, purpose: str, seconds: float, outcome: str) -> None:
        """A transaction ended: committed, rolled_back, or it only read."""
        self._transactions.labels(purpose, outcome).observe(seconds)

    def levels(self, name: str, meaning: str, label: str, values: Mapping[str, float]) -> None:
        """How much there is now, by label; what is not named any more is gone."""
        gauge = self._levels.get(name)
        if gauge is None:
            gauge = self._levels[name] = Gauge(f"huntgroup_{name}", meaning, [label], registry=self.registry)
        gauge.clear()
        for value, amount in values.items():
            gauge.labels(value).set(amount)

    def before_text(self, look: Callable[[], None]) -> None:
        """Call this for every exposition; it must not block."""
        self._before.append(look)

    def text(self) -> bytes:
        """The exposition."""
        for look in self._before:
            look()
        return generate_latest(self.registry)
