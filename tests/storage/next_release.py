"""Migrations of a following release: those of this one, and more, that a test writes."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import migrations
from storage import migration
from storage.migration import head_revision

HEAD = head_revision() or ""


def numbered(place: int) -> str:
    """The revision of the first, second, ... of its migrations."""
    return f"{int(HEAD) + place:04}"


NEXT = numbered(1)


def next_release(
    folder: Path,
    *bodies: str,
    oldest_program: str = HEAD,
    title: str = "Nothing, one release later.",
    backfills: tuple[str, ...] = (),
) -> Path:
    """A migration for each body; one that does nothing where there is none. The last one needs the backfills."""
    source = Path(migrations.__file__ or "").parent
    copied = shutil.copytree(source, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    for place, body in enumerate(bodies or ("pass",), 1):
        names = {"revision": numbered(place), "down_revision": numbered(place - 1), "oldest_program": oldest_program}
        written = _written(names | ({"backfills": backfills} if place == max(1, len(bodies)) else {}), title, body)
        (copied / "versions" / f"{numbered(place)}_next.py").write_text(written, encoding="utf-8")
    return copied


def _written(names: Mapping[str, object], title: str, body: str) -> str:
    words = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return (
        f'"""{title}"""\n\nfrom alembic import op\n\n{words}\n\n'
        f"def upgrade() -> None:\n{lines}\n\n\ndef downgrade() -> None:\n    pass\n"
    )


@contextmanager
def running_as(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process knows these migrations for a while."""
    with monkeypatch.context() as patched:
        patched.setattr(migration, "_folder", lambda: folder)
        _forget()
        yield
    _forget()


def _forget() -> None:
    head_revision.cache_clear()
    migration._scripts.cache_clear()
