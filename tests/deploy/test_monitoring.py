"""Alerts and the dashboard: every name is one that a node exposes, every alert fires when it should, and Prometheus reads all of it from a node."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from conversation.ports.metrics import Metric
from ops.observability.metrics import Meters
from tests.deploy.front import free_ports
from tests.deploy.programs import DEPLOY, ROOT, program, replaced, run
from tests.serving import start, write_config

RULES = DEPLOY / "prometheus/alerts.yaml"
DASHBOARD = DEPLOY / "grafana/huntgroup.json"
CARDS = ROOT / "docs/alerts.md"
OWN = re.compile(r"\b((?:huntgroup|process|python)_\w+)(?:\{([^}]*)\})?")


def alerts() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"][0]["rules"]
    return rules


def queries() -> Iterator[str]:
    """Every expression of the dashboard, with what Grafana puts in place of its variables."""
    board = json.loads(DASHBOARD.read_text("utf-8"))
    written = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in [*written, *(one["expr"] for one in board["annotations"]["list"])]:
        yield expression.replace("$__rate_interval", "1m").replace("$job", ".+")


def exposed() -> set[str]:
    meters = Meters()
    names = {metric.value.name for metric in Metric}
    names |= {f"{metric.value.name}_bucket" for metric in Metric if metric.value.kind == "histogram"}
    return names | {s.name for f in text_string_to_metric_families(meters.text().decode()) for s in f.samples}


@pytest.mark.parametrize("expression", [*(rule["expr"] for rule in alerts()), *queries()])
def test_an_expression_names_metrics_and_labels_that_are_declared(expression: str) -> None:
    declared = {metric.value.name: metric.value for metric in Metric}
    for name, matchers in OWN.findall(expression):
        assert name in exposed()
        metric = declared.get(name.removesuffix("_bucket"))
        known = {one.name: one.values for one in metric.labels} if metric else {}
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', matchers) if metric else ():
            assert label == "job" or set(values.split("|")) <= set(known[label]), expression


def test_every_alert_has_a_card_that_says_the_same() -> None:
    cards = CARDS.read_text("utf-8")
    for rule in alerts():
        notes = rule["annotations"]
        card = cards.partition(f"## {rule['alert']}\n")[2].partition("\n## ")[0]
        assert notes["runbook_url"] == f"docs/alerts.md#{rule['alert'].lower()}"
        assert notes["description"] in card
        assert f"First: {notes['action']}" in card
    assert cards.count("\n## ") == len(alerts())


def test_promtool_finds_no_fault_in_the_files() -> None:
    assert run(program("promtool"), "check", "rules", str(RULES))[0] == 0
    assert run(program("promtool"), "check", "config", str(DEPLOY / "prometheus/prometheus.yaml"))[0] == 0


def test_each_alert_fires_on_series_that_deserve_it(tmp_path: Path) -> None:
    cases = Path(__file__).with_name("alerts.test.yaml")
    tested = {case["name"] for case in yaml.safe_load(cases.read_text("utf-8"))["tests"]}
    rules = yaml.safe_load(RULES.read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        del rule["annotations"]  # promtool would compare their words
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules), "utf-8")
    (tmp_path / "cases.yaml").write_text(cases.read_text("utf-8"), "utf-8")
    code, printed = run(program("promtool"), "test", "rules", "cases.yaml", cwd=tmp_path)

    assert code == 0, printed
    assert tested == {rule["alert"] for rule in alerts()}


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[str]:
    """The real server with deploy/prometheus, scraping this node every second; its address."""
    (port,) = free_ports(1)
    swaps = {"scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s"}
    swaps['"127.0.0.1:8080", "127.0.0.1:8081"'] = f'"{target}"'
    text = replaced((DEPLOY / "prometheus/prometheus.yaml").read_text("utf-8"), swaps)
    (folder / "prometheus.yaml").write_text(text, "utf-8")
    (folder / "alerts.yaml").write_text(RULES.read_text("utf-8"), "utf-8")
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={folder}/prometheus.yaml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        await process.wait()


async def asked(session: aiohttp.ClientSession, url: str, **query: str) -> Any:
    async with session.get(url, params=query) as answer:
        return (await answer.json())["data"] if answer.status == 200 else await answer.text()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_prometheus_reads_a_node_the_alerts_and_every_panel(tmp_path: Path) -> None:
    node = await start(write_config(tmp_path, f"sqlite:///{tmp_path}/node.db"), "serve", module="ops")
    async with prometheus(tmp_path, node.url.removeprefix("http://")) as api, aiohttp.ClientSession() as session:
        async with asyncio.timeout(120):
            while not await _scraped(session, api):
                await asyncio.sleep(0.2)
        rules = (await asked(session, f"{api}/rules"))["groups"][0]["rules"]
        panels = {query: await asked(session, f"{api}/query", query=query) for query in queries()}
        up = await asked(session, f"{api}/query", query='up{job="huntgroup"}')
    assert await node.stop() == 0

    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
    assert [query for query, answer in panels.items() if not isinstance(answer, dict)] == []
    assert [one["value"][1] for one in up["result"]] == ["1"]


async def _scraped(session: aiohttp.ClientSession, api: str) -> bool:
    """Whether rules were evaluated on what a node exposes."""
    try:
        found = await asked(session, f"{api}/query", query="huntgroup_event_loop_lag_seconds_count > 2")
        rules = await asked(session, f"{api}/rules")
    except aiohttp.ClientConnectionError:
        return False
    if not isinstance(found, dict) or not isinstance(rules, dict):
        return False
    return bool(found["result"]) and all(rule["health"] == "ok" for rule in rules["groups"][0]["rules"])
