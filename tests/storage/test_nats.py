"""NATS as operators run it: clusters, TLS, every way to be known, and two installations on one cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trustme

from conversation.model.events import Hint, Topic
from conversation.ports.channel import Listening, Signals
from storage.signals import open_signals
from storage.signals.links import reach
from storage.signals.nats_credentials import read_credentials
from storage.signals.nats_options import NatsOptions
from storage.signals.relay import Unreachable
from tests.fakes import FakeClock
from tests.ports import free_port
from tests.storage.nats_users import operator_mode
from tests.storage.test_signals import heard_of, nats_server

NOBODY = NatsOptions()


@asynccontextmanager
async def node(spec: str, options: NatsOptions = NOBODY) -> AsyncIterator[tuple[Signals, Listening]]:
    """A started node and its mailbox, connected."""
    signals = open_signals(spec, database="", clock=FakeClock(), nats=options)
    async with signals.subscribe(*Topic) as mailbox:
        await signals.start()
        assert set(await mailbox.wait(20)) == set(Topic)
        yield signals, mailbox
    await signals.stop()


async def reaches(spec: str, options: NatsOptions = NOBODY) -> None:
    await reach(spec, database="", nats=options)


async def test_nodes_go_to_the_other_server_when_theirs_is_killed() -> None:
    ports, routes = [free_port(), free_port()], [free_port(), free_port()]
    with ExitStack() as second, ExitStack() as first:
        for at, stack in enumerate((first, second)):
            cluster = ("--cluster", f"nats://127.0.0.1:{routes[at]}", "--routes", f"nats://127.0.0.1:{routes[1 - at]}")
            stack.enter_context(nats_server(ports[at], *cluster, "--cluster_name", "t", "--no_advertise"))
        spec = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
        async with node(spec) as (here, _), node(spec) as (_, there):
            first.close()
            async with asyncio.timeout(30):
                while True:
                    here.publish(Hint(topic=Topic.RULES, keys=("x",)))
                    heard = await there.wait(0.2)
                    if Hint(topic=Topic.RULES, keys=("x",)) in heard.get(Topic.RULES, ()):
                        break


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """(the authority's file, arguments of a server with a certificate of 127.0.0.1)."""
    folder, authority = tmp_path_factory.mktemp("tls"), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "cert.pem", append=True)
    return folder / "ca.pem", ["--tls", "--tlscert", str(folder / "cert.pem"), "--tlskey", str(folder / "key.pem")]


async def test_a_private_authority_is_trusted_where_it_is_named(certificates: tuple[Path, list[str]]) -> None:
    ca, tls = certificates
    port = free_port()
    with nats_server(port, *tls, "--user", "anna", "--pass", "right"):
        known = NatsOptions(ca=ca, user="anna", password="right")
        async with (
            node(f"tls://127.0.0.1:{port}", known) as (first, _),
            node(f"tls://127.0.0.1:{port}", known) as (_, it),
        ):
            first.publish(Hint(topic=Topic.FEED, keys=("x",)))
            assert await heard_of(it, Topic.FEED) == [Hint(topic=Topic.FEED, keys=("x",))]
        with pytest.raises(Unreachable, match="certificate is not trusted"):
            await reaches(f"tls://127.0.0.1:{port}", NatsOptions(user="anna", password="right"))


async def test_credentials_do_not_leave_without_the_tls_that_was_asked_for(
    certificates: tuple[Path, list[str]],
) -> None:
    said, done = [], asyncio.Event()

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.12.0","proto":1,"max_payload":1048576}\r\n')
        said.append(await reader.read(65536))
        writer.close()
        done.set()

    async with await asyncio.start_server(impostor, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match="offers no TLS"):
            await reaches(f"tls://127.0.0.1:{port}", NatsOptions(ca=certificates[0], user="anna", password="secret"))
        await done.wait()
    assert said == [b""]


@pytest.mark.parametrize(
    ("server", "right", "wrong"),
    [
        (["--user", "anna", "--pass", "right"], NatsOptions(user="anna", password="right"), NatsOptions(user="anna", password="no")),
        (["--auth", "right"], NatsOptions(token="right"), NatsOptions(token="no")),
        (["--auth", "right"], NatsOptions(token="right"), NOBODY),
    ],
)  # fmt: skip
async def test_who_is_not_known_is_refused_in_words(server: list[str], right: NatsOptions, wrong: NatsOptions) -> None:
    port = free_port()
    with nats_server(port, *server):
        await reaches(f"nats://127.0.0.1:{port}", right)
        with pytest.raises(Unreachable, match="our credentials are refused"):
            await reaches(f"nats://127.0.0.1:{port}", wrong)


async def test_a_user_of_an_operator_signs_the_servers_challenge(tmp_path: Path) -> None:
    _, strangers = operator_mode(tmp_path)
    file, credentials = operator_mode(tmp_path)
    port = free_port()
    with nats_server(port, "--config", str(file)):
        known = NatsOptions(credentials=credentials)
        async with (
            node(f"nats://127.0.0.1:{port}", known) as (first, _),
            node(f"nats://127.0.0.1:{port}", known) as (_, it),
        ):
            first.publish(Hint(topic=Topic.FEED, keys=("x",)))
            assert await heard_of(it, Topic.FEED) == [Hint(topic=Topic.FEED, keys=("x",))]
        with pytest.raises(Unreachable, match="our credentials are refused"):
            await reaches(f"nats://127.0.0.1:{port}", NatsOptions(credentials=strangers))


DAMAGED = (
    "-----BEGIN NATS USER JWT-----\nhidden\n------END NATS USER JWT------\n"
    "-----BEGIN USER NKEY SEED-----\nSUHIDDEN\n------END USER NKEY SEED------\n"
)


@pytest.mark.parametrize("text", ["", "hidden", DAMAGED])
def test_damaged_credentials_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.creds file") as refused:
        read_credentials(text)
    assert "hidden" not in str(refused.value).lower()


async def test_installations_with_prefixes_of_their_own_do_not_hear_each_other() -> None:
    port = free_port()
    spec = f"nats://127.0.0.1:{port}"
    one, other = NatsOptions(prefix="support.eu"), NatsOptions(prefix="support.us")
    with nats_server(port):
        async with node(spec, one) as (first, _), node(spec, one) as (_, there), node(spec, other) as (_, stranger):
            first.publish(Hint(topic=Topic.FEED, keys=("x",)))
            assert await heard_of(there, Topic.FEED) == [Hint(topic=Topic.FEED, keys=("x",))]
            assert await stranger.wait(0.2) == {}
