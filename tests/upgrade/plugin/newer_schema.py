"""A plugin for the previous release's tests: their databases get the schema of the release that follows it."""

import asyncio
import os
import sys

from storage import migration

_NEWER = os.environ["NEWER_RELEASE"]  # its folder
_UPGRADE = "import asyncio, sys; from storage.migration import upgrade; asyncio.run(upgrade(sys.argv[1]))"


async def _upgrade(url: str, **_more: object) -> str | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _UPGRADE, url, cwd=_NEWER, env=os.environ | {"PYTHONPATH": _NEWER}
    )
    assert await process.wait() == 0
    return migration.head_revision()


setattr(migration, "upgrade", _upgrade)  # noqa: B010 - of another release; before its conftest.py imports it
