"""What a stranger sees: a clean clone in an empty home, `make run`, a chat held, SIGTERM, then `make test`.

    python3 tests/fresh/clone.py [--skip-tests] [--everywhere]

Standard library only. `--everywhere` also looks for files written anywhere on this disk: for a machine on which nothing else runs.
"""

import argparse
import http.cookiejar
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHES = (".cache/uv", ".cache/pip", ".local/share/uv")
PATIENCE = 600.0


def say(what: str) -> None:
    print(f"[fresh] {what}", flush=True)


def cloned(folder: Path) -> Path:
    """The committed main, cloned."""
    clone = folder / "huntgroup"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    return clone


def environment(folder: Path) -> dict[str, str]:
    """An empty home, a temporary folder of its own, and of the rest only what reaches the package registries."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "LANG")
        or name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_", "HTTP", "http", "no_proxy", "NO_PROXY"))
    }
    # pip asks `rustc` for its version to describe itself, and where that is rustup's stand-in it writes into the home: not our doing
    kept["PATH"] = os.pathsep.join(
        part for part in kept["PATH"].split(os.pathsep) if not (Path(part) / "rustc").exists()
    )
    home, scratch = folder / "home", folder / "scratch"
    home.mkdir()
    scratch.mkdir()
    return {**kept, "HOME": str(home), "TMPDIR": str(scratch)}


@contextmanager
def running(clone: Path, env: dict[str, str]) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """`make run` until it has printed where to look: the addresses by name."""
    port = _free_port()
    process = subprocess.Popen(
        ["make", "run"],
        cwd=clone,
        env={
            **env,
            "HUNTGROUP_SERVICE__LISTEN": f"127.0.0.1:{port}",
            "HUNTGROUP_SERVICE__PUBLIC_URL": f"http://127.0.0.1:{port}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield _addresses(process), process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)  # make and what it runs: our own session


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _addresses(process: subprocess.Popen[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    assert process.stdout is not None
    deadline = time.monotonic() + PATIENCE
    for line in process.stdout:
        print("  |", line.rstrip())
        match = re.match(r"\s+(chat page|console)\s+(http\S+)", line)
        if match:
            found[match[1]] = match[2]
        if len(found) == 2:
            return found
        if time.monotonic() > deadline:
            break
    raise SystemExit("[fresh] FAILED: no addresses were printed")


class Browser:
    """Enough of a browser: cookies, an Origin, JSON."""

    def __init__(self, base: str) -> None:
        self.base = base
        jar = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar)).open

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Any:
        request = urllib.request.Request(self.base + path, method=method)
        request.add_header("Origin", self.base)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with self._open(request, data, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()


def hold_a_chat(addresses: dict[str, str]) -> None:
    """The printed login logs in; a customer asks in Chinese; the agent is offered it, answers; the customer reads it."""
    base, _, login = addresses["console"].partition("/desk/?login=")
    agent, customer = Browser(base), Browser(base)
    agent.ask("POST", "/api/v1/login", {"token": login})
    who = agent.ask("GET", "/api/v1/me")
    say(f"logged in as {who['name']}")
    page = customer.ask("GET", addresses["chat page"].removeprefix(base))
    assert "<html" in page, "the chat page is no page"
    token = customer.ask("POST", "/chat/site/sessions", {})["token"]
    agent.ask("PUT", "/api/v1/me/presence", {"state": "online"})
    told = customer.ask(
        "POST", "/chat/site/messages", {"id": str(uuid.uuid4()), "text": "充值不成功,钱扣了没到账"}, token
    )
    path = f"/api/v1/conversations/{told['conversation']}"
    conversation = agent.ask("GET", path)
    deadline = time.monotonic() + 10
    while conversation["state"] == "waiting" and time.monotonic() < deadline:
        time.sleep(0.2)
        conversation = agent.ask("GET", path)
    say(
        f"{conversation['reference']} is {conversation['state']} in {conversation['queue']}, {conversation['language']}"
    )
    assert conversation["language"] == "zh"
    assert conversation["queue"] == "payments"
    assert conversation["state"] == "offered"
    agent.ask("POST", path + "/take", {})
    agent.ask("POST", path + "/messages", {"id": str(uuid.uuid4()), "text": "您好,我来查一下。"})
    heard = customer.ask("GET", "/chat/site/messages?after=0", token=token)["items"]
    assert any(one["text"] == "您好,我来查一下。" for one in heard), heard
    say("the customer has the answer")


def stopped(process: subprocess.Popen[str]) -> int:
    """SIGTERM to huntgroup itself; `make` ends with its exit code."""
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    for pid in children.stdout.split():
        os.kill(int(pid), signal.SIGTERM)
    return process.wait(40)


def strays(folder: Path, env: dict[str, str]) -> list[str]:
    """What was written outside the clone and the package caches."""
    found = []
    for place in (Path(env["HOME"]), Path(env["TMPDIR"])):
        for path in place.rglob("*"):
            name = path.relative_to(place).as_posix()
            if path.is_file() and not name.startswith(CACHES):
                found.append(str(path.relative_to(folder)))
    return found


def written_elsewhere(since: Path, folder: Path) -> list[str]:
    """Every file of this disk that is newer than the beginning, outside the folder of this run."""
    skip = ["/proc", "/sys", "/dev", "/run", str(folder)]
    prune = " -o ".join(f"-path {place}" for place in skip)
    done = subprocess.run(
        f"find / -xdev \\( {prune} \\) -prune -o -type f -newer {since} -print",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def browserless_fails(clone: Path, env: dict[str, str]) -> bool:
    """Under CI=true a missing browser is a failure."""
    bare = {**env, "CI": "true", "PATH": str(clone / ".venv/bin")}
    done = subprocess.run(
        [str(clone / ".venv/bin/python"), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/browser"],
        cwd=clone, env=bare, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    print("  |", "\n  | ".join(done.stdout.strip().splitlines()[-3:]))
    return done.returncode != 0 and "Chromium" in done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--skip-tests", action="store_true")
    parser.add_argument("--everywhere", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="huntgroup-fresh-") as name:
        folder = Path(name)
        clone, env = cloned(folder), environment(folder)
        since = folder / "since"
        since.touch()
        began = time.monotonic()
        with running(clone, env) as (addresses, process):
            say(f"serving after {time.monotonic() - began:.0f} s")
            hold_a_chat(addresses)
            code = stopped(process)
        say(f"SIGTERM: exit code {code}")
        odd = strays(folder, env) + (written_elsewhere(since, folder) if args.everywhere else [])
        say(f"written outside the clone and the package caches: {odd or 'nothing'}")
        if code or odd:
            return 1
        if not args.skip_tests:
            began = time.monotonic()
            tests = subprocess.run(["make", "test"], cwd=clone, env={**env, "CI": "true"}, check=False).returncode
            say(f"make test: exit code {tests} after {time.monotonic() - began:.0f} s")
            failing = browserless_fails(clone, env)
            say(f"without a browser, under CI=true: {'fails, as it must' if failing else 'DOES NOT FAIL'}")
            return 1 if tests or not failing else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
