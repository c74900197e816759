"""Revisions of the rules on both databases: one is active, a digest has one row."""

import asyncio

from sqlalchemy import select

from conversation.ports.storage.rulebooks import Revision
from storage.schema.events import audit
from storage.schema.rules import rulebooks
from storage.store import Store
from tests.storage.makers import NOW


async def activate(store: Store, digest: str, *, only_if_new: bool = False) -> Revision:
    async with store.begin("test") as work:
        return await work.rulebooks.activate(
            digest=digest, source=f"# {digest}", author="anna", now=NOW, only_if_new=only_if_new
        )


async def active(store: Store) -> Revision | None:
    async with store.read("test") as work:
        return await work.rulebooks.active()


async def test_the_first_file_becomes_active(store: Store) -> None:
    assert await active(store) is None
    made = await activate(store, "a", only_if_new=True)
    assert (made.digest, made.source, made.author, made.at, made.active) == ("a", "# a", "anna", NOW, True)
    assert await active(store) == made
    async with store.read("test") as work:
        assert await work.rulebooks.get(made.id) == made
        assert await work.rulebooks.get("nothing") is None


async def test_a_start_keeps_the_active_revision_where_the_file_was_seen_before(store: Store) -> None:
    first, second = await activate(store, "a"), await activate(store, "b")
    assert await activate(store, "a", only_if_new=True) == second
    assert await active(store) == second
    third = await activate(store, "c", only_if_new=True)
    assert await active(store) == third
    async with store.read("test") as work:
        old = await work.rulebooks.get(first.id)
    assert old is not None
    assert not old.active


async def test_an_explicit_reload_goes_back_to_an_old_file(store: Store) -> None:
    first = await activate(store, "a")
    await activate(store, "b")
    assert await activate(store, "a") == first
    assert await active(store) == first
    assert await activate(store, "a") == first


async def test_nodes_that_start_at_once_agree(store: Store) -> None:
    made = await asyncio.gather(*(activate(store, "a", only_if_new=True) for _ in range(6)))
    assert len(set(made)) == 1
    async with store.read("test") as work:
        rows = await work._run(lambda c: c.execute(select(rulebooks.c.digest)).all())
    assert len(rows) == 1


async def test_nodes_with_different_files_end_with_one_active(store: Store) -> None:
    await asyncio.gather(*(activate(store, digest) for digest in "abcdef"))
    async with store.read("test") as work:
        rows = await work._run(lambda c: c.execute(select(rulebooks.c.active)).all())
    assert sorted(row[0] for row in rows) == [False] * 5 + [True]


async def test_an_audit_line_is_written(store: Store) -> None:
    async with store.begin("test") as work:
        await work.rulebooks.audit(actor="anna", action="reload", subject="rules", data={"digest": "a"}, now=NOW)
        row = (await work._run(lambda c: c.execute(select(audit)).mappings().all()))[0]
    assert (row["actor"], row["action"], row["subject"], row["data"], row["at"]) == (
        "anna",
        "reload",
        "rules",
        {"digest": "a"},
        NOW,
    )
