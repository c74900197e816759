"""Real mail against what its collectors say of it. Each set prints its score."""

import email
from collections.abc import Callable
from functools import partial

import pytest

from channels.email import normalize, parse_output
from channels.email.bounces import report as bounce_report
from channels.email.mime import html_text
from channels.email.mime import part_tree as mime
from channels.email.mime.parsed_mail import Letter
from channels.email.replies import visible_text as reply_text
from conversation.errors import MalformedPayload
from tests.channels.email import corpora
from tests.channels.email.corpora import folded
from tests.soon import cheaply

NO_MAIL = {"msg_19.txt", "erroneous.raw", "sample_output_multipart"}  # without a header, or empty
TWO_SENDERS = {"m0010.txt"}


def said(name: str, good: int, of: int) -> None:
    print(f"\n{name}: {good} of {of}")


def test_every_mail_is_read_without_an_exception_and_soon() -> None:
    refused = set()
    for path in corpora.mails():
        told = cheaply(2, partial(parse_output.to_dict, path.read_bytes()))
        if told["malformed"]:
            refused.add(path.name)
    assert refused <= NO_MAIL


def test_no_character_set_goes_unhandled() -> None:
    damaged = []
    for path in corpora.mails():
        told = parse_output.to_dict(path.read_bytes())
        if "\ufffd" in (told["text"] or "") + (told["subject"] or ""):
            damaged.append(path.name)
    said("mails with a character that nothing could decode", len(damaged), sum(1 for _ in corpora.mails()))
    assert set(damaged) <= {"mime-bad-content-transfer-encoding.raw", "chardet-fail.raw"}


def scores(name: str, reply_of: Callable[[bytes], str], wanted: str) -> tuple[int, int, list[str]]:
    rows = corpora.expected(name)
    wrong = [
        row["file"]
        for row in rows
        if folded(reply_of((corpora.folder(name) / row["file"]).read_bytes())) != folded(row[wanted])
    ]
    said(name, len(rows) - len(wrong), len(rows))
    return len(rows) - len(wrong), len(rows), wrong


def plain(raw: bytes) -> str:
    return reply_text.reply(raw.decode("utf-8", "replace"))


def test_replies_of_the_trimmer() -> None:
    good, of, wrong = scores("reply/discourse_trimmer", plain, "reply_text")
    assert good >= 32, (wrong, of)


def test_replies_of_the_standard_programs() -> None:
    good, _, wrong = scores("reply/talon_standard", lambda raw: normalize.letter(raw).reply, "reply_text")
    assert good >= 11, wrong


def test_replies_in_html() -> None:
    def read(raw: bytes) -> str:
        return reply_text.reply(html_text.text_of(raw.decode("utf-8", "replace")))

    good, of, wrong = scores("reply/talon_html", read, "reply_text_normalised")
    assert good == of, wrong


def test_bounces_name_their_recipients_and_whether_they_are_final() -> None:
    rows = corpora.expected("bounce/flufl_bounce")
    wrong = []
    for row in rows:
        read = normalize.letter((corpora.folder("bounce/flufl_bounce") / row["file"]).read_bytes())
        named = sorted(one.address.lower() for one in read.bounces)
        final = all(one.hard is not row["temporary"] for one in read.bounces)
        if named != sorted(address.lower() for address in row["addresses"]) or not final:
            wrong.append(row["file"])
    said("bounce/flufl_bounce", len(rows) - len(wrong), len(rows))
    assert len(wrong) <= 0.05 * len(rows), wrong


def test_reports_of_the_other_collection_are_bounces() -> None:
    for path in sorted(corpora.folder("bounce/enmime_dsn").iterdir()):
        read = normalize.letter(path.read_bytes())
        assert read.machine == "bounce"
        assert read.bounces
        assert all(one.status for one in read.bounces)


def test_no_ordinary_mail_is_taken_for_a_bounce() -> None:
    taken = []
    for path in sorted(corpora.folder("email").rglob("*")):
        told = parse_output.to_dict(path.read_bytes()) if path.is_file() and path.suffix != ".jsonl" else {}
        if told.get("machine") == "bounce":
            taken.append(path.name)
    said("bounces among ordinary mail", len(taken), 0)
    for name in taken:
        (path,) = corpora.folder("email").rglob(name)
        raw = path.read_bytes().lower()
        assert b"delivery-status" in raw or b"mailer-daemon" in raw, name


def faults(row: dict[str, object], read: Letter, text: str | None) -> list[str]:
    found = []
    if "subject" in row and folded(read.subject) != folded(str(row["subject"])):
        found.append(f"subject {read.subject}")
    if "message_id" in row and read.message_id != row["message_id"]:
        found.append(f"message_id {read.message_id}")
    if "n_attachments" in row and len(read.attachments) != row["n_attachments"]:
        found.append(f"attachments {[one.name for one in read.attachments]}")
    if text is not None and folded(read.text) != folded(text):
        found.append(f"text {read.text[:80]}")
    bodies = row.get("text_bodies") or []
    assert isinstance(bodies, list)
    found.extend(f"body {body[:40]}" for body in bodies if folded(body) not in folded(read.text))
    sender = row.get("from")
    address = sender.get("email") if isinstance(sender, dict) else None
    if address and row["file"] not in TWO_SENDERS and (read.sender is None or read.sender.address != address):
        found.append(f"from {read.sender}")
    return found


@pytest.mark.parametrize("name", ["email/stalwart_rfc", "email/zbateson_mmp"])
def test_mails_say_what_their_collectors_expect(name: str) -> None:
    rows = corpora.expected(name)
    wrong = {}
    for row in rows:
        read = normalize.letter((corpora.folder(name) / row["file"]).read_bytes())
        text = (corpora.folder(name) / row["text_file"]).read_text("latin-1") if "text_file" in row else None
        found = faults(row, read, text)
        if found:
            wrong[row["file"]] = found
    said(name, len(rows) - len(wrong), len(rows))
    assert not wrong


def leaves(message: email.message.Message) -> list[tuple[str, bytes]]:
    """What the standard library finds: types and bytes, mails in mails unopened."""
    if message.get_content_type().startswith("message/"):
        return [(message.get_content_type(), b"")]
    if message.is_multipart():
        return [
            leaf
            for child in message.get_payload()
            if isinstance(child, email.message.Message)
            for leaf in leaves(child)
        ]
    payload = message.get_payload(decode=True)
    return [(message.get_content_type(), payload.strip() if isinstance(payload, bytes) else b"")]


def test_the_parts_are_those_that_the_standard_library_finds() -> None:
    differing = []
    for path in corpora.mails():
        raw = path.read_bytes()
        root, _ = mime.parse(raw)
        mine = [
            (one.type, b"" if one.type.startswith("message/") else one.data().strip())
            for one in root.walk()
            if not one.children
        ]
        if mine != leaves(email.message_from_bytes(raw)):
            differing.append(path.name)
    said(
        "mails divided as by the standard library",
        sum(1 for _ in corpora.mails()) - len(differing),
        sum(1 for _ in corpora.mails()),
    )
    assert len(differing) <= 12, differing


def test_reading_twice_gives_the_same() -> None:
    for path in corpora.mails():
        raw = path.read_bytes()
        try:
            assert normalize.letter(raw) == normalize.letter(raw)
        except MalformedPayload:
            assert path.name in NO_MAIL


def test_the_original_message_id_is_found_where_there_is_one() -> None:
    root, _ = mime.parse((corpora.folder("bounce/flufl_bounce") / "postfix_02.txt").read_bytes())
    assert bounce_report.original_id(root) == "14915.64162.965657.699956@anthem.concentric.net"
