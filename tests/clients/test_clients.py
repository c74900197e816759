"""Clients that others generate from the documents, and hostile ones: the real generators, compilers and checkers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from openapi_spec_validator import validate

from tests.faults.ledger import signed
from tests.postgres import Postgres
from tests.serving import ROOT, Serving, furnished, start, write_config

HERE = Path(__file__).parent
NODE = ROOT / ".run/clients"
BIN = Path(sys.executable).parent
needs_npm = pytest.mark.skipif(not (NODE / ".made").exists(), reason="no npm here: tests/clients/install")
CHANNELS = '[channels.site]\nkind = "webchat"\n[channels.phone]\nkind = "callback"\n'
USE = """
import sys
sys.path.insert(0, sys.argv[1])
from huntgroup_client import AuthenticatedClient
from huntgroup_client.api.conversations import list_conversations
from huntgroup_client.api.me import me, set_presence
from huntgroup_client.models import PresenceIn, PresenceInState
from huntgroup_client.models.presence import Presence

client = AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3], raise_on_unexpected_status=True)
assert me.sync(client=client).role == "admin"
assert set_presence.sync(client=client, body=PresenceIn(state=PresenceInState.AWAY)).state is Presence.AWAY
assert list_conversations.sync(client=client, limit=1).items == []
"""


KNOWN = """
[[operations]]
include-path-regex = "^/api/v1/conversations/"
parameters = {{ "path.id" = "{conversation}" }}
"""


@pytest.fixture
async def served(postgres: Postgres, tmp_path: Path) -> AsyncIterator[tuple[Serving, str]]:
    """A node on PostgreSQL, and the token of an admin."""
    url = postgres.create()
    token = await furnished(url)
    serving = await start(write_config(tmp_path, url, more=CHANNELS), "serve", module="ops", log=tmp_path / "log")
    yield serving, token
    await serving.stop()
    postgres.drop(url)


async def document(serving: Serving, name: str, folder: Path) -> Path:
    async with aiohttp.ClientSession() as session, session.get(f"{serving.url}/api/v1/{name}") as answer:
        path = folder / name
        path.write_bytes(await answer.read())
    return path


async def run(*command: str | Path, cwd: Path, **more: str) -> tuple[int, str]:
    started = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | more,
        stdout=asyncio.subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await asyncio.wait_for(started.communicate(), 240)
    return started.returncode or 0, printed.decode(errors="replace")


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_generated_python_client_works_against_a_node(served: tuple[Serving, str], tmp_path: Path) -> None:
    serving, token = served
    spec = await document(serving, "openapi.json", tmp_path)
    validate(json.loads(spec.read_text("utf-8")))
    made = "openapi-python-client", "generate", "--path", spec, "--meta", "none", "--output-path", "huntgroup_client"

    assert await _generated(*made, "--fail-on-warning", cwd=tmp_path)
    code, printed = await run(sys.executable, "-c", USE, tmp_path, serving.url, token, cwd=tmp_path)
    assert code == 0, printed


async def _generated(*command: str | Path, cwd: Path) -> bool:
    code, printed = await run(*command, cwd=cwd)
    assert code == 0, printed
    return True


@pytest.mark.slow
@needs_npm
@pytest.mark.timeout(300)
async def test_typescript_demands_nothing_optional_in_strict_mode(served: tuple[Serving, str], tmp_path: Path) -> None:
    spec = await document(served[0], "openapi.json", tmp_path)
    (tmp_path / "strict.ts").write_text((HERE / "strict.ts").read_text("utf-8"), encoding="utf-8")

    assert await _generated(NODE / "node_modules/.bin/openapi-typescript", spec, "-o", "api.d.ts", cwd=tmp_path)
    code, printed = await run(
        NODE / "node_modules/.bin/tsc",
        "--strict",
        "--noEmit",
        "--exactOptionalPropertyTypes",
        "strict.ts",
        cwd=tmp_path,
    )
    assert code == 0, printed


@pytest.mark.slow
@needs_npm
async def test_the_document_of_the_sockets_is_asyncapi(served: tuple[Serving, str], tmp_path: Path) -> None:
    spec = await document(served[0], "asyncapi.json", tmp_path)
    code, printed = await run("node", HERE / "asyncapi.mjs", NODE, spec, cwd=tmp_path)

    assert code == 0, printed


async def _one_conversation(serving: Serving) -> str:
    """Of a customer who wrote over a hook: its id."""
    body = json.dumps({"id": "1", "from": {"id": "7"}, "text": "my top up is missing"}).encode()
    headers = {"Content-Type": "application/json", **signed("1", body)}
    hook = f"{serving.url}/hooks/app"
    async with aiohttp.ClientSession() as session, session.post(hook, data=body, headers=headers) as answer:
        return str((await answer.json())["items"][0]["conversation"])


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_schemathesis_finds_no_answer_that_the_document_does_not_promise(
    served: tuple[Serving, str], tmp_path: Path
) -> None:
    serving, token = served
    conversation = await _one_conversation(serving)
    (tmp_path / "schemathesis.toml").write_text(KNOWN.format(conversation=conversation), encoding="utf-8")
    long = os.environ.get("HUNTGROUP_FAULTS") == "long"
    command = (
        "schemathesis", "run", f"{serving.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "200" if long else "4", "--seed", "1",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--exclude-operation-id", "logout", "--exclude-operation-id", "events", "--no-color", "--workers", "2",
    )  # fmt: skip
    code, printed = await run(*command, cwd=tmp_path)

    assert code == 0, printed[-8000:]
