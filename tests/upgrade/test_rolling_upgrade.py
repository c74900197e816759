"""From the previous release to this one and back, three nodes under load: nobody notices, and nothing is lost or doubled."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from tests.deploy.front import front
from tests.faults.readback import read_back
from tests.postgres import Postgres
from tests.serving import Api
from tests.upgrade.previous_release import commit, is_missing
from tests.upgrade.rolling import HEAD, Load, cluster, long_form, previous_release, this_release

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("rolling"),
    pytest.mark.skipif(is_missing(), reason="a shallow clone: the previous release is not in its history"),
]
ADMIN = "admin@example.com"


async def test_nodes_are_replaced_by_this_release_and_back_while_customers_write(
    postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    previous, this, database = previous_release(tmp_path), this_release(), postgres.create()
    each = 400 if long_form() else 40  # messages between two steps
    async with cluster(tmp_path, database, 3) as nodes:
        await previous.run(nodes.config, "migrate")
        await previous.run(nodes.config, "agent", "add", ADMIN, "--name", "Admin", "--role", "admin")
        token = (await previous.run(nodes.config, "agent", "token", ADMIN)).split()[-1]
        await asyncio.gather(*(nodes.replace(port, previous) for port in nodes.ports))
        async with front("nginx", nodes.ports) as proxy, asyncio.TaskGroup() as tasks:
            load = Load(proxy)
            tasks.create_task(load.run())
            await load.more(each)
            migrated = await this.run(nodes.config, "migrate")
            assert migrated.splitlines()[-1] == f"the schema is at {HEAD}"
            assert await nodes.ready() == [(200, "ok")] * 3  # the previous release on the new schema
            await load.more(each)
            for release in (this, previous):
                for port in nodes.ports:
                    await nodes.replace(port, release)
                    await nodes.takes_part(port)
                    await load.more(each)
            load.stop.set()
        async with aiohttp.ClientSession() as session:
            found = await read_back(Api(session, nodes.serving[nodes.ports[0]].url, token), load.ledger)
        assert [await one.stop() for one in nodes.serving.values()] == [0, 0, 0]
    with capsys.disabled():
        print(
            f"\nrolling upgrade {commit()[:7]} -> this -> {commit()[:7]}: {found.told()}, errors {len(load.failures)}"
        )
    assert load.failures == []
    assert found.clean, found
    assert found.acknowledged == found.stored >= 8 * each
    postgres.drop(database)
