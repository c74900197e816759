"""What accounts of several kinds share: the comparison of signatures, names of files, and parts that are sent in turn."""

import pytest

from channels.account_files import bytes_of, provider_name
from channels.base_account import BaseAccount
from channels.send_segments import in_turn
from channels.signatures import must_match
from conversation.errors import PermanentFailure, SignatureRejected, TransientFailure
from conversation.model.capabilities import Can
from conversation.model.message import Attachment
from conversation.model.people import WorkKind
from tests.contracts.channel import NOW, outbound
from tests.contracts.tools import Bench
from tests.fakes import FakeClock


def file(url: str | None = None, *, size: int = 3) -> Attachment:
    return Attachment(
        id="0198c0de-0000-7000-8000-0000000000f1", name="slip.pdf", type="application/pdf", url=url, size=size
    )


def test_a_signature_matches_any_of_the_keys_that_are_in_use() -> None:
    must_match("new", "old", "new")


@pytest.mark.parametrize("shown", ["", "ne", "new ", "\udcff\udc00", "新"])
def test_any_other_header_is_rejected_whatever_bytes_it_holds(shown: str) -> None:
    with pytest.raises(SignatureRejected, match="the signature is missing or wrong"):
        must_match(shown, "old", "new")


def test_the_providers_name_of_a_file_is_what_follows_the_scheme() -> None:
    assert provider_name(file("provider:4711"), str.isdigit) == "4711"


@pytest.mark.parametrize("url", [None, "", "4711", "provider:", "provider:../etc", "https://example.org/4711"])
def test_a_file_that_the_provider_cannot_have_named_is_never_asked_for(url: str | None) -> None:
    with pytest.raises(PermanentFailure) as caught:
        provider_name(file(url), str.isdigit)

    assert caught.value.code == "bad_url"


async def test_a_file_over_the_limit_of_the_medium_is_refused_before_it_is_read() -> None:
    with pytest.raises(PermanentFailure) as caught:
        await bytes_of(Bench(clock=FakeClock(NOW)).tools(), file(size=4), limit=3)

    assert caught.value.code == "too_large"


async def test_a_file_that_was_removed_is_a_permanent_failure() -> None:
    with pytest.raises(PermanentFailure, match="not there any more"):
        await bytes_of(Bench(clock=FakeClock(NOW)).tools(), file())


async def test_a_failure_midway_carries_the_ids_of_what_was_sent() -> None:
    async def deliver(part: str) -> str | None:
        if part == "third":
            raise TransientFailure("down")
        return f"id of {part}" if part == "first" else None

    with pytest.raises(TransientFailure) as caught:
        await in_turn(outbound(), ["first", "second", "third"], deliver)

    assert caught.value.sent == ("id of first", f"{outbound().id}/1")


async def test_a_message_without_parts_is_never_reported_as_sent() -> None:
    async def deliver(_: str) -> str | None:
        raise AssertionError("there is nothing to deliver")

    with pytest.raises(PermanentFailure) as caught:
        await in_turn(outbound(), [], deliver)

    assert caught.value.code == "unsupported"


async def test_an_account_without_anything_to_check_starts_and_stops_at_any_time() -> None:
    account = BaseAccount("account", Bench(clock=FakeClock(NOW)).tools(), Can(work=WorkKind.MESSAGE))

    await account.stop()
    await account.start()
    await account.stop()

    assert account.name == "account"
    assert account.hook_url.endswith("/hooks/account")
