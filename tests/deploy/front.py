"""Several nodes, and a real proxy in front of them that reads the file of deploy/ with the addresses of a test."""

import asyncio
import os
import signal
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.deploy.programs import DEPLOY, program, replaced
from tests.serving import Serving, start, write_config

HOST = "support.example"
CHAT = f"""
[channels.site]
kind = "webchat"
origins = ["https://{HOST}"]
attachment_bytes = 20971520
"""
Address = tuple[str, int]
_UPSTREAM = "    server 127.0.0.1:{} max_fails=1 fail_timeout=5s;\n"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@dataclass(slots=True)
class Nodes:
    """Two nodes of one configuration, at ports that stay theirs."""

    config: Path
    ports: tuple[int, int]
    token: str
    serving: list[Serving]

    async def restart(self, which: int) -> None:
        """Start one again."""
        self.serving[which] = await _node(self.config, self.ports[which])


async def _node(config: Path, port: int) -> Serving:
    return await start(config, "serve", "--listen", f"127.0.0.1:{port}", log=config.parent / "nodes.log", module="ops")


@asynccontextmanager
async def two_nodes(folder: Path, database: str, token: str) -> AsyncIterator[Nodes]:
    """Both serving; only 127.0.0.1 is believed as a proxy, so that the tests' other loopback addresses are customers'."""
    config = write_config(folder, database, signals="postgres", more=CHAT)
    text = config.read_text("utf-8")
    config.write_text(
        replaced(text, {'public_url = "http://127.0.0.1"': f'public_url = "https://{HOST}"\nproxies = ["127.0.0.1"]'})
    )
    first, second = free_ports(2)
    serving = list(await asyncio.gather(_node(config, first), _node(config, second)))
    nodes = Nodes(config, (first, second), token, serving)
    try:
        yield nodes
    finally:
        await asyncio.gather(*(one.kill() for one in nodes.serving if one.process.returncode is None))


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate of the host, and what believes it."""

    folder: Path
    authority: trustme.CA

    @classmethod
    def made(cls, folder: Path) -> "Certificates":
        """In files, as a proxy reads them."""
        authority = trustme.CA()
        issued = authority.issue_cert(HOST)
        issued.private_key_pem.write_to_path(folder / "privkey.pem")
        for pem in issued.cert_chain_pems:
            pem.write_to_path(folder / "fullchain.pem", append=True)
        return cls(folder, authority)

    def client(self) -> ssl.SSLContext:
        """Of whoever trusts the authority."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


class _Here(AbstractResolver):
    """The host is on this machine, at the proxy's port."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        assert (host, port) == (HOST, 443)
        found = ResolveResult(
            hostname=host,
            host="127.0.0.1",
            port=self._port,
            family=socket.AF_INET,
            proto=0,
            flags=socket.AI_NUMERICHOST,
        )
        return [found]

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Front:
    """A running proxy."""

    name: str
    port: int
    certificates: Certificates
    folder: Path
    process: int

    def session(self, address: str = "127.0.0.1", *, keep_alive: bool = True) -> aiohttp.ClientSession:
        """Of a customer at this address, who knows the public name only."""
        connector = aiohttp.TCPConnector(
            ssl=self.certificates.client(),
            resolver=_Here(self.port),
            local_addr=(address, 0),
            limit=0,
            force_close=not keep_alive,
        )
        return aiohttp.ClientSession(f"https://{HOST}", connector=connector, timeout=aiohttp.ClientTimeout(total=30))

    @asynccontextmanager
    async def without(self, node: int) -> AsyncIterator[None]:
        """nginx leaves out one node meanwhile, as an operator does: `down` in its file, and a reload."""
        site = self.folder / "huntgroup.conf"
        line, before = _UPSTREAM.format(node), site.read_text("utf-8")
        await self._reload(replaced(before, {line: line.replace(" max_fails", " down max_fails")}))
        yield
        await self._reload(before)

    async def _reload(self, site: str) -> None:
        """Until the workers that knew the former file have answered what they were asked, and are gone."""
        (self.folder / "huntgroup.conf").write_text(site, "utf-8")
        master = psutil.Process(self.process)
        before = set(master.children())
        master.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while before & set(master.children()):
                await asyncio.sleep(0.02)


def nginx(folder: Path, port: int, nodes: tuple[int, ...], certificates: Certificates) -> list[str]:
    """The command that starts it with deploy/nginx/huntgroup.conf."""
    (plain,) = free_ports(1)
    swaps = {
        "".join(map(_UPSTREAM.format, (8080, 8081))): "".join(map(_UPSTREAM.format, nodes)),
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/support.example": str(certificates.folder),
        "/var/log/nginx": str(folder),
    }
    site = replaced((DEPLOY / "nginx/huntgroup.conf").read_text("utf-8"), swaps)
    (folder / "huntgroup.conf").write_text(site, "utf-8")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    main = f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{places}access_log off;\ninclude huntgroup.conf;\n}}\n"
    (folder / "nginx.conf").write_text(main, "utf-8")
    return [program("nginx"), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]


def caddy(folder: Path, port: int, _nodes: tuple[int, ...], certificates: Certificates) -> list[str]:
    """The command that starts it with deploy/caddy/Caddyfile; addresses come by its environment."""
    site = "{$HUNTGROUP_SITE:support.example} {\n"
    swaps = {
        "{\n\tservers {": f"{{\n\tadmin off\n\tauto_https off\n\thttps_port {port}\n\tdefault_bind 127.0.0.1\n\tservers {{",
        site: f"{site}\ttls {certificates.folder}/fullchain.pem {certificates.folder}/privkey.pem\n",
    }
    (folder / "Caddyfile").write_text(replaced((DEPLOY / "caddy/Caddyfile").read_text("utf-8"), swaps), "utf-8")
    return [program("caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


Make = Callable[[Path, int, tuple[int, ...], Certificates], list[str]]
KINDS: Mapping[str, Make] = {"nginx": nginx, "caddy": caddy}


@asynccontextmanager
async def front(kind: str, nodes: tuple[int, ...]) -> AsyncIterator[Front]:
    """A proxy of this kind, serving until the end; its log is shown when it does not come up."""
    with tempfile.TemporaryDirectory(prefix="hg-front-") as name:
        folder = Path(name)
        (port,) = free_ports(1)
        certificates = Certificates.made(folder)
        command = KINDS[kind](folder, port, nodes, certificates)
        own = {"HUNTGROUP_NODES": " ".join(f"127.0.0.1:{one}" for one in nodes), "HOME": name, "XDG_DATA_HOME": name}
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=os.environ | own)
        try:
            await _listening(process, port, folder / "log")
            yield Front(kind, port, certificates, folder, process.pid)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                assert process.returncode is None, log.read_text("utf-8")
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
