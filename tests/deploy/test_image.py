"""The Containerfile: what it copies and starts, and the image itself, made by its own steps and run as a container would be."""

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
import urllib.request
from pathlib import Path

import psutil
import pytest

from ops.__main__ import _parser
from tests.deploy.containerfile import build, debootstrapped, running, stages, words
from tests.deploy.front import free_ports
from tests.deploy.programs import ROOT
from tests.serving import SECRET, write_config

BUILD, FINAL = stages()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = {source for given in BUILD.all("COPY") for source in given.split()[:-1]}

    assert {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md", "LICENSE"} <= copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_what_builds_the_wheel_is_pinned_with_its_hashes() -> None:
    pinned = (ROOT / "requirements/build.txt").read_text("utf-8")

    assert set(PROJECT["build-system"]["requires"]) == {(ROOT / "requirements/build.in").read_text("utf-8").strip()}
    assert re.search(r"^hatchling==[\d.]+ \\\n +--hash=sha256:", pinned, re.MULTILINE)
    assert all("--require-hashes" in step for step in BUILD.all("RUN") if "install" in step and "-r " in step)


def test_the_image_serves_as_a_user_without_rights() -> None:
    _, *arguments = words(FINAL.last("ENTRYPOINT")) + words(FINAL.last("CMD"))

    assert int(FINAL.last("USER").partition(":")[0]) > 1000
    assert FINAL.last("STOPSIGNAL") == "SIGTERM"
    assert _parser("serve").parse_args(arguments).command == "serve"
    assert FINAL.environment["HUNTGROUP_SERVICE__LISTEN"].endswith(f":{FINAL.last('EXPOSE')}")


HEALTH_CHECK = words(FINAL.last("HEALTHCHECK").partition(" CMD ")[2])


def passes(check: list[str], port: int) -> bool:
    """What a health check of a container finds, at another port."""
    assert "127.0.0.1:8080/" in check[-1]
    moved = [*check[:-1], check[-1].replace(":8080", f":{port}")]
    return subprocess.run(moved, stderr=subprocess.DEVNULL, check=False, timeout=30).returncode == 0


def test_the_health_check_asks_for_life_and_fails_where_nobody_serves() -> None:
    assert "/healthz" in HEALTH_CHECK[-1]  # a node that waits for its database is not to be replaced
    assert not passes(HEALTH_CHECK, free_ports(1)[0])


@pytest.mark.skipif(os.environ.get("HUNTGROUP_FAULTS") != "long", reason="takes minutes and 1 GB: make faults")
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can make a root file system")
@pytest.mark.timeout(2400)
def test_an_image_made_by_the_steps_serves_read_only_and_stops_when_asked(tmp_path: Path) -> None:
    root = build(tmp_path, debootstrapped())
    (tmp_path / "etc").mkdir()
    (tmp_path / "data").mkdir()
    tmp_path.chmod(0o755)
    (port,) = free_ports(1)
    write_config(tmp_path / "etc", "sqlite:///node.db", listen="127.0.0.1:1")
    config = tmp_path / "etc/config.toml"
    config.write_text(config.read_text("utf-8").replace(str(tmp_path / "etc/files"), "files"))
    more = {"HUNTGROUP_SERVICE__LISTEN": f"127.0.0.1:{port}", "FAULT_SECRET": f"whsec_{SECRET}"}

    with running(root, tmp_path, more) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline().removeprefix("ready "))["url"]
        with urllib.request.urlopen(f"{url}/desk/", timeout=10) as page:
            assert page.status == 200
        assert passes(HEALTH_CHECK, port)
        (node,) = psutil.Process(process.pid).children()
        assert (node.uids().effective, node.gids().effective) == (10001, 10001)
        os.kill(node.pid, signal.SIGTERM)
        assert process.wait(40) == 0
    assert (tmp_path / "data/node.db").stat().st_uid == 10001

    with running(
        root, tmp_path, more, "sh", "-c", "touch /opt/huntgroup/x 2>&1; touch /etc/huntgroup/x 2>&1; touch /tmp/x"
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read().count("Read-only file system") == 2
