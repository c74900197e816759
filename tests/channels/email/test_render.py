"""What an answer looks like on the wire, and that nothing a stranger wrote becomes a header."""

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.mail_text import Template, fault_of, follow_up_texts
from channels.email.render import From, Mail, answered_id, mail, subject_of
from channels.email.replies.visible_text import reply
from channels.email.thread_ids import Threads
from conversation.errors import PermanentFailure
from conversation.model.message import Attachment
from conversation.model.outbound import OutboundMessage, Quoted
from conversation.model.people import Identity
from tests.contracts.channel import NOW, outbound

OWN = From(address="help@wallet.example", name="Wallet Support")
THREADS = Threads(b"key", OWN.address)
FIELDS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "X-Huntgroup-Mailbox",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "Auto-Submitted", "X-Auto-Response-Suppress", "Reply-To",
}  # fmt: skip


def message(**changed: Any) -> OutboundMessage:
    to = Identity(channel="mail", address="anna@example.org", name=changed.pop("name", "Anna"), id="i", customer="c")
    to = replace(to, address=changed.pop("address", to.address))
    return replace(outbound(), to=to, **changed)


def rendered(**changed: Any) -> Mail:
    files = changed.pop("files", ())
    return mail(message(**changed), THREADS, OWN, now=NOW, files=files)


def read(made: Mail) -> EmailMessage:
    found = message_from_bytes(made.data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_an_answer_is_threaded_and_says_who_writes() -> None:
    found = read(rendered(subject="Re: RE: Top-up", reply_to="abc@mail.example.org#0011", author_name="Mei"))
    assert found["Subject"] == "Re: Top-up [7K3M-9QFX]"
    assert found["In-Reply-To"] == "<abc@mail.example.org>"
    assert found["References"].split()[-1] == "<abc@mail.example.org>"
    assert str(found["From"]) == '"Mei, Wallet Support" <help@wallet.example>'
    assert found["Message-ID"].startswith("<hg.")
    assert "Auto-Submitted" not in found


def test_the_same_message_has_the_same_id_and_head_at_every_try() -> None:
    one, two = rendered(), rendered()
    assert one.message_id == two.message_id
    assert one.data.partition(b"MIME-Version")[0] == two.data.partition(b"MIME-Version")[0]


def test_where_there_is_html_both_are_sent_and_files_beside() -> None:
    attachment = Attachment(id="f", name="收据.pdf", type="application/pdf")
    found = read(rendered(text="plain", html="<b>bold</b>", files=[(attachment, b"%PDF")]))
    assert [part.get_content_type() for part in found.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    (file,) = found.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("收据.pdf", b"%PDF")


def test_automatic_answers_say_so_and_have_the_null_sender() -> None:
    made = rendered(automatic=True)
    found = read(made)
    assert (made.sender, found["Auto-Submitted"], found["X-Auto-Response-Suppress"]) == ("", "auto-replied", "All")


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        (None, "Re: [7K3M-9QFX]"),
        ("充值不成功", "Re: 充值不成功 [7K3M-9QFX]"),
        ("回复:充值 [7K3M-9QFX]", "Re: 充值 [7K3M-9QFX]"),
        ("hi\r\nBcc: evil@x.test", "Re: hi Bcc: evil@x.test [7K3M-9QFX]"),
        ("AW: Re: x", "Re: x [7K3M-9QFX]"),
        ("a" * 500, f"Re: {'a' * 200} [7K3M-9QFX]"),
    ],
)
def test_subjects_are_answered_once_and_on_one_line(subject: str | None, wanted: str) -> None:
    assert subject_of(message(subject=subject)) == wanted
    assert read(rendered(subject=subject))["Subject"] == wanted


def test_an_encoded_word_that_hides_a_line_break_stays_words() -> None:
    """CVE-2024-6923: the library's generator wrote such a subject as two headers."""
    made = rendered(subject="=?utf-8?q?hi=0D=0ABcc=3A_evil=40x.test?=", name="=?utf-8?q?x=0D=0ABcc=3A_e=40x.test?=")
    assert set(read(made).keys()) <= FIELDS
    assert b"\nBcc" not in made.data


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    subject=st.text(max_size=300),
    name=st.text(max_size=150),
    author=st.text(max_size=100),
    reply_to=st.text(max_size=80),
)
def test_nothing_anybody_writes_becomes_a_header(subject: str, name: str, author: str, reply_to: str) -> None:
    made = rendered(subject=subject, name=name, author_name=author, reply_to=f"{reply_to}#00")
    head = made.data.partition(b"\r\n\r\n")[0]
    begun = [line.partition(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert set(begun) <= FIELDS
    assert len(begun) == len(set(begun))
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert max(len(line) for line in made.data.split(b"\r\n")) < 998


@pytest.mark.parametrize(
    "address", ["", "x", "a@b\r\nRCPT TO:<c@d.example>", "a b@c.example", "ü@example.org", "a@b@c", "<a@b.example>"]
)
def test_an_address_that_no_server_takes_is_refused_before_any_is_asked(address: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        rendered(address=address)
    assert caught.value.code == "unknown_recipient"


def test_a_domain_of_any_script_is_written_as_servers_know_it() -> None:
    assert rendered(address="li@例子.example").to == "li@xn--fsqu00a.example"


@pytest.mark.parametrize(
    ("external", "wanted"),
    [
        ("a@b.example#12", "<a@b.example>"),
        ("#1234", None),
        (None, None),
        ("a b@c#1", None),
        ("a>\r\nBcc: x@y#1", None),
        ("ü@c#1", None),
        ("x" * 501 + "@c#1", None),
    ],
)
def test_only_ids_that_can_stand_in_a_header_are_answered(external: str | None, wanted: str | None) -> None:
    assert answered_id(external) == wanted


def test_control_characters_in_the_text_are_left_out() -> None:
    assert read(rendered(text="a\x00b\x1bc\r\nd\u0085e")).get_content().split() == ["abc", "de"]


# -- templates, and what was missed in a chat --------------------------------------------------------------------------

LOOK = {
    "en": Template(
        text="{text}\n\n-- \n{author}, {name} [{reference}]", html="<main>{text}</main><footer>{author}</footer>"
    ),
    "default": Template(text="{text}\n\n{name}"),
}


def dressed(**changed: Any) -> EmailMessage:
    own = replace(OWN, templates=LOOK)
    return read(mail(message(**changed), THREADS, own, now=NOW, files=()))


def body(found: EmailMessage, kind: str = "plain") -> str:
    part = found.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").strip()


def test_a_template_stands_around_the_words_in_both_forms_and_nothing_of_them_becomes_a_tag() -> None:
    found = dressed(text="<b>5 > 3</b>\n\nbye {name}", author_name="Mei <x>", language="en-GB")
    assert body(found) == "<b>5 > 3</b>\n\nbye {name}\n\n-- \nMei <x>, Wallet Support [7K3M-9QFX]"
    html = "<main><p>&lt;b&gt;5 &gt; 3&lt;/b&gt;</p><p>bye {name}</p></main><footer>Mei &lt;x&gt;</footer>"
    assert body(found, "html") == html
    assert found.get_content_type() == "multipart/alternative"


def test_of_an_agent_without_a_name_the_accounts_name_alone_is_shown() -> None:
    found = dressed(text="hi", author_name=None, language="en-GB")
    assert str(found["From"]) == "Wallet Support <help@wallet.example>"
    assert body(found) == "hi\n\n-- \nWallet Support [7K3M-9QFX]"
    bare = replace(OWN, templates={"default": Template(text="{{author}}, {text}\n{author}")})
    assert body(read(mail(message(text="hi", author_name=None), THREADS, bare, now=NOW, files=()))) == "{author}, hi"


@pytest.mark.parametrize("language", ["fr", None])
def test_a_language_without_a_template_has_the_one_for_others(language: str | None) -> None:
    assert body(dressed(text="bonjour", language=language)) == "bonjour\n\nWallet Support"


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ("{text}", None),
        ("{{x}} {text}", None),
        ("hello", "must stand in it once"),
        ("{text}{text}", "must stand in it once"),
        ("{text} {nmae}", "there is no {nmae}"),
        ("{text.__class__}", "there is no {text.__class__}"),
        ("{text", "a brace is written twice"),
        ("{}", "there is no {}"),
    ],
)
def test_faults_of_templates_are_told(form: str, fault: str | None) -> None:
    told = fault_of(form)
    assert told is None if fault is None else fault in (told or "")


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de", "es", "it", None])
def test_who_missed_an_answer_is_told_why_it_comes_by_mail(language: str | None) -> None:
    before = (Quoted(author=None, at=NOW, text="one\ntwo"), Quoted(author="Mei", at=NOW, text="three"))
    found = read(rendered(text="four", missed=True, quoted=before, language=language))
    said = follow_up_texts(language)
    told = f"four\n\n{said('hint')}\n\n{said('earlier')}\n\n"
    assert (
        body(found)
        == f"{told}> 2026-11-23 02:00 UTC, {said('customer')}:\n> one\n> two\n\n> 2026-11-23 02:00 UTC, Mei:\n> three"
    )
    assert found["Subject"] == f"{said('subject')} [7K3M-9QFX]"
    again = read(rendered(text="four", missed=True, subject="CHEAP PILLS", name="CHEAP PILLS", language=language))
    assert (again["Subject"], str(again["To"])) == (f"{said('subject')} [7K3M-9QFX]", "anna@example.org")


@pytest.mark.parametrize("language", ["zh", "en", "fr", "de", "es"])
def test_of_an_answer_to_such_a_mail_only_what_is_new_is_shown(language: str) -> None:
    quoted = (Quoted(author=None, at=NOW, text="what I asked"),)
    ours = body(read(rendered(text="our answer", missed=True, quoted=quoted, language=language)))
    theirs = "Fifty euros.\n\nOn Mon, 23 Nov 2026 at 10:00, Wallet Support <help@wallet.example> wrote:\n"
    assert reply(theirs + "".join(f"> {line}\n" for line in ours.splitlines())) == "Fifty euros."


def test_the_customers_own_chain_is_kept_and_ends_with_what_is_answered() -> None:
    before = tuple(f"{number}@mail.example.org" for number in range(14))
    found = read(rendered(reply_to="13@mail.example.org#0011", references=(*before, "x y@z", "a\r\nBcc: b@c.example")))
    chain = found["References"].split()
    assert chain[0].startswith("<hg.root.")
    assert chain[1:] == [*(f"<{number}@mail.example.org>" for number in range(6, 13)), "<13@mail.example.org>"]


@pytest.mark.parametrize(
    ("language", "subject"),
    [
        ("en", "Your request"),
        ("zh-Hant", "您的咨询"),
        ("de", "Ihre Anfrage"),
        ("pt", "O seu pedido"),
        (None, "Your request"),
    ],
)
def test_what_the_house_says_by_itself_has_a_subject_of_its_own(language: str | None, subject: str) -> None:
    found = read(
        rendered(automatic=True, subject="CHEAP PILLS", language=language, reply_to="abc@mail.example.org#0011")
    )
    assert found["Subject"] == f"{subject} [7K3M-9QFX]"
    assert found["In-Reply-To"] == "<abc@mail.example.org>"
    assert found["References"].split()[-1] == "<abc@mail.example.org>"


@given(
    subject=st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=4, max_size=60),
    name=st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=4, max_size=60),
    language=st.sampled_from(["en", "zh", "fr", "de", "xx", None]),
    missed=st.booleans(),
)
def test_an_automatic_mail_is_the_same_whatever_a_stranger_called_themselves_and_their_mail(
    subject: str, name: str, language: str | None, missed: bool
) -> None:
    how: dict[str, Any] = {"language": language, "missed": missed, "automatic": not missed}
    theirs, nobodys = rendered(subject=subject, name=name, **how), rendered(subject=None, name=None, **how)
    assert theirs.data.partition(b"MIME-Version")[0] == nobodys.data.partition(b"MIME-Version")[0]
    assert str(read(theirs)["To"]) == "anna@example.org"
    assert not {"Cc", "Bcc"} & set(read(theirs).keys())
