"""Attachments' descriptions on both databases: whose they are, and where they are named."""

from dataclasses import replace

import pytest

from conversation.errors import NotFound, Refused
from conversation.model.message import Attachment
from conversation.ports.storage.attachments import StoredAttachment
from storage.store import Store
from tests.storage.makers import NOW


def described(name: str, owner: str = "visitor") -> StoredAttachment:
    return StoredAttachment(
        attachment=Attachment(id=name, name=f"{name}.png", type="image/png", size=5_000_000_000, sha256="00"),
        key=f"key-{name}",
        owner=owner,
        created_at=NOW,
    )


async def upload(store: Store, name: str, owner: str = "visitor") -> StoredAttachment:
    stored = described(name, owner)
    async with store.begin("test") as work:
        await work.attachments.add(stored)
    return stored


async def bind(store: Store, *names: str, conversation: str = "c", owner: str | None = "visitor") -> list[Attachment]:
    async with store.begin("test") as work:
        return await work.attachments.bind(names, conversation=conversation, owner=owner)


async def test_a_description_is_read_back(store: Store) -> None:
    stored = await upload(store, "a")
    async with store.read("test") as work:
        assert await work.attachments.get("a") == stored
        with pytest.raises(NotFound):
            await work.attachments.get("b")


async def test_files_are_bound_in_the_order_they_are_named(store: Store) -> None:
    a, b = await upload(store, "a"), await upload(store, "b")
    assert await bind(store, "b", "a", "b") == [b.attachment, a.attachment]
    assert await bind(store, "a") == [a.attachment]
    assert await bind(store) == []
    async with store.read("test") as work:
        assert (await work.attachments.get("a")).conversation == "c"


@pytest.mark.parametrize("refused", ["missing", "theirs", "elsewhere"])
async def test_what_cannot_be_bound_binds_nothing(store: Store, refused: str) -> None:
    await upload(store, "mine")
    await upload(store, "theirs", owner="somebody")
    await upload(store, "elsewhere")
    await bind(store, "elsewhere", conversation="other")
    with pytest.raises(Refused):
        await bind(store, "mine", refused)
    async with store.read("test") as work:
        assert (await work.attachments.get("mine")).conversation is None


async def test_without_an_owner_anybodys_file_is_bound(store: Store) -> None:
    await upload(store, "a", owner="somebody")
    assert len(await bind(store, "a", owner=None)) == 1


async def test_an_account_owns_what_it_brought(store: Store) -> None:
    await upload(store, "mail-file", owner="mail")
    async with store.begin("test") as work:
        with pytest.raises(Refused):
            await work.attachments.bind(["mail-file"], conversation="c", owner="visitor", account="site")
        bound = await work.attachments.bind(["mail-file"], conversation="c", owner="visitor", account="mail")
    assert [attachment.id for attachment in bound] == ["mail-file"]


async def test_several_are_added_at_once_and_those_that_are_there_stay_as_they_were(store: Store) -> None:
    first, second = described("a1"), described("a2")  # a mail read again brings its files again
    async with store.begin("test") as work:
        assert await work.attachments.add_new([first]) == {"a1"}
        assert await work.attachments.add_new([replace(first, key="other"), second]) == {"a2"}
        assert await work.attachments.add_new([]) == set()
        assert await work.attachments.known(["a1", "a2", "a3"]) == {"a1", "a2"}
        assert await work.attachments.get("a1") == first
