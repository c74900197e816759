"""What is shipped: every dependency is pinned with its hashes, and a wheel holds all that a house needs."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import aiohttp
import pytest

from tests.example import copied

ROOT = Path(__file__).parents[2]
PAGES = (
    *("/readyz", "/desk/", "/desk/app.js", "/desk/styles.css", "/desk/i18n/zh.json"),
    *("/chat/site", "/chat/site/widget.js", "/api/v1/openapi.json"),
)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;! ]", line, maxsplit=1)[0].lower() for line in requirements}


def test_every_dependency_is_pinned_for_running_and_for_testing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = _names(project["dependencies"])
    for file, names in (
        ("requirements/run.txt", wanted),
        ("requirements/dev.txt", wanted | _names(project["optional-dependencies"]["dev"])),
    ):
        pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / file).read_text(), re.MULTILINE)
        missing = names - {name.lower() for name in pinned}
        assert not missing, f"{file} lacks {sorted(missing)}: run `make lock`"


def _uv() -> str:
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip("uv, which builds the wheel, is not here")
    return found


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the files that git knows, unpacked as an installation would."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    subprocess.run(
        [_uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(folder / "source")],
        check=True,
        timeout=100,
    )
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "installed")
    return folder / "installed"


@pytest.mark.slow
def test_the_wheel_holds_every_data_file_of_the_rooms(unpacked: Path) -> None:
    rooms = ("conversation", "router", "channels", "storage", "desk", "ops")
    data = [path for room in rooms for kind in ("toml", "json") for path in (ROOT / room).rglob(f"*.{kind}")]
    names = {path.relative_to(ROOT).as_posix() for path in data}

    assert "channels/email/replies/words.toml" in names
    assert {name for name in names if not (unpacked / name).is_file()} == set()


@pytest.mark.slow
async def test_an_installed_wheel_migrates_and_serves_every_page(unpacked: Path, tmp_path: Path) -> None:
    copied(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "HUNTGROUP_SERVICE__LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "ops"]
    migrated = subprocess.run(
        [*command, "migrate"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True, timeout=60
    )
    assert "schema" in migrated.stdout
    serving = await asyncio.create_subprocess_exec(
        *[*command, "serve", "--listen", "127.0.0.1:0"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
    )
    try:
        assert serving.stdout is not None
        line = await asyncio.wait_for(serving.stdout.readline(), 60)
        url = json.loads(line.removeprefix(b"ready "))["url"]
        async with aiohttp.ClientSession() as client:
            for page in PAGES:
                async with client.get(url + page) as answer:
                    assert (answer.status, len(await answer.read()) > 0) == (200, True), page
        serving.terminate()
        assert await asyncio.wait_for(serving.wait(), 60) == 0
    finally:
        if serving.returncode is None:
            serving.kill()
            await serving.wait()
