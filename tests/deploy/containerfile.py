"""The steps of the Containerfile, and what follows them in a root file system of Debian: no image can be fetched where tests run."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.deploy.programs import ROOT, program

FILE = ROOT / "Containerfile"
BASE = ROOT / ".run/deploy/trixie"


@dataclass(slots=True)
class Stage:
    """One stage: what it is called, its steps in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """The arguments of each step of this kind."""
        return [given for kind, given in self.steps if kind == instruction]

    def last(self, instruction: str) -> str:
        """The one that counts."""
        return self.all(instruction)[-1]

    @property
    def environment(self) -> dict[str, str]:
        """Of `ENV NAME=value`."""
        return dict(given.split("=", 1) for given in self.all("ENV"))


def stages(path: Path = FILE) -> list[Stage]:
    """As a builder reads them."""
    text = re.sub(r"^#.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        kind, _, given = line.partition(" ")
        if kind == "FROM":
            found.append(Stage(given.partition(" AS ")[2]))
        elif found:
            found[-1].steps.append((kind, given.strip()))
    return found


def words(given: str) -> list[str]:
    """Of the form `["a", "b"]`."""
    read: list[str] = json.loads(given)
    return read


def debootstrapped(suite: str = "trixie") -> Path:
    """A minimal Debian: made once, some minutes and 220 MB."""
    if (BASE / ".made").exists():
        return BASE
    shutil.rmtree(BASE, ignore_errors=True)
    sources = "\n".join(path.read_text("utf-8") for path in Path("/etc/apt").rglob("*.sources"))
    sources += Path("/etc/apt/sources.list").read_text("utf-8") if Path("/etc/apt/sources.list").exists() else ""
    mirror = re.findall(r"https?://\S+", re.sub(r"^#.*$", "", sources, flags=re.MULTILINE))[0]
    command = [program("debootstrap"), "--variant=minbase", suite, str(BASE), mirror]
    own = {"DEBOOTSTRAP_DIR": str(ROOT / ".run/deploy/usr/share/debootstrap")}
    subprocess.run(command, check=True, env=os.environ | own, stdout=subprocess.DEVNULL, timeout=1200)
    (BASE / ".made").touch()
    return BASE


def _ours(root: Path) -> None:
    """What lets package clients in the root work as they do here: names, certificates, and the clients' own settings."""
    files = [Path(os.environ[name]) for name in ("PIP_CERT", "SSL_CERT_FILE", "PIP_CONFIG_FILE") if name in os.environ]
    files += [Path("/etc/resolv.conf"), Path("/etc/pip.conf"), *Path("/etc/xdg/pip").rglob("*")]
    for file in (one for one in files if one.is_file()):
        target = root / file.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(file, target)


def build(folder: Path, base: Path) -> Path:
    """Both stages by their own steps; the root file system of the last one."""
    roots: dict[str, Path] = {}
    root = base
    for number, stage in enumerate(stages()):
        root = folder / f"stage{number}"
        subprocess.run(["cp", "-a", str(base), str(root)], check=True)
        roots[stage.name] = root
        _follow(stage, root, roots)
    return root


def _follow(stage: Stage, root: Path, roots: dict[str, Path]) -> None:
    environment = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
    environment |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
    place = "/"
    for kind, given in stage.steps:
        if kind == "WORKDIR":
            place = given
            (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif kind == "ENV":
            name, _, value = given.partition("=")
            environment[name] = value
        elif kind == "COPY":
            _copy(given, root, place, roots)
        elif kind == "RUN":
            _ours(root)  # before each: an earlier step may have installed certificates of its own
            command = ["chroot", str(root), "/bin/sh", "-ec", f"cd {shlex.quote(place)} && {given}"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200, check=False)
            assert done.returncode == 0, f"{given}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def _copy(given: str, root: Path, place: str, roots: dict[str, Path]) -> None:
    *sources, target = given.split()
    origin = ROOT
    if sources[0].startswith("--from="):
        origin = roots[sources.pop(0).removeprefix("--from=")]
    to = root / place.lstrip("/") / target if not target.startswith("/") else root / target.lstrip("/")
    for source in sources:
        one = origin / source.lstrip("/")
        if one.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(one, to, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            shutil.copy(one, to / one.name)


@contextmanager
def running(root: Path, folder: Path, more: dict[str, str], *command: str) -> Iterator[subprocess.Popen[str]]:
    """The image's command as its user, in a process space of its own, the root read only: only /tmp and the data folder are written to.

    `folder` has `etc` (the configuration) and `data`. The process is the first of its space, as in a container.
    """
    final = stages()[-1]
    user = final.last("USER")
    os.chown(folder / "data", *map(int, user.split(":")))
    assignments = [f"{name}={value}" for name, value in (final.environment | more).items()]
    argv = shlex.join(
        ["env", "-i", *assignments, *(command or words(final.last("ENTRYPOINT")) + words(final.last("CMD")))]
    )
    script = f"""set -e
        mount --bind {root} {root} && mount -o remount,bind,ro {root}
        mount -t proc proc {root}/proc
        mount -t tmpfs tmpfs {root}/tmp
        mount --bind {folder}/etc {root}/etc/huntgroup && mount -o remount,bind,ro {root}/etc/huntgroup
        mount --bind {folder}/data {root}/var/lib/huntgroup
        cd {root}
        exec chroot --userspec={user} {root} sh -c {shlex.quote(f"cd {final.last('WORKDIR')} && exec {argv}")}"""
    process = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()
