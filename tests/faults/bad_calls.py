"""The table of bad calls: which door, what is sent, what must be answered, and what of it is kept in quarantine."""

import gzip
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.faults.raw import PASSWORD, PNG, Answer, House, bomb, exchange, form, hooked, message

Bytes = bytes | Callable[[], bytes]
JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000
DIGITS = b"7" * 5_000
NESTED = b'{"a":' * 40 + b"1" + b"}" * 40
NUL = "a\x00b"
LONE = "a\ud800b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One bad call. `kept` is the code in quarantine, where the bytes are kept."""

    door: str
    name: str
    status: int
    send: Callable[[House], Awaitable[tuple[Answer, bytes]]]
    kept: str | None = None

    def __str__(self) -> str:
        return f"{self.door}: {self.name}"


def _made(body: Bytes) -> bytes:
    return body() if callable(body) else body


# -- hooks -------------------------------------------------------------------------------------------------------------


def _hook(name: str, status: int, body: Bytes, kept: str | None = None, **headers: str | bytes) -> Case:
    async def send(house: House) -> tuple[Answer, bytes]:
        raw = _made(body)
        return await hooked(house, raw, **headers), raw

    return Case(door="hooks", name=name, status=status, send=send, kept=kept)


def _field(name: str, status: int, *kept: str, **changed: object) -> Case:
    return _hook(name, status, lambda: message(**changed), *kept)


def _with(raw: bytes) -> Callable[[], bytes]:
    """A good message with one more field, written as these bytes."""
    return lambda: message()[:-1] + b', "more": ' + raw + b"}"


_SYNTAX = [
    _hook("empty body", 400, b"", "json_syntax"),
    _hook("broken JSON", 400, b'{"id": "x', "json_syntax"),
    _hook("not UTF-8", 400, b'{"id": "\xff\xfe"}', "encoding"),
    _hook("UTF-16", 400, '{"id": "x"}'.encode("utf-16"), "encoding"),
    _hook("something after the end", 400, b"{} {}", "json_syntax"),
    _hook("raw NUL in a string", 400, b'{"id": "a\x00b"}', "json_syntax"),
    _hook("null", 400, b"null", "wrong_type"),
    _hook("a number", 400, b"42", "wrong_type"),
    _hook("a string", 400, b'"hello"', "wrong_type"),
    _hook("NaN", 400, _with(b"NaN"), "json_number"),
    _hook("Infinity", 400, _with(b"-Infinity"), "json_number"),
    _hook("1e999", 400, _with(b"1e999"), "json_number"),
    _hook("5,000 digits", 400, _with(DIGITS), "json_number"),
    _hook("5,000 digits after the point", 400, _with(b"0." + DIGITS), "json_number"),
    _hook("100,000 brackets", 400, DEEP, "json_syntax"),
    _hook("100,000 braces", 400, b'{"a":' * 100_000, "json_syntax"),
    _hook("nested 40 deep", 400, _with(NESTED), "json_depth"),
    _hook("a key twice", 400, b'{"id": "1", "id": "2"}', "json_duplicate_key"),
    _hook("1,001 items", 400, lambda: b"[" + b",".join([message()] * 1001) + b"]", "too_many"),
    _hook("a list that ends early", 400, b"[{}, ", "json_syntax"),
    _hook("only bad items", 422, b"[17]"),
]
_FIELDS = [
    _field("no id", 400, "missing", id=None),
    _field("id a number", 400, "wrong_type", id=17),
    _field("id empty", 400, "missing", id=""),
    _field("id with NUL", 400, "bad_id", id=NUL),
    _field("id with a lone surrogate", 400, "bad_id", id=LONE),
    _field("id of 10,000 letters", 400, "too_long", id="x" * 10_000),
    _field("nobody wrote it", 400, "missing", **{"from": None}),
    _field("from a string", 400, "wrong_type", **{"from": "anna"}),
    _field("from.id a list", 400, "wrong_type", **{"from": {"id": [1]}}),
    _field("from.id with NUL", 400, "bad_id", **{"from": {"id": NUL}}),
    _field("from.name an object", 400, "wrong_type", **{"from": {"id": "c", "name": {}}}),
    _field("from.verified a word", 400, "wrong_type", **{"from": {"id": "c", "verified": "yes"}}),
    _field("attributes a list", 400, "wrong_type", **{"from": {"id": "c", "attributes": [1]}}),
    _field("no text", 400, "missing", text=None),
    _field("text a number", 400, "wrong_type", text=5),
    _field("sent_at a number", 400, "wrong_type", sent_at=1),
    _field("sent_at a word", 400, "bad_time", sent_at="yesterday"),
    _field("sent_at without zone", 400, "bad_time", sent_at="2026-11-22T10:00:00"),
    _field("sent_at before the first day", 400, "bad_time", sent_at="0001-01-01T00:00:00+14:00"),
    _field("sent_at after the last day", 400, "bad_time", sent_at="9999-12-31T23:59:59-14:00"),
    _field("language a list", 400, "wrong_type", language=["zh"]),
    _field("attachments a string", 400, "wrong_type", attachments="x"),
    _field("an attachment of script", 400, "bad_url", attachments=[{"url": "javascript:alert(1)"}]),
]
# what is repaired and stored: the message counts more than its characters
_STORED = [
    _field("text with NUL", 200, text=f"{NUL} zero"),
    _field("text with a lone surrogate", 200, text=f"{LONE} lone"),
    _field("name with NUL", 200, **{"from": {"id": "nul-name", "name": NUL}}),
    _field("attributes with poison", 200, **{"from": {"id": "poison", "attributes": {NUL: LONE, "n": 10**38}}}),
    _field("attributes over an old one", 200, **{"from": {"id": "poison", "attributes": {"x": [NUL, {LONE: 1e300}]}}}),
    _field("a text of 300,000 letters", 200, text="x" * 300_000),
    _field("a text of nothing but accents", 200, text="e" + "\u0301" * 50_000),
    _field("a year before computers", 200, sent_at="0001-01-02T00:00:00Z"),
    _field("an issue nobody knows", 200, issue="no-such-issue"),
    _field("a language nobody knows", 200, language="tlh"),
    _hook("a wrong content type", 200, message, content_type="text/plain; charset=klingon"),
    _hook("a list of nothing", 200, b"[]"),
]
_LARGE = [
    _hook("2 MiB", 413, b" " * (2 * 1024 * 1024)),
    _hook("a gzip bomb", 413, bomb, content_encoding="gzip"),
    _hook("broken gzip", 400, b"this is no gzip", content_encoding="gzip"),
    _hook("gzip cut off", 401, gzip.compress(b"x" * 5000)[:20], content_encoding="gzip"),
    _hook("broken deflate", 400, b"\xff\xff\xff\xff", content_encoding="deflate"),
]
_FORGED = [
    _hook("no signature", 401, message, webhook_signature=""),
    _hook("a wrong signature", 401, message, webhook_signature="v1,AAAA"),
    _hook("a signature that is no text", 401, message, webhook_signature=b"v1,\xff\xfe"),
    _hook("a webhook-id that is no text", 401, message, webhook_id=b"\xff\xfe"),
    _hook("a webhook-id too long", 401, message, webhook_id="x" * 5_000),
    _hook("signed last year", 401, message, webhook_timestamp=str(int(time.time()) - 31_536_000)),
    _hook("signed in the future", 401, message, webhook_timestamp=str(int(time.time()) + 3_000)),
    _hook("signed at no time", 401, message, webhook_timestamp="now"),
    _hook("signed at 5,000 digits", 401, message, webhook_timestamp="9" * 5_000),
    _hook("signed in other digits", 401, message, webhook_timestamp="１７００００００００".encode()),
    _hook("a header of 20,000 bytes", 400, message, x_junk="x" * 20_000),
    _hook("a header that is no text", 400, b"{", "json_syntax", x_junk=b"\xff\xfe\xfd"),
    _hook("a header of 7,000 bytes", 400, b"[", "json_syntax", x_junk="y" * 7_000),
]


# -- any other call ----------------------------------------------------------------------------------------------------


def _call(
    door: str, name: str, status: int, method: str, path: str, body: Bytes = b"",
    headers: Mapping[str, str | bytes] | None = None, *, who: str = "",
) -> Case:  # fmt: skip
    async def send(house: House) -> tuple[Answer, bytes]:
        raw = _made(body)
        token = {"agent": house.token, "visitor": house.visitor}.get(who)
        given = {"Authorization": f"Bearer {token}"} if token else {}
        where = path.replace("{id}", house.conversation)
        return await exchange(house.url, method, where, {**given, **(headers or {})}, raw), raw

    return Case(door=door, name=name, status=status, send=send)


_DOORS = [
    _call("hooks", "an unknown channel", 404, "POST", "/hooks/nobody", b"{}"),
    _call("hooks", "a channel of zeros", 404, "POST", "/hooks/%00", b"{}"),
    _call("hooks", "a channel that is no text", 404, "POST", "/hooks/%ff%fe", b"{}"),
    _call("hooks", "a channel without hooks", 404, "POST", "/hooks/site", b"{}"),
    _call("hooks", "GET without signature", 401, "GET", "/hooks/app"),
    _call("hooks", "PUT", 405, "PUT", "/hooks/app", b"{}"),
]


def _chat(name: str, status: int, body: Bytes, headers: Mapping[str, str | bytes] | None = None) -> Case:
    return _call("chat", name, status, "POST", "/chat/site/messages", body, headers, who="visitor")


def _said(**changed: object) -> Callable[[], bytes]:
    return lambda: json.dumps({"id": secrets.token_hex(6), "text": "Hello", **changed}).encode()


_GZIP = {"Content-Encoding": "gzip"}
_CHAT = [
    _call("chat", "no token", 401, "POST", "/chat/site/messages", _said()),
    _chat("a wrong token", 401, _said(), {"Authorization": "Bearer nobody"}),
    _chat("a token that is no text", 401, _said(), {"Authorization": b"Bearer \xff\xfe"}),
    _chat("a token of 7,000 letters", 401, _said(), {"Authorization": "Bearer " + "x" * 7000}),
    _chat("another site's page", 403, _said(), {"Origin": "https://evil.example"}),
    _chat("a site that is none", 403, _said(), {"Origin": "http://[::"}),
    _chat("empty body", 400, b""),
    _chat("broken JSON", 400, b'{"id": '),
    _chat("not UTF-8", 400, b'{"id": "\xff"}'),
    _chat("a list", 400, b"[]"),
    _chat("NaN", 400, b'{"id": "1", "text": NaN}'),
    _chat("5,000 digits", 400, b'{"id": ' + DIGITS + b"}"),
    _chat("nested 40 deep", 400, NESTED),
    _chat("100,000 brackets", 400, DEEP),
    _chat("a key twice", 400, b'{"id": "1", "id": "2"}'),
    _chat("no id", 422, _said(id=None)),
    _chat("id with NUL", 422, _said(id=NUL)),
    _chat("id with a lone surrogate", 422, _said(id=LONE)),
    _chat("id a number", 422, _said(id=5)),
    _chat("text a list", 422, _said(text=["x"])),
    _chat("no words", 422, _said(text="  ")),
    _chat("too many words", 422, _said(text="x" * 10_001)),
    _chat("a file nobody sent", 409, _said(attachments=["nothing"])),
    _chat("files that are numbers", 422, _said(attachments=[1])),
    _chat("text with NUL is repaired", 200, _said(text=NUL)),
    _chat("text with a lone surrogate is repaired", 200, _said(text=LONE)),
    _chat("a language that is a number", 422, _said(language=3)),
    _chat("a header key with odd letters", 422, b'{"text": "x"}', {"Idempotency-Key": b"\xff\xfe"}),
    _chat("200 KiB", 413, b" " * 200_000),
    _chat("a gzip bomb", 413, bomb, _GZIP),
    _chat("broken gzip", 400, b"this is no gzip", _GZIP),
    _call("chat", "after a word", 422, "GET", "/chat/site/messages?after=abc", who="visitor"),
    _call("chat", "after 5,000 digits", 422, "GET", "/chat/site/messages?after=" + "7" * 5000, who="visitor"),
    _call("chat", "after minus one", 422, "GET", "/chat/site/messages?after=-1", who="visitor"),
    _call("chat", "an unknown chat", 404, "POST", "/chat/%00/messages", _said()),
]


def _session(name: str, status: int, body: Bytes, headers: Mapping[str, str | bytes] | None = None) -> Case:
    return _call("sessions", name, status, "POST", "/chat/site/sessions", body, headers)


_SESSIONS = [
    _session("broken JSON", 400, b"{"),
    _session("a number", 400, b"7"),
    _session("a name that is a number", 422, b'{"name": 7}'),
    _session("a name of 300 letters", 422, json.dumps({"name": "x" * 300}).encode()),
    _session("a name with poison is repaired", 200, json.dumps({"name": NUL + LONE}).encode()),
    _session("an e-mail with poison", 422, json.dumps({"email": NUL + LONE}).encode()),
    _session("a language that is a list", 422, b'{"language": ["zh"]}'),
    _session("a proof where none is taken", 422, b'{"identity": "a.b.c"}'),
    _session("a gzip bomb", 413, bomb, _GZIP),
    _session("broken gzip", 400, b"no gzip at all", _GZIP),
]


def _upload(name: str, status: int, sent: tuple[dict[str, str], bytes], *, door: str = "uploads") -> Case:
    path, who = ("/chat/site/attachments", "visitor") if door == "uploads" else ("/api/v1/attachments", "agent")
    return _call(door, name, status, "POST", path, sent[1], sent[0], who=who)


_MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
_UPLOADS = [
    _upload("no form", 415, ({"Content-Type": "image/png"}, PNG)),
    _upload("a form without boundary", 400, ({"Content-Type": "multipart/form-data"}, PNG)),
    _upload("a form that is none", 400, (_MULTIPART, PNG)),
    _upload("a form that ends early", 400, (_MULTIPART, form(PNG)[1][:60])),
    _upload("a form without a file", 422, (_MULTIPART, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--\r\n')),
    _upload("an empty form", 422, (_MULTIPART, b"--b--\r\n")),
    _upload("a program", 415, form(b"MZ\x90\x00\x03" + b"\0" * 60, "x.png")),
    _upload("a web page is plain text to us", 200, form(b"<!doctype html><script>alert(1)</script>", "x.png")),
    _upload("a file name with poison", 400, form(PNG, "a\x00/../../b\ud800.png".encode(errors="surrogatepass").decode("latin-1"))),
    _upload("an empty file", 415, form(b"")),
    _upload("no form", 201, ({"Content-Type": "image/png"}, PNG), door="api"),
    _upload("a form without boundary", 400, ({"Content-Type": "multipart/form-data"}, PNG), door="api"),
    _upload("a form that is none", 400, (_MULTIPART, PNG), door="api"),
    _upload("an empty form", 400, (_MULTIPART, b"--b--\r\n"), door="api"),
    _upload("a file name with poison", 400, form(PNG, "a\x00b.png"), door="api"),
    _upload("a file name with a path", 201, form(PNG, "../../../etc/passwd"), door="api"),
]  # fmt: skip


def _api(name: str, status: int, method: str, path: str, body: object = None, **headers: str | bytes) -> Case:
    raw: Bytes = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    given: dict[str, str | bytes] = {**JSON, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return _call("api", name, status, method, "/api/v1" + path, raw, given, who="agent")


_SAY = "/conversations/{id}/messages"
_API = [
    _api("no JSON", 400, "POST", _SAY, b"{"),
    _api("not UTF-8", 400, "POST", _SAY, b'{"text": "\xff"}'),
    _api("a list", 422, "POST", _SAY, []),
    _api("nothing", 422, "POST", _SAY),
    _api("NaN", 400, "POST", _SAY, b'{"text": NaN}'),
    _api("5,000 digits", 400, "POST", _SAY, b'{"text": ' + DIGITS + b"}"),
    _api("100,000 brackets", 400, "POST", _SAY, DEEP),
    _api("a key twice", 400, "POST", _SAY, b'{"text": "a", "text": "b"}'),
    _api("text a number", 422, "POST", _SAY, {"text": 5}),
    _api("text with NUL", 422, "POST", _SAY, {"text": NUL}),
    _api("text with a lone surrogate", 422, "POST", _SAY, {"text": LONE}),
    _api("a field nobody knows", 422, "POST", _SAY, {"text": "x", "admin": True}),
    _api("an id of 300 letters", 422, "POST", _SAY, {"text": "x", "id": "y" * 300}),
    _api("a key that is no text", 422, "POST", _SAY, {"text": "x"}, Idempotency_Key=b"\xff\xfe"),
    _api("a file nobody sent", 409, "POST", _SAY, {"note": True, "text": "x", "attachments": ["nothing"]}),
    _api("another content type", 415, "POST", _SAY, {"text": "x"}, Content_Type="text/plain"),
    _api("a content type that is none", 415, "POST", _SAY, {"text": "x"}, Content_Type=b"\xff;;;"),
    _api("2 MiB", 413, "POST", _SAY, b" " * (2 * 1024 * 1024)),
    _call("api", "a gzip bomb", 413, "POST", "/api/v1" + _SAY, bomb, {**JSON, **_GZIP}, who="agent"),
    _api("broken gzip", 400, "POST", _SAY, b"no gzip at all", Content_Encoding="gzip"),
    _api("an id of zeros", 404, "POST", "/conversations/%00/messages", {"text": "x"}),
    _api("an id that is no text", 404, "GET", "/conversations/%ff%fe/messages"),
    _api("an id of 5,000 letters", 404, "GET", f"/conversations/{'x' * 5000}"),
    _api("an id nobody has", 404, "POST", "/conversations/nothing/take"),
    _api("a transfer to nobody", 422, "POST", "/conversations/{id}/transfer", {}),
    _api("a transfer to two", 422, "POST", "/conversations/{id}/transfer", {"queue": "general", "agent": "x"}),
    _api("a transfer to an unknown queue", 422, "POST", "/conversations/{id}/transfer", {"queue": "nowhere"}),
    _api("a transfer to an unknown agent", 422, "POST", "/conversations/{id}/transfer", {"agent": "nobody"}),
    _api("a transfer with poison", 422, "POST", "/conversations/{id}/transfer", {"queue": NUL}),
    _api("an unknown issue", 422, "POST", "/conversations/{id}/label", {"issue": "nothing"}),
    _api("a language with poison", 422, "POST", "/conversations/{id}/label", {"language": LONE}),
    _api("51 labels", 422, "POST", "/conversations/{id}/label", {"labels": ["x"] * 51}),
    _api("an empty label", 422, "POST", "/conversations/{id}/label", {"labels": [""]}),
    _api("read up to a trillion", 422, "POST", "/conversations/{id}/read", {"seq": 10**12}),
    _api("asleep for ever", 422, "POST", "/conversations/{id}/snooze", {"until": "9999-12-31T23:59:59-14:00"}),
    _api("asleep before time", 422, "POST", "/conversations/{id}/snooze", {"until": "0001-01-01T00:00:00+14:00"}),
    _api("asleep nowhere", 422, "POST", "/conversations/{id}/snooze", {"until": "2026-11-23T10:00:00"}),
    _api("an agent without address", 422, "POST", "/agents", {"email": "x", "name": "y"}),
    _api("an agent with poison", 422, "POST", "/agents", {"email": "a@b.example", "name": NUL}),
    _api("an agent at level nine", 422, "POST", "/agents", {"email": "a@b.example", "name": "y", "languages": {"en": 9}}),
    _api("an agent with less than no room", 422, "POST", "/agents", {"email": "a@b.example", "name": "y", "capacity": {"chat": -1}}),
    _api("an agent twice", 409, "POST", "/agents", {"email": "admin@example.com", "name": "y"}),
    _api("a presence nobody knows", 422, "PUT", "/me/presence", {"state": "asleep"}),
    _api("no limit", 422, "GET", "/conversations?limit=0"),
    _api("a limit of 5,000 digits", 422, "GET", f"/conversations?limit={'7' * 5000}"),
    _api("a limit twice", 422, "GET", "/conversations?limit=1&limit=2"),
    _api("a cursor of nonsense", 422, "GET", "/conversations?cursor=nonsense"),
    _api("a cursor of zeros", 422, "GET", "/conversations?cursor=%00"),
    _api("a state nobody knows", 422, "GET", "/conversations?state=lost"),
    _api("a search for zeros", 422, "GET", "/conversations?q=%00"),
    _api("a search for no text", 200, "GET", "/conversations?q=%ff%fe"),
    _api("a search for wildcards", 200, "GET", "/conversations?q=%25%5F%5C%27%22"),
    _api("an assignee of zeros", 422, "GET", "/conversations?assignee=%00"),
    _api("a quarantine of nonsense", 200, "GET", "/quarantine?cursor=nonsense"),
    _api("a token that is no text", 401, "GET", "/me", Authorization=b"Bearer \xff\xfe"),
    _api("no bearer", 401, "GET", "/me", Authorization="Basic YTpi"),
    _api("a path nobody knows", 404, "GET", "/nothing"),
    _api("a method nobody knows", 405, "PURGE", "/me"),
    _api("an event cursor that is a word", 422, "GET", "/events?cursor=abc"),
    _api("events without a socket", 426, "GET", "/events"),
]  # fmt: skip


def _login(name: str, status: int, body: bytes, **headers: str | bytes) -> Case:
    given = {**JSON, **{key.replace("_", "-"): value for key, value in headers.items()}}
    return _call("login", name, status, "POST", "/api/v1/login", body, given)


_LOGIN = [
    _login("nothing", 422, b""),
    _login("broken JSON", 400, b"{"),
    _login("an e-mail that is a list", 422, b'{"email": ["a"], "password": "b"}'),
    _login("a password of 100,000 letters", 422, json.dumps({"email": "a@b", "password": "x" * 100_000}).encode()),
    _login("an e-mail with poison", 422, json.dumps({"email": NUL, "password": "b"}).encode()),
    _login("a password with a lone surrogate", 422, json.dumps({"email": "a@b", "password": LONE}).encode()),
    _login("a token with poison", 422, json.dumps({"token": NUL}).encode()),
    _login("a token nobody has", 401, json.dumps({"token": "hg_nobody"}).encode()),
    _login("a password that is wrong", 401, json.dumps({"email": "x@example.com", "password": PASSWORD}).encode()),
    _login("another site's page", 403, b"{}", Origin="https://evil.example"),
    _login("a site that is none", 403, b"{}", Origin="http://[::"),
    _login("a gzip bomb", 413, bomb(), Content_Encoding="gzip"),
    _login("broken gzip", 400, b"no gzip at all", Content_Encoding="gzip"),
]

CASES: list[Case] = [
    *_SYNTAX, *_FIELDS, *_STORED, *_LARGE, *_FORGED, *_DOORS, *_CHAT, *_SESSIONS, *_UPLOADS, *_API, *_LOGIN,
]  # fmt: skip
