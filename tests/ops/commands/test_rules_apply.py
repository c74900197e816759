"""`rules apply --wait`: two served nodes follow, and one that does not is named."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from ops.composition.node_identity import NodeIdentity
from ops.composition.node_registry import NodeRegistry, nodes_without
from storage.store import Store
from tests.postgres import Postgres
from tests.serving import Serving, environment, furnished, huntgroup, start, write_config

pytestmark = pytest.mark.timeout(240)


async def test_a_node_shows_the_rules_that_it_decides_by_and_no_earlier_ones(store: Store) -> None:
    revision = "r1"
    node = NodeRegistry(store, NodeIdentity(name="a", key="a", process="p"), is_alone=False, revision=lambda: revision)
    async with node.registered():
        assert await nodes_without(store, "r1") == ({"a"}, set())
        revision = "r2"
        await node._renew()
        assert await nodes_without(store, "r1") == ({"a"}, {"a"})
        assert await nodes_without(store, "r2") == ({"a"}, set())
    assert await nodes_without(store, "r2") == (set(), set())


@pytest.mark.slow
async def test_a_deployment_waits_until_every_node_decides_by_its_rules(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create()
    await furnished(url)
    configs, nodes = [], list[Serving]()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        configs.append(write_config(tmp_path / name, url, signals="postgres"))
        nodes.append(await start(configs[-1], "serve", module="ops", log=tmp_path / name / "log"))
    new = configs[0].with_name("new.toml")
    new.write_text(re.sub(r"(?m)^\[queues.general\]$", "[queues.general]\n[queues.vip]", configs[0].read_text()))
    printed = await asyncio.to_thread(huntgroup, configs[0], "rules", "apply", str(new), "--wait")
    assert printed.splitlines()[-1] == "2 of 2 nodes decide by it"
    assert printed.startswith("* ")

    await nodes[1].kill()  # it is counted as living for 20 seconds, and follows nothing
    new.write_text(new.read_text().replace("vip", "gold"))
    waiting = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ops", "--config", str(configs[0]), "rules", "apply", str(new), "--wait", "--timeout", "6s",
        env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await waiting.communicate()
    assert (waiting.returncode, b"these nodes do not decide by it" in errors) == (1, True)
    assert await nodes[0].stop() == 0
    postgres.drop(url)
