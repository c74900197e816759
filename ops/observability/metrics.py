"""The metrics of `conversation.ports.metrics` as Prometheus text, with the standard metrics of the process."""

import logging
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import islice

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from conversation.ports.metrics import AccountCount, ChannelEvent, CountedEvent, Declaration, Kind, Metric

log = logging.getLogger(__name__)
disable_created_metrics()  # type: ignore[no-untyped-call] # a second line for each series, that nobody reads

_SPANS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_OTHER = "other"
MOST_SERIES = 1_000  # of one metric; what comes after is one series more, `other`


class Meters:
    """One registry for one process: `count` for events, `set` and `levels` for gauges, `spans` for durations in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counters, self._gauges, histograms = _built(self.registry)
        self._events = {event: counters[Metric.EVENTS].labels(event) for event in CountedEvent}
        self._channel_events = counters[Metric.CHANNEL_EVENTS]
        self._accounts: dict[tuple[str, ChannelEvent], Counter] = {}
        self._histograms = histograms
        self._transactions: dict[tuple[str, str], Histogram] = {}
        self._before: list[Callable[[], None]] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def count(self, event: CountedEvent, amount: int = 1, /) -> None:
        """The event happened `amount` times. Raises `ValueError` for a name that is not declared."""
        try:
            counter = self._events[event]
        except KeyError:
            raise ValueError(f"no event {event!r} is declared") from None
        counter.inc(amount)

    def count_of(self, channel: str, event: ChannelEvent, amount: int = 1, /) -> None:
        """The account did this `amount` times. Raises `ValueError` for a name that is not declared."""
        counter = self._accounts.get((channel, event))
        if counter is None:
            _refuse_unknown(Metric.CHANNEL_EVENTS.value, event, place=1)
            counter = self._channel_events.labels(channel, event)
            self._accounts[channel, event] = counter
        counter.inc(amount)

    def account(self, channel: str) -> AccountCount:
        """What one account counts with; its series begin at 0.

        A name that a plug-in made up is logged, not raised: it may count what a provider has taken already.
        """
        for event in ChannelEvent:
            self.count_of(channel, event, 0)

        def count(event: ChannelEvent, amount: int = 1, /) -> None:
            try:
                self.count_of(channel, event, amount)
            except ValueError as error:
                log.error("event_not_declared", extra={"channel": channel, "detail": str(error)})  # noqa: TRY400 - no bug of ours

        return count

    def transaction(self, purpose: str, seconds: float, outcome: str) -> None:
        """A transaction ended: committed, rolled_back, or it only read."""
        histogram = self._transactions.get((purpose, outcome))
        if histogram is None:
            if len(self._transactions) >= MOST_SERIES:
                purpose = _OTHER
            _refuse_unknown(Metric.TRANSACTION.value, outcome, place=1)
            histogram = self._histograms[Metric.TRANSACTION].labels(purpose, outcome)
            self._transactions[purpose, outcome] = histogram
        histogram.observe(seconds)

    def spans(self, metric: Metric) -> Callable[[float], None]:
        """What durations of a histogram without labels are given to."""
        return self._histograms[metric].observe

    def set(self, metric: Metric, value: float) -> None:
        """The level of a gauge without labels."""
        self._gauges[metric].set(value)

    def levels(self, metric: Metric, values: Mapping[str, float]) -> None:
        """The levels of a gauge by its only label; values not named any more are gone."""
        for value in values:
            _refuse_unknown(metric.value, value)
        gauge = self._gauges[metric]
        gauge.clear()
        for value, amount in islice(values.items(), MOST_SERIES):
            gauge.labels(value).set(amount)

    def build(self, database: str) -> None:
        """What runs, on which kind of database."""
        _refuse_unknown(Metric.BUILD.value, database, place=2)
        self._gauges[Metric.BUILD].labels(version("huntgroup"), platform.python_version(), database).set(1)

    def before_text(self, look: Callable[[], None]) -> None:
        """Call this for every exposition; it must not block."""
        self._before.append(look)

    def text(self) -> bytes:
        """The exposition."""
        for look in self._before:
            look()
        return generate_latest(self.registry)


def _built(
    registry: CollectorRegistry,
) -> tuple[dict[Metric, Counter], dict[Metric, Gauge], dict[Metric, Histogram]]:
    """Every declared metric, by its type."""
    counters: dict[Metric, Counter] = {}
    gauges: dict[Metric, Gauge] = {}
    histograms: dict[Metric, Histogram] = {}
    for metric in Metric:
        declared = metric.value
        names = [label.name for label in declared.labels]
        match declared.kind:
            case Kind.COUNTER:
                counters[metric] = Counter(declared.name, declared.help, names, registry=registry)
            case Kind.GAUGE:
                gauges[metric] = Gauge(declared.name, declared.help, names, registry=registry)
            case Kind.HISTOGRAM:
                histograms[metric] = Histogram(declared.name, declared.help, names, registry=registry, buckets=_SPANS)
    return counters, gauges, histograms


def _refuse_unknown(declared: Declaration, value: str, *, place: int = 0) -> None:
    label = declared.labels[place]
    if label.values and value not in label.values:
        raise ValueError(f"no {label.name} {value!r} is declared for {declared.name}")
