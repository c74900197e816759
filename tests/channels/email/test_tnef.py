"""What Outlook packs into winmail.dat: the files come out under their names, and nothing in it surprises the reader."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from channels.email.mime import tnef
from tests.channels.email.letters import read

SIGNATURE = struct.pack("<IH", 0x223E9F78, 1)


def record(level: int, attribute: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, attribute, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*each: bytes) -> bytes:
    return struct.pack("<I", len(each)) + b"".join(each)


def number(name: int) -> bytes:
    return struct.pack("<HHI", 0x03, name, 7)


def text(name: int, words: str) -> bytes:
    data = words.encode("utf-16-le") + b"\0\0"
    return struct.pack("<HHII", 0x1F, name, 1, len(data)) + data + b"\0" * (-len(data) % 4)


def named(words: str) -> bytes:
    name = "a name".encode("utf-16-le")
    head = struct.pack("<HH16sII", 0x1F, 0x8001, b"g" * 16, 1, len(name)) + name
    data = words.encode("utf-16-le")
    return head + struct.pack("<II", 1, len(data)) + data + b"\0" * (-len(data) % 4)


PACKED = b"".join(
    (
        SIGNATURE,
        record(1, 0x00078008, b"IPM.Note\0"),
        record(2, 0x00069002, b"\1\0" + b"\0" * 12),
        record(2, 0x00018010, b"RECEIP~1.PDF\0"),
        record(2, 0x0006800F, b"%PDF-1.4 receipt"),
        record(
            2, 0x00069005, properties(number(0x3705), named("x"), text(0x3704, "short"), text(0x3707, "Beleg März.pdf"))
        ),
        record(2, 0x00069002, b"\1\0" + b"\0" * 12),
        record(2, 0x00018010, b"notes.txt\0"),
        record(2, 0x0006800F, b"call me"),
    )
)


def test_the_files_come_out_under_their_long_names() -> None:
    assert tnef.files(PACKED) == [("Beleg März.pdf", b"%PDF-1.4 receipt"), ("notes.txt", b"call me")]


def test_they_are_attachments_like_others_and_the_pack_stays() -> None:
    part = b'Content-Type: application/ms-tnef; name="winmail.dat"\r\n\r\n' + PACKED
    found = read("mixed", "Content-Type: text/plain\r\n\r\nsee there", part)
    told = [(file.name, file.type) for file in found.attachments]
    assert told[0] == ("Beleg März.pdf", "application/pdf")
    assert [name for name, _ in told] == ["Beleg März.pdf", "notes.txt", "winmail.dat"]
    assert found.reply == "see there"


def test_a_cut_pack_gives_what_came() -> None:
    whole = len(tnef.files(PACKED))
    for end in range(len(PACKED)):
        assert len(tnef.files(PACKED[:end])) <= whole
    assert tnef.files(PACKED[:-10]) == [("Beleg März.pdf", b"%PDF-1.4 receipt")]


@given(st.binary(max_size=400), st.integers(0, len(PACKED)))
def test_nothing_in_it_raises(noise: bytes, place: int) -> None:
    tnef.files(SIGNATURE + noise)
    tnef.files(PACKED[:place] + noise + PACKED[place:])
    tnef.files(b"".join((SIGNATURE, record(2, 0x00069002, b""), record(2, 0x00069005, noise))))
