"""Tokens in Message-IDs and reply addresses: proof for whom they were written to, and for nobody else."""

import pytest

from channels.email.thread_ids import Answered, Sent, Threads

MESSAGE = "0198c0de-0000-7000-8000-000000000001"
CONVERSATION = "0198c0de-0000-7000-8000-00000000000c"
ANNA = "Anna@Example.org"
THREADS = Threads(b"a key", "help@wallet.example", tag=True)


def answered(sender: str, *ids: str, recipients: tuple[str, ...] = (), threads: Threads = THREADS) -> Answered:
    return threads.answered(sender, recipients=recipients, ids=ids)


def test_a_message_keeps_its_id_for_ever() -> None:
    first = THREADS.message_id(MESSAGE, CONVERSATION, ANNA)
    assert first == THREADS.message_id(MESSAGE, CONVERSATION, ANNA.lower())
    assert first.startswith("<hg.")
    assert first.endswith("@wallet.example>")
    assert THREADS.sent(first) == Sent(message=MESSAGE, conversation=CONVERSATION)


def test_an_answer_of_who_was_written_to_is_proven() -> None:
    identifier = THREADS.message_id(MESSAGE, CONVERSATION, ANNA)
    assert answered("anna@example.org", "<other@example.org>", identifier) == Answered(proven=CONVERSATION)
    assert answered("anna@example.org", identifier.upper()) == Answered(proven=CONVERSATION)


def test_an_answer_of_somebody_else_is_only_a_claim() -> None:
    identifier = THREADS.message_id(MESSAGE, CONVERSATION, ANNA)
    assert answered("friend@example.org", identifier) == Answered(claimed=CONVERSATION)


def test_a_signed_address_proves_without_any_header() -> None:
    address = THREADS.reply_address(CONVERSATION, ANNA)
    assert address is not None
    assert len(address.partition("@")[0]) <= 64
    assert answered("anna@example.org", recipients=("x@y.example", address.upper())) == Answered(proven=CONVERSATION)
    assert answered("friend@example.org", recipients=(address,)) == Answered()


def test_changed_or_foreign_tokens_prove_and_claim_nothing() -> None:
    identifier = THREADS.message_id(MESSAGE, CONVERSATION, ANNA)
    other = Threads(b"another key", "help@wallet.example", tag=True)
    assert answered("anna@example.org", identifier, threads=other) == Answered()
    elsewhere = Threads(b"a key", "sales@wallet.example", tag=True)
    assert answered("anna@example.org", identifier, threads=elsewhere) == Answered()
    for place in range(4, identifier.index("@") - 18):
        letter = "b" if identifier[place] == "a" else "a"
        changed = identifier[:place] + letter + identifier[place + 1 :]
        assert answered("anna@example.org", changed) == Answered(), place


@pytest.mark.parametrize(
    "text",
    ["", "<>", "@", "<hg.@wallet.example>", "<hg.a.b.c@wallet.example>", "<hg.é.b.c@wallet.example>", "hg" * 5000],
)
def test_anything_may_stand_in_a_header(text: str) -> None:
    assert THREADS.sent(text) is None
    assert answered("a@b.example", text, recipients=(text,)) == Answered()


def test_without_tags_or_room_there_is_no_signed_address() -> None:
    assert Threads(b"k", "help@wallet.example").reply_address(CONVERSATION, ANNA) is None
    assert Threads(b"k", f"{'x' * 30}@wallet.example", tag=True).reply_address(CONVERSATION, ANNA) is None


def test_the_root_of_a_conversation_is_no_message() -> None:
    root = THREADS.root(CONVERSATION)
    assert THREADS.sent(root) is None
    assert answered("anna@example.org", root) == Answered()


def test_own_addresses_are_known_with_and_without_a_tag() -> None:
    assert THREADS.is_mine("Help@Wallet.example")
    assert THREADS.is_mine("help+anything@wallet.example")
    assert not THREADS.is_mine("helper@wallet.example")
