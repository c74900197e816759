"""deploy/compose.yaml: no engine runs here, so its services are started as processes, by its own commands, environment and order."""

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from ops.__main__ import _parser
from tests.deploy.containerfile import stages
from tests.deploy.front import HOST, Front, free_ports, front
from tests.deploy.programs import DEPLOY, program, run
from tests.deploy.test_image import passes
from tests.postgres import Postgres
from tests.serving import furnished

FILE = DEPLOY / "compose.yaml"
HUNTGROUP = str(Path(sys.executable).parent / "huntgroup")
OWN = {"Origin": f"https://{HOST}"}


def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return read


SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("huntgroup:")}


def test_every_secret_volume_and_service_that_is_named_is_declared() -> None:
    file = compose()
    for service in SERVICES.values():
        assert set(service.get("secrets", ())) <= file["secrets"].keys()
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
        named = [mount.partition(":")[0] for mount in service.get("volumes", ())]
        assert {name for name in named if not name.startswith(".")} <= file["volumes"].keys()
    read = set(re.findall(r"/run/secrets/(\w+)", FILE.read_text("utf-8")))
    assert read == file["secrets"].keys()


def test_what_is_mounted_or_built_from_here_exists() -> None:
    made_by_the_operator = {"./config"}
    mounts = {mount.partition(":")[0] for one in SERVICES.values() for mount in one.get("volumes", ())}

    assert {name for name in mounts if name.startswith(".") and not (DEPLOY / name).exists()} == made_by_the_operator
    assert all((DEPLOY / one["build"]["context"] / one["build"]["dockerfile"]).exists() for one in OURS.values())


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_container_of_ours_has_no_rights_and_writes_to_its_volume_only(name: str) -> None:
    service = OURS[name]

    assert (service["read_only"], service["cap_drop"], service["tmpfs"]) == (True, ["ALL"], ["/tmp"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount for mount in service["volumes"] if not mount.endswith(":ro")] == ["attachments:/var/lib/huntgroup"]
    assert _parser(service["command"][0]).parse_args(service["command"]).command == service["command"][0]


def test_no_node_starts_before_the_schema_and_each_has_the_time_to_drain() -> None:
    nodes = {name: one for name, one in OURS.items() if one["command"] == ["serve"]}

    assert {one["depends_on"]["migrate"]["condition"] for one in nodes.values()} == {"service_completed_successfully"}
    assert {one["stop_grace_period"] for one in nodes.values()} == {"45s"}
    assert all("/readyz" in one["healthcheck"]["test"][-1] for one in nodes.values())
    assert SERVICES["caddy"]["environment"]["HUNTGROUP_NODES"] == " ".join(f"{name}:8080" for name in nodes)


class Machine:
    """Where the services' folders, names and ports are on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nats, *self.nodes = free_ports(3)
        for name in ("secrets", "data", "config"):
            (folder / name).mkdir()

    def here(self, text: str) -> str:
        """A text of the file, as it is here."""
        for there, here in {
            "/run/secrets": f"{self.folder}/secrets",
            "/var/lib/huntgroup": f"{self.folder}/data",
            "/etc/huntgroup": f"{self.folder}/config",
            "nats:4222": f"127.0.0.1:{self.nats}",
            "${HUNTGROUP_SITE:-localhost}": HOST,
            "172.30.7.0/24": "127.0.0.1",
        }.items():
            text = text.replace(there, here)
        return text

    def environment(self, service: dict[str, Any]) -> dict[str, str]:
        """Of the image, then of the service; nothing of this shell but where its programs are."""
        given = stages()[-1].environment | service["environment"]
        kept = {"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(self.folder / "pyc")}
        return {name: self.here(value) for name, value in given.items() if name != "PYTHONDONTWRITEBYTECODE"} | kept

    async def start(self, name: str, port: int = 0) -> asyncio.subprocess.Process:
        """One service of ours."""
        own = self.environment(SERVICES[name]) | {"HUNTGROUP_SERVICE__LISTEN": f"127.0.0.1:{port}"}
        with (self.folder / f"{name}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                HUNTGROUP, *SERVICES[name]["command"], cwd=self.folder / "data", env=own,
                stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip


@asynccontextmanager
async def hints(machine: Machine) -> AsyncIterator[None]:
    """NATS with the file's arguments, on loopback."""
    given = [str(one) for one in SERVICES["nats"]["command"]]
    there = {"0.0.0.0": "127.0.0.1", "4222": str(machine.nats)}
    process = await asyncio.create_subprocess_exec(
        program("nats-server"), *(there.get(one, one) for one in given), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


def _secrets(machine: Machine, postgres: Postgres) -> str:
    """As the head of the file makes them, for a role and a database of the names that it gives."""
    given = SERVICES["postgres"]["environment"]
    user, name = given["POSTGRES_USER"], f"compose_{os.getpid()}"
    postgres.run(f"CREATE ROLE {user} LOGIN PASSWORD 'secret'", f"CREATE DATABASE {name} OWNER {user}")
    url = f"postgresql://{user}:secret@/{name}?host={postgres.folder}"
    (machine.folder / "secrets/database_url").write_text(f"{url}\n")
    (machine.folder / "secrets/metrics_token").write_text("a-token-of-metrics\n")
    return url


def _init(machine: Machine) -> None:
    """By the command that the head of the file gives."""
    (line,) = [line for line in FILE.read_text("utf-8").splitlines() if " huntgroup:local " in line and "init" in line]
    arguments = shlex.split(line.partition(" huntgroup:local ")[2])
    code, printed = run(HUNTGROUP, "--config", str(machine.folder / "config/config.toml"), *arguments)
    assert code == 0, printed


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("proxies")
async def test_its_services_serve_together(postgres: Postgres, tmp_path: Path) -> None:
    if postgres.address:
        pytest.skip("this PostgreSQL belongs to somebody else: no role is made in it")
    machine = Machine(tmp_path)
    url = _secrets(machine, postgres)
    _init(machine)
    migrate = await machine.start("migrate")
    assert await migrate.wait() == 0, (tmp_path / "migrate.log").read_text()
    token = await furnished(url)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hints(machine))
        started = [machine.start(name, port) for name, port in zip(("node1", "node2"), machine.nodes, strict=True)]
        nodes = await asyncio.gather(*started)
        for node in nodes:
            stack.callback(_end, node)
            assert node.stdout is not None
            assert (await asyncio.wait_for(node.stdout.readline(), 60)).startswith(b"ready ")
        proxy = await stack.enter_async_context(front("caddy", (machine.nodes[0], machine.nodes[1])))
        for name, port in zip(("node1", "node2"), machine.nodes, strict=True):
            assert await asyncio.to_thread(passes, OURS[name]["healthcheck"]["test"][1:], port)
        await _a_message_arrives_at_the_other_node(proxy, machine, token)
        for node in nodes:
            node.terminate()
        assert [await asyncio.wait_for(node.wait(), 45) for node in nodes] == [0, 0]
    postgres.drop(postgres.url(url.split("@/", 1)[1].partition("?")[0]))


def _end(node: asyncio.subprocess.Process) -> None:
    if node.returncode is None:
        node.kill()


async def _a_message_arrives_at_the_other_node(proxy: Front, machine: Machine, token: str) -> None:
    """A customer writes through the proxy; agents on both nodes hear of it, by hints over NATS."""
    agent = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=agent) as direct, proxy.session() as customer:
        sockets = [await direct.ws_connect(f"http://127.0.0.1:{port}/api/v1/events") for port in machine.nodes]
        async with customer.post("/chat/site/sessions", json={}, headers=OWN) as answer:
            visitor = {"Authorization": f"Bearer {(await answer.json())['token']}", **OWN}
        message = {"id": "first", "text": "Hello"}
        async with customer.post("/chat/site/messages", json=message, headers=visitor) as answer:
            assert answer.status == 200, await answer.text()
            conversation = (await answer.json())["conversation"]
        async with asyncio.timeout(60):
            for socket in sockets:
                while conversation not in json.dumps(await socket.receive_json()):
                    pass
                await socket.close()
        async with direct.get(f"http://127.0.0.1:{machine.nodes[0]}/metrics") as answer:
            assert answer.status == 200
