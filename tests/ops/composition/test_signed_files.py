"""Addresses of single files: good for a week, for one file that a message names, on every node, and for nobody who guesses."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from conversation.errors import NotFound
from conversation.model.message import Attachment
from conversation.ports.storage.attachments import StoredAttachment
from ops.composition.signed_files import LIVES, SharedFiles
from storage.store import Store
from tests.contracts.tools import FakeBlobs
from tests.fakes import FakeClock
from tests.storage.makers import conversation, put

BILL = Attachment(id="01a", name="../Rechnung 1.pdf", type="application/pdf", size=4)


@dataclass
class Shelf:
    store: Store
    blobs: FakeBlobs
    clock: FakeClock
    shared: SharedFiles

    def elsewhere(self) -> SharedFiles:
        """Another node of the same house."""
        return SharedFiles(self.store, self.blobs, self.clock, "https://wallet.example")

    async def proof(self) -> str:
        return (await self.shared.address(BILL)).split("/")[-2]


@pytest.fixture
async def shelf(store: Store, clock: FakeClock) -> AsyncIterator[Shelf]:
    blobs, where = FakeBlobs(), conversation()
    await put(store, where)
    key, digest, _ = await blobs.put_whole(b"%PDF")
    described = Attachment(id=BILL.id, name=BILL.name, type=BILL.type, size=4, sha256=digest)
    async with store.begin("test") as work:
        await work.attachments.add(
            StoredAttachment(
                attachment=described, key=key, owner="agent", created_at=clock.now(), conversation=where.id
            )
        )
    yield Shelf(store, blobs, clock, SharedFiles(store, blobs, clock, "https://wallet.example"))


async def test_an_address_leads_to_its_file_on_every_node_and_carries_a_harmless_name(shelf: Shelf) -> None:
    address = await shelf.shared.address(BILL)
    assert address.startswith("https://wallet.example/files/01a/")
    assert address.endswith("/Rechnung%201.pdf")
    stored, data = await shelf.elsewhere().open("01a", await shelf.proof())
    assert (stored.attachment.type, data) == ("application/pdf", b"%PDF")


async def test_it_is_over_after_a_week(shelf: Shelf) -> None:
    proof = await shelf.proof()
    shelf.clock.advance(LIVES - timedelta(seconds=1))
    assert (await shelf.shared.open("01a", proof))[1] == b"%PDF"
    shelf.clock.advance(timedelta(seconds=2))
    with pytest.raises(NotFound):
        await shelf.shared.open("01a", proof)


@pytest.mark.parametrize("change", ["longer", "another", "cut", "empty", "odd", "huge", "no digit"])
async def test_whoever_changes_anything_finds_nothing(shelf: Shelf, change: str) -> None:
    until, _, mac = (await shelf.proof()).partition("-")
    tried = {
        "longer": ("01a", f"{int(until) + 1}-{mac}"),
        "another": ("01b", f"{until}-{mac}"),
        "cut": ("01a", f"{until}-{mac[:-1]}"),
        "empty": ("01a", ""),
        "odd": ("01a", f"{until}-é"),
        "huge": ("01a", f"{'9' * 5000}-{mac}"),
        "no digit": ("01a", f"²-{mac}"),
    }
    with pytest.raises(NotFound):
        await shelf.shared.open(*tried[change])


async def test_a_file_that_no_message_names_is_shown_to_nobody(shelf: Shelf) -> None:
    loose = Attachment(id="01c", name="x.png", type="image/png", size=4)
    async with shelf.store.begin("test") as work:
        await work.attachments.add(
            StoredAttachment(attachment=loose, key="blob-0", owner="agent", created_at=shelf.clock.now())
        )
    with pytest.raises(NotFound):
        await shelf.shared.open("01c", (await shelf.shared.address(loose)).split("/")[-2])


async def test_the_key_that_was_first_stays(shelf: Shelf) -> None:
    async with shelf.store.begin("test") as work:
        first = await work.cursors.first("x", {"key": "a"})
        again = await work.cursors.first("x", {"key": "b"})
    assert (first, again) == ({"key": "a"}, {"key": "a"})
