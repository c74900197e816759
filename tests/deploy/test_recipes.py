"""Numbers that stand in the recipes for proxies and in the program: they are the same."""

from typing import Any

import pytest
import yaml

from channels.webchat.chat_socket import HEARTBEAT
from desk.api.attachments import LARGEST_UPLOAD
from tests.deploy.programs import DEPLOY, program, run


def test_a_socket_is_pinged_twice_before_nginx_would_cut_it() -> None:
    text = (DEPLOY / "nginx/huntgroup.conf").read_text("utf-8")

    assert "proxy_read_timeout 60s;" in text
    assert HEARTBEAT * 2 < 60


@pytest.mark.parametrize(
    ("file", "written"),
    [("nginx/huntgroup.conf", "20544k;"), ("caddy/Caddyfile", "20544KiB"), ("traefik/huntgroup.yaml", "21037056")],
)
def test_a_proxys_limit_is_the_limit_of_an_upload(file: str, written: str) -> None:
    assert LARGEST_UPLOAD + 64 * 1024 == 20544 * 1024 == 21037056
    assert written in (DEPLOY / file).read_text("utf-8")


def _traefik(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((DEPLOY / "traefik" / name).read_text("utf-8"))
    return read


def test_what_traefiks_routers_name_is_declared() -> None:
    fixed, http = _traefik("traefik.yaml"), _traefik("huntgroup.yaml")["http"]

    assert fixed["providers"]["file"]["filename"].endswith("/huntgroup.yaml")
    for router in http["routers"].values():
        assert set(router["entryPoints"]) <= fixed["entryPoints"].keys()
        assert router["tls"]["certResolver"] in fixed["certificatesResolvers"]
        assert set(router["middlewares"]) <= http["middlewares"].keys()
        assert http["services"][router["service"]]["loadBalancer"]["serversTransport"] in http["serversTransports"]


def test_traefik_does_not_cut_sockets_and_buffers_uploads_only() -> None:
    fixed, http = _traefik("traefik.yaml"), _traefik("huntgroup.yaml")["http"]
    buffered = {name for name, router in http["routers"].items() if "huntgroup-upload-limit" in router["middlewares"]}

    assert fixed["entryPoints"]["https"]["transport"]["respondingTimeouts"]["writeTimeout"] == "0s"
    assert buffered == {"huntgroup-uploads"}


def test_caddys_file_is_formatted_as_caddy_formats_it() -> None:
    assert run(program("caddy"), "fmt", str(DEPLOY / "caddy/Caddyfile"))[0] == 0
