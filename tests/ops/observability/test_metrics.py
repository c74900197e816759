"""The registry of metrics: declared once, documented, named by Prometheus' conventions, and closed to any other name."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from conversation.ports.metrics import ChannelEvent, CountedEvent, Kind, Metric
from ops.observability.metrics import MOST_SERIES, Meters

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"
UNITS = ("seconds", "bytes", "rows", "info")
OTHER_UNITS = ("milliseconds", "minutes", "hours", "ms", "kilobytes", "megabytes", "percent")
COLLECTORS = {"process_resident_memory_bytes", "process_cpu_seconds", "process_open_fds", "python_info"}


@pytest.fixture
def meters() -> Meters:
    """With one series of every metric at least."""
    made = Meters()
    made.build("sqlite")
    made.account("site")
    made.transaction("intake", 0.002, "committed")
    made.spans(Metric.INTAKE_BATCH)(0.01)
    made.spans(Metric.EVENT_LOOP_LAG)(0.01)
    for metric in Metric:
        declared = metric.value
        if declared.kind is Kind.GAUGE and len(declared.labels) == 1:
            made.levels(metric, {(declared.labels[0].values or ("general",))[0]: 1.0})
        elif declared.kind is Kind.GAUGE and not declared.labels:
            made.set(metric, 1.0)
    return made


def families(meters: Meters) -> dict[str, Family]:
    return {family.name: family for family in text_string_to_metric_families(meters.text().decode())}


def exposed_name(metric: Metric) -> str:
    """Prometheus' parser names a counter without its `_total`."""
    return metric.value.name.removesuffix("_total")


def test_every_declared_metric_is_exposed_with_its_type_its_help_and_its_labels(meters: Meters) -> None:
    exposed = families(meters)
    for metric in Metric:
        declared, family = metric.value, exposed[exposed_name(metric)]
        assert (family.type, family.documentation) == (declared.kind, declared.help)
        labels = {label.name for label in declared.labels}
        assert family.samples, declared.name
        assert {frozenset(sample.labels.keys() - {"le"}) for sample in family.samples} == {frozenset(labels)}


def test_no_metric_is_exposed_that_nobody_declared(meters: Meters) -> None:
    own = {name for name in families(meters) if not name.startswith(("process_", "python_"))}
    assert own == {exposed_name(metric) for metric in Metric}


def test_the_process_and_the_interpreter_are_exposed(meters: Meters) -> None:
    exposed = families(meters)
    assert exposed.keys() >= COLLECTORS
    assert {name for name in exposed if name.startswith("python_gc_")}


def test_the_build_is_named(meters: Meters) -> None:
    (build,) = families(meters)["huntgroup_build_info"].samples
    assert build.value == 1
    assert build.labels["database"] == "sqlite"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+\S*", build.labels[name]) for name in ("version", "python"))


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.value.name)
def test_names_follow_the_conventions_of_prometheus(metric: Metric) -> None:
    declared = metric.value
    assert re.fullmatch(r"huntgroup(_[a-z]+)+", declared.name)
    assert declared.name.endswith("_total") == (declared.kind is Kind.COUNTER)
    words = declared.name.split("_")
    assert not set(words) & {*OTHER_UNITS, "count", "sum", "bucket", declared.kind.value}
    assert not set(words[:-1]) & set(UNITS) - {words[-2]}
    assert declared.kind is not Kind.HISTOGRAM or words[-1] in UNITS
    assert declared.help.strip() == declared.help != ""
    for label in declared.labels:
        assert re.fullmatch(r"[a-z][a-z_]*", label.name)
        assert label.name not in {"le", "quantile", "job", "instance"}


def test_a_counter_of_events_counts_no_seconds() -> None:
    for event in (*CountedEvent, *ChannelEvent):
        assert not set(re.split(r"[._]", event)) & {*UNITS, *OTHER_UNITS}, event


@pytest.mark.parametrize("event", (*CountedEvent, *ChannelEvent))
def test_events_are_named_in_one_style(event: CountedEvent | ChannelEvent) -> None:
    assert re.fullmatch(r"([a-z]+\.)?[a-z]+(_[a-z]+)*", event)
    assert event.name == event.replace(".", "_").upper()
    assert event.help


def test_every_event_stands_at_zero_before_it_happened() -> None:
    meters = Meters()
    meters.account("mail")
    for event in CountedEvent:
        assert meters.registry.get_sample_value("huntgroup_events_total", {"event": event}) == 0
    for one in ChannelEvent:
        labels = {"channel": "mail", "event": one}
        assert meters.registry.get_sample_value("huntgroup_channel_events_total", labels) == 0


def test_what_was_counted_is_exposed() -> None:
    meters = Meters()
    meters.count(CountedEvent.ACCEPTED, 3)
    meters.account("mail")(ChannelEvent.RECEIVED, 7)
    meters.spans(Metric.INTAKE_BATCH)(0.25)
    sample = meters.registry.get_sample_value
    assert sample("huntgroup_events_total", {"event": "accepted"}) == 3
    assert sample("huntgroup_channel_events_total", {"channel": "mail", "event": "received"}) == 7
    assert sample("huntgroup_intake_batch_seconds_sum") == 0.25


def test_a_name_that_nobody_declared_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    meters = Meters()
    before = meters.text().count(b"huntgroup_")
    with pytest.raises(ValueError, match="acepted"):
        meters.count("acepted")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="acme_sent"):
        meters.count_of("acme", "acme_sent")  # type: ignore[arg-type]
    meters.account("acme")("acme_sent")  # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == ["event_not_declared"]
    with pytest.raises(ValueError, match="lost"):
        meters.levels(Metric.OUTBOX_ROWS, {"lost": 1})
    with pytest.raises(ValueError, match="mysql"):
        meters.build("mysql")
    with pytest.raises(ValueError, match="torn"):
        meters.transaction("intake", 0.1, "torn")
    with pytest.raises(KeyError):
        meters.set(Metric.EVENTS, 1)
    assert meters.text().count(b"huntgroup_") == before + len(ChannelEvent)  # those of the account `acme`, at 0


def test_a_label_with_open_values_has_a_bounded_number_of_series() -> None:
    meters = Meters()
    for number in range(MOST_SERIES + 50):
        meters.transaction(f"purpose{number}", 0.1, "read")
    meters.levels(Metric.QUEUE_WAITING, {f"queue{number}": 1.0 for number in range(MOST_SERIES + 50)})
    exposed = families(meters)
    assert len(exposed["huntgroup_queue_waiting"].samples) == MOST_SERIES
    counts = [one for one in exposed["huntgroup_transaction_seconds"].samples if one.name.endswith("_count")]
    assert len(counts) == MOST_SERIES + 1
    assert sum(one.value for one in counts) == MOST_SERIES + 50


def documented_rows() -> Iterator[str]:
    """The rows that the tables of the document have for what is declared."""
    for metric in Metric:
        declared = metric.value
        labels = "{" + ",".join(label.name for label in declared.labels) + "}" if declared.labels else ""
        yield f"| `{declared.name}{labels}` | {declared.kind} | {declared.help} |"
    for metric, events in ((Metric.EVENTS, CountedEvent), (Metric.CHANNEL_EVENTS, ChannelEvent)):
        for event in events:
            yield f"| `{metric.value.name}` | `{event}` | {event.help} |"


def test_the_tables_of_the_document_are_the_registry() -> None:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `huntgroup_")]
    assert rows == list(documented_rows())
