"""What is read out of a mail: people, ids, dates, words, files."""

import base64
from datetime import UTC, datetime

import pytest

from channels.email import normalize, parse_output
from conversation.errors import MalformedPayload
from tests.channels.email.letters import letter, multipart, raw, read

TEXT = "Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = "Content-Type: text/html; charset=utf-8\r\n\r\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


# -- who ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "address", "name"),
    [
        ("lena@example.org", "lena@example.org", None),
        ("<lena@example.org>", "lena@example.org", None),
        ("Lena Weber <lena@example.org>", "lena@example.org", "Lena Weber"),
        ('"Weber, Lena" <lena@example.org>', "lena@example.org", "Weber, Lena"),
        ("lena@example.org (Lena Weber)", "lena@example.org", "Lena Weber"),
        ("=?utf-8?q?J=C3=BCrgen?= <j@example.org>", "j@example.org", "Jürgen"),
        ("=?gb2312?B?zfXQocP3?= <w@example.cn>", "w@example.cn", "王小明"),
        ("lena@example.org <lena@example.org>", "lena@example.org", "lena@example.org"),
        ('"boss@bank.example" <lena@example.org>', "lena@example.org", "boss@bank.example"),
        ("Lena <lena@exämple.org>", "lena@exämple.org", "Lena"),
        ("O'Brien <o'brien+shop@example.org>", "o'brien+shop@example.org", "O'Brien"),
        ("Lena (at work) <lena@example.org>", "lena@example.org", "Lena"),
    ],
)
def test_one_plain_address_is_the_sender(written: str, address: str, name: str | None) -> None:
    sender = letter(sender=written).sender
    assert sender is not None
    assert (sender.address, sender.name) == (address, name)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Lena",
        "alice@example.org)bob@example.com",
        "alice@example.org(bob@example.com",
        "evil@x.test <good@bank.example>",
        "evil@x.test, good@bank.example",
        "<evil@x.test> <good@bank.example>",
        "<evil@x.test>good@bank.example",
        "good@bank.example\u200b",
        "good\u200b@bank.example",
        "good@bank.example@x.test",
        "good@",
        "@bank.example",
        "good@bank..example",
        "good@-bank.example",
        "good@bank.example;evil@x.test",
        '"good@bank.example',
        "go od@bank.example",
        "<good@bank.example",
        "=?utf-8?q?good=40bank.example?=",
        "good@[192.0.2.1]",
        '"good"@bank.example',
        "a" * 65 + "@bank.example",
    ],
)
def test_a_sender_that_can_be_read_in_two_ways_is_nobody(written: str) -> None:
    assert letter(sender=written).sender is None
    assert parse_output.to_dict(raw(sender=written))["from"] == "unparsable"


def test_two_from_fields_are_nobody() -> None:
    assert letter("From: other@example.org").sender is None


def test_recipients_are_read_leniently_and_each_once() -> None:
    found = letter(
        "Cc: Team: a@example.org, B <b@example.org>;, broken, A@example.org", "Delivered-To: help+c1.mac@example.com"
    )
    assert [one.address for one in found.cc] == ["a@example.org", "b@example.org"]
    assert [one.address for one in found.to] == ["help@example.com"]
    assert found.delivered_to == ("help+c1.mac@example.com",)


# -- ids, dates, subjects ----------------------------------------------------------------------------------------------


def test_ids_are_cleaned_and_capped() -> None:
    found = letter("In-Reply-To: <a@x> <b@x>", "References: <r@x>\r\n <a@x>\r\n\t<a@x> junk <" + "l" * 600 + "@x>")
    assert found.message_id == "1@example.org"
    assert found.in_reply_to == ("a@x", "b@x")
    assert found.references == ("r@x", "a@x")
    assert len(letter("References: " + " ".join(f"<{n}@x>" for n in range(200))).references) == 50


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("Tue, 24 Nov 2026 09:41:00 +0100", datetime(2026, 11, 24, 8, 41, tzinfo=UTC)),
        ("24 Nov 2026 08:41 GMT", datetime(2026, 11, 24, 8, 41, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 08:41:00", datetime(2026, 11, 24, 8, 41, tzinfo=UTC)),
        ("yesterday", None),
        ("Tue, 99 Nov 2026 09:41:00 +0100", None),
    ],
)
def test_dates_are_aware_or_none(written: str, at: datetime | None) -> None:
    assert letter(f"Date: {written}").date == at


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("=?utf-8?q?hi=0D=0ABcc=3A_evil=40x.test?=", "hi Bcc: evil@x.test"),
        ("=?utf-8?b?5YWF5YA=?= =?utf-8?b?vOS4jeaIkOWKnw==?=", "充值不成功"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        ("=?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=", "日本語"),
        ("=?x-unknown?q?=C3=BC?=", "ü"),
        ("=?utf-8*en?q?=C3=BC?=", "ü"),
        ("=?broken", "=?broken"),
        ("roh: größer", "roh: größer"),
        ("a\x00b\x7fc\u202ed", "a b cd"),
        ("folded\r\n  over lines", "folded over lines"),
    ],
)
def test_subjects_are_decoded_to_one_clean_line(written: str, subject: str) -> None:
    assert letter(f"Subject: {written}").subject == subject


# -- words -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("gb2312", "gb18030", "朱镕基 充值不成功"),
        ("gbk", "gbk", "充值不成功，钱扣了没到账"),
        ("x-gbk", "gbk", "充值不成功，钱扣了没到账"),
        ("big5", "cp950", "充值不成功，錢扣了沒到帳"),
        ("ISO-2022-JP", "iso2022_jp_ext", "日本語のメールです。"),
        ("shift_jis", "cp932", "①髙橋さん、日本語のメールです。"),
        ("windows-31j", "cp932", "日本語のメールです。"),
        ("ks_c_5601-1987", "cp949", "안녕하세요 똠방각하"),
        ("koi8-r", "koi8_r", "Деньги не пришли"),
        ("windows-1251", "cp1251", "Деньги не пришли"),
        ("iso-8859-1", "cp1252", "„größer“ – 20 €"),
        ("us-ascii", "utf-8", "größer 充值"),
        ("iso-8859-1", "utf-8", "größer 充值"),
        ("windows-874", "cp874", "เงินไม่เข้า"),
        ("iso-8859-8-i", "cp1255", "שלום עולם"),
        ("utf8mb4", "utf-8", "größer"),
        ("utf-8", "gb18030", "充值不成功，钱扣了没到账，请帮我查一下这笔交易，谢谢你们。"),
        ("us-ascii", "iso2022_jp", "日本語のメールです。"),
        ("utf-8", "cp1252", "Das Geld ist größer als früher und fehlt völlig, schöne Grüße"),
        ("unknown-8bit", "cp1251", "Здравствуйте, деньги не пришли на мой счёт, помогите пожалуйста разобраться"),
        ("default", "big5", "充值不成功，錢扣了沒到帳，請幫我查一下這筆交易，謝謝你們的幫忙。"),
        ("utf-16", "utf-16", "größer"),
        ("'utf-8'", "utf-8", "größer"),
    ],
)
def test_words_are_read_whatever_their_charset_is_called(declared: str, codec: str, text: str) -> None:
    body = base64.b64encode(text.encode(codec))
    found = letter(f"Content-Type: text/plain; charset={declared}", "Content-Transfer-Encoding: base64", body=body)
    assert found.text == text


def test_the_plain_form_is_the_text_and_the_page_is_kept() -> None:
    found = read("alternative", TEXT + "plain words", HTML + "<p>page <b>words</b></p>")
    assert (found.text, found.html) == ("plain words", "<p>page <b>words</b></p>")


@pytest.mark.parametrize(
    "stub", ["", "Please enable HTML to view this message.", "Your e-mail client does not support HTML."]
)
def test_a_plain_form_that_says_nothing_gives_way_to_the_page(stub: str) -> None:
    assert read(
        "alternative", TEXT + stub, HTML + "<p>What I really wanted to say to all of you is in this page.</p>"
    ).text.startswith("What")


def test_a_page_becomes_text_as_people_see_it() -> None:
    page = (
        "<html><head><title>no</title><style>p{}</style></head><body><p>One&nbsp;two<br>three</p><ul><li>a<li>b</ul>"
        '<div style="display:none">hidden</div><script>no()</script><table><tr><td>x<td>y</table><pre>a\n  b</pre>'
        '<a href="https://x.example/y">link</a> <a href="https://z.example">https://z.example</a><blockquote>old</blockquote></body></html>'
    )
    found = letter("Content-Type: text/html", body=page)
    assert (
        found.text
        == "One two\nthree\n\n- a\n- b\nx y\n\na\n  b\n\nlink <https://x.example/y> https://z.example\n\n> old"
    )


def test_flowed_lines_are_joined() -> None:
    found = letter(
        "Content-Type: text/plain; format=flowed", body="This is one \r\nline.\r\n> quoted \r\n> on\r\n\r\n-- \r\nLena"
    )
    assert found.text == "This is one line.\n> quoted on\n\n-- \nLena"
    assert found.reply == "This is one line."


def test_several_texts_follow_one_another() -> None:
    found = read("mixed", TEXT + "first", b"Content-Type: image/png\r\n\r\n" + PNG, TEXT + "second")
    assert found.text == "first\n\nsecond"
    assert [one.name for one in found.attachments] == ["image.png"]


def test_the_full_text_stays_beside_the_reply() -> None:
    found = letter(body="New.\r\n\r\nOn Mon, 1 Jan 2026 at 10:00, A <a@b.example> wrote:\r\n> old\r\n")
    assert found.reply == "New."
    assert "> old" in found.text


def test_a_missing_empty_line_above_the_body_loses_no_words() -> None:
    assert (
        normalize.letter(b"From: a@b.example\nSubject: x\nHello there, no empty line\nbye").text
        == "Hello there, no empty line\nbye"
    )


# -- safe pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" java\nscript:alert(1)">x</a>',
        "<svg onload=alert(1)>",
        '<iframe src="https://x.example"></iframe>',
        "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        '<div style="background:url(https://x.example/t.gif)">x</div>',
        '<link rel=stylesheet href="https://x.example">',
        '<meta http-equiv=refresh content="0;url=https://x.example">',
        '<form action="https://x.example"><input name=p></form>',
        '<base href="https://x.example">',
        '<object data="x.swf"></object>',
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        '<img src="data:image/svg+xml,<svg onload=alert(1)>">',
        '<p onclick="alert(1)">x</p>',
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        '<table background="https://x.example/t.gif"><tr><td>x</table>',
        '<img srcset="https://x.example/t.gif 1x">',
        '<video poster="https://x.example/t.gif"></video>',
    ],
)
def test_nothing_in_a_page_runs_or_is_fetched(page: str) -> None:
    html = letter("Content-Type: text/html", body=page).html or ""
    lower = html.lower()
    for word in (
        "<script",
        "onerror",
        "onload",
        "onclick",
        "javascript:",
        "<svg",
        "<iframe",
        "<style",
        "url(",
        "<form",
        "<meta",
        "<link",
        "<base",
        "data:",
    ):
        assert word not in lower
    assert 'src="http' not in lower
    assert "srcset" not in lower
    assert "poster" not in lower
    assert "background=" not in lower


def test_pictures_from_elsewhere_are_named_but_lead_nowhere() -> None:
    html = letter(
        "Content-Type: text/html", body='<img alt="a>b" src="https://x.example/t.gif"><img src="cid:1@x">'
    ).html
    assert html is not None
    assert 'src="blocked:https://x.example/t.gif"' in html
    assert 'src="cid:1@x"' in html


def test_a_page_too_deep_to_be_made_safe_in_time_is_shown_as_text() -> None:
    found = letter("Content-Type: text/html", body="<div>" * 5_000 + "words")
    assert (found.html, found.text) == (None, "words")


# -- files -------------------------------------------------------------------------------------------------------------


def part(kind: str, name: str, data: bytes, disposition: str = "attachment") -> bytes:
    head = (
        f"Content-Type: {kind}\r\nContent-Disposition: {disposition}{name}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(data)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("; filename=a.png", "a.png"),
        ('; filename="a b.png"', "a b.png"),
        ("; filename*=utf-8''%E5%85%85%E5%80%BC.png", "充值.png"),
        ("; filename*0*=utf-8''%E5%85; filename*1*=%85; filename*2=.png", "充.png"),
        ("; filename*0=long; filename*1=er.png", "longer.png"),
        ('; filename="=?utf-8?b?5YWF5YC8LnBuZw==?="', "充值.png"),
        ('; filename="=?gb2312?B?s+TWtS5wbmc=?="', "充值.png"),
        ('; filename="../../etc/passwd"', "passwd"),
        ('; filename="a\u202egpj.exe"', "agpj.exe"),
        ('; filename="C:\\\\Users\\\\x\\\\a.png"', "a.png"),
        ("; filename=CON.png", "_CON.png"),
        ("", "image.png"),
        ('; filename="größe.png"', "größe.png"),
    ],
)
def test_files_are_named_harmlessly(written: str, name: str) -> None:
    (file,) = read("mixed", TEXT + "x", part("image/png", written, PNG)).attachments
    assert (file.name, file.type, file.size, file.data) == (name, "image/png", len(PNG), PNG)


@pytest.mark.parametrize(
    ("declared", "data", "told"),
    [
        ("image/png", b"<svg onload=alert(1)>", "text/plain"),
        ("text/html", b"<script>alert(1)</script>", "text/plain"),
        ("image/svg+xml", b"<svg/>", "text/plain"),
        ("application/octet-stream", PNG, "image/png"),
        ("image/png", b"MZ\x00\x90", "application/octet-stream"),
        ("text/calendar", b"BEGIN:VCALENDAR", "text/calendar"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04xx", None),
    ],
)
def test_files_are_typed_by_their_bytes(declared: str, data: bytes, told: str | None) -> None:
    (file,) = read("mixed", TEXT + "x", part(declared, "; filename=f", data)).attachments
    assert (file.type, file.declared) == (told or declared, declared)


def test_pictures_inside_a_page_are_inline() -> None:
    picture = b"Content-Type: image/png\r\nContent-ID: <1@x>\r\n\r\n" + PNG
    (file,) = read("related", HTML + '<img src="cid:1@x">', picture).attachments
    assert (file.inline, file.cid) == (True, "1@x")


def test_what_outlook_calendars_and_signatures_add_is_kept_as_files() -> None:
    found = read(
        "mixed",
        TEXT + "x",
        part("application/ms-tnef", "; filename=winmail.dat", b"\x78\x9f\x3e\x22"),
        "Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:Lunch\r\n",
        part("application/pkcs7-signature", "", b"0\x82"),
        "Content-Type: message/rfc822\r\n\r\nFrom: a@b.example\r\nSubject: the old one\r\n\r\nold words",
    )
    assert [one.name for one in found.attachments] == ["winmail.dat", "invite.ics", "smime.p7s", "the old one.eml"]
    assert found.text == "x"


def test_an_invitation_without_words_says_what_it_is_about() -> None:
    assert letter("Content-Type: text/calendar", body="BEGIN:VCALENDAR\r\nSUMMARY:Lunch\r\n").text == "Lunch"


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (
            ("Content-Type: multipart/encrypted; boundary=b",),
            "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--",
        ),
        (("Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",), "x"),
        ((), "-----BEGIN PGP MESSAGE-----\r\n\r\nhQ\r\n-----END PGP MESSAGE-----"),
    ],
)
def test_encrypted_mail_is_said_to_be(fields: tuple[str, ...], body: str) -> None:
    assert letter(*fields, body=body).encrypted


def test_files_inside_the_text_are_taken_out() -> None:
    found = letter(body=b"before\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nafter\r\n")
    assert [(one.name, one.data) for one in found.attachments] == [("cat.txt", b"Cat")]
    assert found.text.split() == ["before", "after"]


def test_a_mail_not_read_in_full_brings_itself_along() -> None:
    flood = multipart("mixed", *[TEXT + "x"] * 300)
    found = normalize.letter(flood)
    assert found.cut == "too_many_parts"
    assert found.attachments[-1].name == "message.eml"
    assert found.attachments[-1].data == flood


@pytest.mark.parametrize("body", [b"", b"\r\n", b"{}", b"\x00\x01", b"words only, and no header at all"])
def test_bytes_that_are_no_mail_are_refused_in_words(body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        normalize.letter(body)
    told = parse_output.to_dict(body)
    assert told["malformed"]
    assert set(told) == set(parse_output.to_dict(raw()))


def test_parse_tells_every_promised_key() -> None:
    told = parse_output.to_dict(raw("Subject: x", "In-Reply-To: <a@x>"))
    assert (told["from"], told["to"], told["in_reply_to"], told["malformed"]) == (
        "lena@example.org",
        ["help@example.com"],
        "a@x",
        None,
    )
    promised = {
        "from",
        "to",
        "subject",
        "message_id",
        "in_reply_to",
        "references",
        "date",
        "text",
        "reply",
        "html",
        "attachments",
    }
    assert promised | {"machine", "bounce", "malformed"} <= set(told)
