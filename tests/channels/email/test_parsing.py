"""The process that reads mail: slow, dead or confused, it takes nobody with it."""

import asyncio
import sys
from pathlib import Path

import pytest

from channels.email.parser_process import Reader
from conversation.errors import MalformedPayload, TransientFailure

MAIL = b"From: anna@example.org\r\nSubject: x\r\n\r\nhello\r\n"
# answers the question at its start, then does as it is told by the mail
ODD = """
import pickle, sys, time, os
from channels.email.normalize import letter
asked, told = sys.stdin.buffer, sys.stdout.buffer
while head := asked.read(8):
    raw = asked.read(int.from_bytes(head, "big"))
    if b"hang" in raw: time.sleep(60)
    if b"die" in raw: os._exit(3)
    data = pickle.dumps(letter(raw))
    told.write(len(data).to_bytes(8, "big") + data); told.flush()
"""


@pytest.mark.slow
async def test_what_hangs_or_dies_is_put_aside_and_the_next_is_read() -> None:
    reader = Reader(reading=0.5, command=(sys.executable, "-c", ODD))
    try:
        for words in (b"hang", b"die"):
            with pytest.raises(MalformedPayload) as caught:
                await reader.letter(MAIL.replace(b"hello", words))
            assert caught.value.code == "too_complex"
            assert (await reader.letter(MAIL)).text.strip() == "hello"
    finally:
        await reader.stop()


# one mail that thinks for ever, in a pattern of the standard library: no signal handler of Python's would run
THOUGHTFUL = """
import re
from channels.email import parser_worker as worker
read, worker.THINKING = worker.letter, 0.3
worker.letter = lambda raw: re.match("(a+)+$", "a" * 60 + "b") if b"think" in raw else read(raw)
worker.main()
"""


@pytest.mark.slow
async def test_a_mail_that_takes_too_much_of_the_processor_ends_its_reader_and_the_next_is_read() -> None:
    reader = Reader(reading=60, command=(sys.executable, "-c", THOUGHTFUL))
    try:
        with pytest.raises(MalformedPayload) as caught:
            await asyncio.wait_for(reader.letter(MAIL.replace(b"hello", b"think")), 60)
        assert caught.value.code == "too_complex"
        assert (await reader.letter(MAIL)).text.strip() == "hello"
    finally:
        await reader.stop()


async def test_a_mail_is_not_blamed_for_what_ended_its_reader() -> None:
    reader = Reader()
    try:
        await reader.letter(MAIL)
        assert reader._process is not None
        reader._process.kill()
        assert (await reader.letter(MAIL)).text.strip() == "hello"
    finally:
        await reader.stop()


async def test_bytes_that_are_no_mail_are_told_as_such() -> None:
    reader = Reader()
    try:
        with pytest.raises(MalformedPayload) as caught:
            await reader.letter(b"\r\nnothing")
        assert caught.value.code == "no_header"
        assert (await reader.letter(MAIL)).subject == "x"
    finally:
        await reader.stop()


async def test_a_reader_that_does_not_start_is_the_houses_fault_not_the_mails(tmp_path: Path) -> None:
    reader = Reader(command=(sys.executable, str(tmp_path / "nothing.py")))
    with pytest.raises(TransientFailure):
        await reader.letter(MAIL)
    await reader.stop()
