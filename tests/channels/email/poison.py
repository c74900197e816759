"""Mails that nobody should send: bombs, lies, floods, traps for patterns. Each is made when it is asked for."""

import base64
import zlib
from collections.abc import Callable

HEAD = b"From: Lena <lena@example.org>\r\nTo: help@example.com\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n"
PLAIN = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def nested(depth: int) -> bytes:
    """Multiparts in multiparts."""
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return HEAD + opened + b"\r\nthe innermost words\r\n"


def same_boundary(depth: int) -> bytes:
    """Multiparts in multiparts that all call their boundary alike."""
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' * depth + b"\r\nwords\r\n"


def forwarded(depth: int) -> bytes:
    """Mails in mails."""
    return HEAD + b"Content-Type: message/rfc822\r\n\r\n" * depth + b"words"


def many_parts(count: int) -> bytes:
    """One multipart with a flood of parts."""
    return HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def base64_in_base64(depth: int) -> bytes:
    """A multipart whose body is base64 of a multipart whose body is ..."""
    inner = b"Content-Type: text/plain\r\n\r\nwords"
    for n in range(depth):
        boundary = b"x%d" % n
        body = b"--" + boundary + b"\r\n" + inner + b"\r\n--" + boundary + b"--\r\n"
        inner = b"Content-Type: multipart/mixed; boundary=" + boundary
        inner += b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(body)
    return HEAD + inner


def header(name: bytes, value: bytes) -> bytes:
    """One field, and a body."""
    return HEAD + name + b": " + value + b"\r\n\r\nwords"


def html(page: bytes) -> bytes:
    """A page as the mail's body."""
    return HTML + page


def plain(text: bytes) -> bytes:
    """A text as the mail's body."""
    return PLAIN + text


POISON: dict[str, Callable[[], bytes]] = {
    "nested 30": lambda: nested(30),
    "nested 1,000": lambda: nested(1_000),
    "nested 20,000": lambda: nested(20_000),
    "one boundary 5,000 deep": lambda: same_boundary(5_000),
    "1,500 forwarded mails": lambda: forwarded(1_500),
    "100,000 forwarded mails": lambda: forwarded(100_000),
    "200,000 parts": lambda: many_parts(200_000),
    "201 parts": lambda: many_parts(201),
    "base64 in base64": lambda: base64_in_base64(25),
    "digest of nothing": lambda: HEAD + b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n" * 50_000,
    "boundary of 70,000 characters": lambda: header(b"Content-Type", b"multipart/mixed; boundary=" + b"b" * 70_000),
    "boundary of dashes": lambda: header(b"Content-Type", b"multipart/mixed; boundary=-") + b"\r\n" + b"-" * 500_000,
    "empty boundary": lambda: header(b"Content-Type", b'multipart/mixed; boundary=""') + b"\r\n--\r\n--\r\n--",
    "boundary without lines": lambda: header(b"Content-Type", b"multipart/mixed; boundary=b") + b"--b" * 300_000,
    "30 MB of letters": lambda: plain(b"x" * 30_000_000),
    "40 MB": lambda: plain(b"x y\r\n" * 8_000_000),
    "line ends": lambda: plain(b"\n" * 5_000_000),
    "carriage returns": lambda: PLAIN.replace(b"\r\n", b"\r") + b"\r" * 5_000_000,
    "NUL": lambda: plain(b"\x00" * 1_000_000),
    "300,000 fields": lambda: b"a:b\r\n" * 300_000 + b"\r\nwords",
    "a field of 10 MB": lambda: header(b"X-Long", b"x" * 10_000_000),
    "a field folded 100,000 times": lambda: header(b"Subject", b"x\r\n " * 100_000),
    "only fields": lambda: HEAD,
    "spaces before the colon": lambda: b"From" + b" " * 100_000 + b": x\r\n\r\nwords",
    "brackets in To": lambda: header(b"To", b"(" * 100_000),
    "brackets in From": lambda: b"From: " + b"(" * 16_000 + b"\r\n\r\nx",
    "quotes in To": lambda: header(b"To", b'"' * 16_001),
    "backslashes in To": lambda: header(b"To", b"\\" * 16_001),
    "quoted backslashes in From": lambda: b'From: "' + b"\\\\" * 8_000 + b"\r\n\r\nx",
    "50 kB of addresses": lambda: header(b"To", b", ".join(b"a%d@example.org" % n for n in range(3_000))),
    "angles in From": lambda: b"From: " + b"<" * 16_000 + b"\r\n\r\nx",
    "3,000 parameters": lambda: header(b"Content-Type", b"text/plain" + b"".join(b"; p%d=v" % n for n in range(3_000))),
    "3,000 sections of a name": lambda: header(
        b"Content-Disposition", b"attachment" + b"".join(b"; filename*%d*=%%41" % n for n in range(3_000))
    ),
    "semicolons": lambda: header(b"Content-Type", b"text/plain" + b";" * 200_000),
    "quotes in parameters": lambda: header(b"Content-Type", b'text/plain; a="' + b'\\"' * 100_000),
    "encoded words": lambda: header(b"Subject", b"=?utf-8?q?=41?= " * 10_000),
    "half encoded words": lambda: header(b"Subject", b"=?" * 8_000),
    "half encoded words with a charset": lambda: header(b"Subject", b"=?utf-8?q?" * 1_600),
    "line ends in an encoded word": lambda: header(b"Subject", b"=?utf-8?q?hi=0D=0ABcc=3A_evil=40x.example?="),
    "a surrogate in an encoded word": lambda: header(b"Subject", b"=?utf-8?b?7aCA?="),
    "utf-7": lambda: HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+" + b"A" * 100_000,
    "a charset that is code": lambda: HEAD + b"Content-Type: text/plain; charset=rot13\r\n\r\nuryyb",
    "a charset that packs": lambda: HEAD + b"Content-Type: text/html; charset=zlib\r\n\r\n" + zlib.compress(b"x" * 10_000_000),
    "a charset of NUL": lambda: HEAD + b'Content-Type: text/plain; charset="\x00"\r\n\r\nwords \xff',
    "a charset like a path": lambda: HEAD + b"Content-Type: text/plain; charset=../../etc/passwd\r\n\r\nwords \xff",
    "idna as charset": lambda: HEAD + b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"xn--a" * 20_000 + b"\xff",
    "punycode as charset": lambda: HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 50_000,
    "unicode escapes": lambda: HEAD + b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800\\x00",
    "utf-16 that is not": lambda: HEAD + b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + b"\xd8\x00" * 100_000,
    "utf-32 that is not": lambda: HEAD + b"Content-Type: text/plain; charset=utf-32\r\n\r\n" + b"\xff" * 100_001,
    "bytes of no charset": lambda: HEAD + b"\r\n" + bytes(range(128, 256)) * 20_000,
    "half a megabyte of one high byte": lambda: HEAD + b"\r\n" + b"\x80" * 500_000,
    "escapes of iso-2022": lambda: HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B\x1b(B" * 50_000,
    "bad base64": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A=B=" * 200_000,
    "base64 of one letter": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nA",
    "bad quoted-printable": lambda: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
    "uuencode without end": lambda: plain(b"begin 644 a\r\n" + b"M" + b"`" * 60 + b"\r\n"),
    "100,000 beginnings of uuencode": lambda: plain(b"begin 644 a\r\n" * 100_000),
    "50,000 divs": lambda: html(b"<div>" * 50_000),
    "20,000 blockquotes": lambda: html(b"<blockquote>" * 20_000 + b"x"),
    "900 blockquotes with text": lambda: html(b"<blockquote>x" * 900),
    "8,000 open tags": lambda: html(b"<a " * 8_000),
    "a tag of 5 MB": lambda: html(b"<a " + b"x=y " * 1_250_000 + b">"),
    "7,000 attributes": lambda: html(b"<a " + b" ".join(b"x%d=1" % n for n in range(7_000)) + b">"),
    "less than": lambda: html(b"<" * 500_000),
    "comments": lambda: html(b"<!--" * 100_000),
    "entities": lambda: html(b"&amp;" * 200_000),
    "entities that grow": lambda: html(b"&nvlt;" * 80_000),
    "tables in tables": lambda: html(b"<table><td>" * 10_000),
    "formatting left open": lambda: html(b"<b><i><u><font>" * 240 + b"<p>x" * 5_000),
    "links left open": lambda: html(b"<a href=https://x.example>" * 19_000 + b"x"),
    "styles": lambda: html(b'<p style="' + b"color:red;" * 40_000 + b'">x'),
    "selects": lambda: html(b"<select><option>" * 9_000),
    "svg in math": lambda: html(b"<svg><math><mtext><table><mglyph><style><!--" * 5_000),
    "doctype": lambda: html(b"<!DOCTYPE a [" + b'<!ENTITY b "&c;&c;">' * 10_000),
    "hidden in hidden": lambda: html(b'<div style="display:none">' * 900 + b"x"),
    "zero width": lambda: html("\u200b".encode() * 300_000),
    "quoted 100,000 deep": lambda: plain(b">" * 100_000 + b" x\r\n"),
    "a million quoted lines": lambda: plain(b"> x\r\n" * 900_000),
    "quoted and not in turn": lambda: plain(b"> x\r\ny\r\n" * 9_000),
    "attributions": lambda: plain(b"On Mon, 1 Jan 2026 at 10:00, A <a@b.example> wrote:\r\n" * 15_000),
    "nearly attributions": lambda: plain(b"On Mon, 1 Jan 2026 at 10:00, A <a@b.example\r\n" * 15_000 + b":"),
    "colons": lambda: plain(b":\r\n" * 19_000),
    "header lines": lambda: plain(b"From: x\r\n" * 19_000),
    "header lines of two kinds": lambda: plain(b"From: x\r\nTo: y\r\n" * 9_500),
    "delimiters": lambda: plain(b"-- \r\n" * 19_000),
    "words and delimiters": lambda: plain((b"x\r\n" + b"--\r\n" * 3) * 4_900),
    "rules": lambda: plain(b"x\r\n" + b"__________\r\n" * 19_000),
    "spaces": lambda: plain(b" " * 900_000),
    "spaces before a colon": lambda: plain((b"From" + b" " * 1_900 + b"x\r\n") * 400),
    "dashes": lambda: plain(b"-" * 900_000),
    "stars": lambda: plain((b"*" * 110 + b"\r\n") * 8_000),
    "at signs": lambda: plain(b"@" * 900_000),
    "addresses": lambda: plain(b"a@b." * 200_000),
    "a bounce of addresses": lambda: (
        b"From: MAILER-DAEMON@x.example\r\nReturn-Path: <>\r\nSubject: failure notice\r\n\r\n" + b"<a@b.example>: unknown\r\n" * 40_000
    ),
    "a bounce of one line": lambda: (
        b"From: MAILER-DAEMON@x.example\r\nReturn-Path: <>\r\nSubject: failure notice\r\n\r\n" + b"a@b.example unknown " * 40_000
    ),
    "a report of 50,000 blocks": lambda: (
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\n\r\n" * 50_000
    ),
    "authentication results": lambda: header(b"Authentication-Results", b"x" + b"; dkim=(" * 2_000) * 3,
    "message ids": lambda: header(b"References", b"<a@b> " * 2_700),
    "a message id of 16,000": lambda: header(b"References", b"<" + b"a" * 16_000 + b">"),
    "a date of digits": lambda: header(b"Date", b"9" * 16_000),
    "a date far away": lambda: header(b"Date", b"Mon, 1 Jan 9999999 00:00:00 +9999"),
    "a date with a zone of digits": lambda: header(b"Date", b"Mon, 1 Jan 2026 00:00:00 +" + b"9" * 70),
    "file names": lambda: (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b'--b\r\nContent-Type: application/x\r\nContent-Disposition: attachment; filename="../../../etc/pass\x00wd"\r\n\r\nx\r\n' * 60
    ),
    "a domain of labels": lambda: b"From: a@" + b"a." * 8_000 + b"b\r\n\r\nx",
    "a domain for idna": lambda: b"From: a@" + "ü".encode() * 4_000 + b".example\r\n\r\nx",
    "a calendar": lambda: HEAD + b"Content-Type: text/calendar\r\n\r\n" + b"SUMMARY;" + b"x" * 500_000,
    "meta charset": lambda: html(b"<meta " * 100_000),
}  # fmt: skip


# -- script in every field: what must never run, in each place that is shown --------------------------------------------

ELSEWHERE = "http://evil.example"
SCRIPTS: tuple[str, ...] = (
    "<script>hacked=1</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<img src=x onerror=hacked=1>",
    "<img src='http://evil.example/pixel.gif'>",
    "<svg onload=hacked=1>",
    "<svg><script>hacked=1</script></svg>",
    "<svg><animate onbegin=hacked=1 attributeName=x dur=1s></svg>",
    "<svg><a xlink:href='javascript:hacked=1'><text y=20>press</text></a></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=hacked=1&gt;'>",
    "<a href='javascript:hacked=1'>press</a>",
    "<a href='java\tscript:hacked=1'>press</a>",
    "<a href='data:text/html,<script>hacked=1</script>'>press</a>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "<iframe src='http://evil.example/'></iframe>",
    "<object data='http://evil.example/x.swf'></object><embed src='http://evil.example/y'>",
    "<style>@import 'http://evil.example/x.css'; body{background:url(http://evil.example/y)}</style>",
    "<p style=\"background:url('http://evil.example/z')\">x</p>",
    "<link rel=stylesheet href='http://evil.example/x.css'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>",
    "<base href='http://evil.example/'><a href=x>press</a>",
    "<form action='http://evil.example/'><input autofocus onfocus=hacked=1><button>press</button></form>",
    "<details open ontoggle=hacked=1>x</details>",
    "<video autoplay><source onerror=hacked=1></video><audio src=x onerror=hacked=1>",
    "<noscript><p title='</noscript><img src=x onerror=hacked=1>'>",
    "<!--><img src=x onerror=hacked=1>-->",
    "]]><script>hacked=1</script>",
)


def _named(name: str, kind: str = "application/octet-stream", body: bytes = b"x") -> bytes:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\t", " ").encode()
    part = b"--b\r\nContent-Type: %s\r\nContent-ID: <%s>\r\n" % (kind.encode(), quoted)
    part += b'Content-Disposition: attachment; filename="%s"\r\n\r\n%s\r\n--b--\r\n' % (quoted, body)
    return HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part


PLACES: dict[str, Callable[[str], bytes]] = {
    "subject": lambda script: header(b"Subject", script.encode().replace(b"\t", b" ")),
    "sender": lambda script: b'From: "%s" <lena@example.org>\r\n\r\nwords' % script.replace('"', "'").encode(),
    "sender in an encoded word": lambda script: (
        b"From: =?utf-8?b?%s?= <lena@example.org>\r\n\r\nwords" % base64.b64encode(script.encode())
    ),
    "text": lambda script: plain(script.encode()),
    "page": lambda script: html(b"<p>words</p>" + script.encode() + b"<p>more</p>"),
    "page in UTF-7": lambda script: (
        HEAD + b"Content-Type: text/html; charset=utf-7\r\n\r\n" + script.encode("utf-7") + b"words"
    ),
    "file name": lambda script: _named(script),
    "zip in a folder's name": lambda script: _named(f"../../{script}.zip", "application/zip", b"PK\x03\x04"),
    "picture": lambda script: _named("x.svg", "image/svg+xml", f"<svg xmlns='x'>{script}</svg>".encode()),
    "page as a file": lambda script: _named("x.html", "text/html", script.encode()),
    "calendar": lambda script: (
        HEAD + b"Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\nSUMMARY:" + script.encode() + b"\r\n"
    ),
    "ids": lambda script: b"Message-ID: <%s@x>\r\nIn-Reply-To: <%s@x>\r\n" % ((script.encode(),) * 2) + PLAIN,
}
HOSTILE: dict[str, Callable[[], bytes]] = {
    **POISON,
    **{
        f"{place}: {script[:40]}": lambda make=make, script=script: make(script)  # type: ignore[misc]
        for place, make in PLACES.items()
        for script in SCRIPTS
    },
}
