"""Raw bytes -> a tree of parts, with caps on size, depth, number and header bytes. Pure, linear, and never surprised.

Written by hand instead of the standard library's parser: that one reads line by line and recurses with the input.
"""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from channels.email.mime import headers
from channels.email.mime.headers import Headers
from channels.email.patterns import pattern

LARGEST = 31_457_280
LARGEST_HEADER = 262_144
MOST_PARTS = 200
DEEPEST = 20

_BLANK = pattern(rb"\n\r?\n")
_TYPE = pattern(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,80}\Z")
_UU_LINE = pattern(rb"begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n")


@dataclass(slots=True, kw_only=True)
class Part:
    """One node. `body` is still encoded; `children` is empty for everything that is no multipart."""

    headers: Headers
    type: str
    parameters: dict[str, str]
    body: bytes
    children: list["Part"] = field(default_factory=list)

    @property
    def disposition(self) -> str:
        """`inline`, `attachment`, another word, or empty."""
        return headers.parameters(self.headers.raw("content-disposition"))[0]

    @property
    def file_name(self) -> str | None:
        """As the sender wrote it, decoded; not yet safe."""
        named = headers.parameters(self.headers.raw("content-disposition"))[1].get("filename")
        named = named or self.parameters.get("name")
        return headers.decoded(named) if named else None

    @property
    def cid(self) -> str | None:
        """The Content-ID without brackets."""
        found = self.headers.raw("content-id").strip().strip("<>").strip()
        return found[:200] or None

    def data(self) -> bytes:
        """The body decoded by its transfer encoding; what is damaged is decoded as far as it goes."""
        return transferred(self.body, self.headers.raw("content-transfer-encoding"))

    def walk(self) -> Iterator["Part"]:
        """This part and all below it, in the order of the mail."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class _Budget:
    parts: int = MOST_PARTS
    cut: str | None = None


def parse(raw: bytes) -> tuple[Part, str | None]:
    """The tree, and why it is not whole: `too_large`, `header_too_large`, `too_many_parts`, `too_deep`, or None."""
    budget = _Budget()
    if len(raw) > LARGEST:
        raw, budget.cut = raw[:LARGEST_HEADER], "too_large"
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    return _part(raw, 0, budget, "text/plain"), budget.cut


def _part(raw: bytes, depth: int, budget: _Budget, default: str) -> Part:
    block, body = split(raw)
    if len(block) > LARGEST_HEADER:
        block, budget.cut = block[:LARGEST_HEADER], budget.cut or "header_too_large"
    fields, forgotten = headers.read(block)
    kind, parameters = _content_type(fields, default)
    part = Part(headers=fields, type=kind, parameters=parameters, body=forgotten + body)
    if kind.startswith("multipart/"):
        _divide(part, depth, budget)
    return part


def _content_type(fields: Headers, default: str) -> tuple[str, dict[str, str]]:
    kind, parameters = headers.parameters(fields.raw("content-type"))
    if kind.startswith("multipart") and parameters.get("boundary"):
        return kind if _TYPE.match(kind) else "multipart/mixed", parameters
    if _TYPE.match(kind) is None:
        kind = {"text": "text/plain", "html": "text/html"}.get(kind, default if not kind else _repaired(kind))
    return kind, parameters


def _repaired(kind: str) -> str:
    """`text/html charset=x`, `image/png name`, `multipart`: the type that was meant, or a plain file."""
    word = kind.replace(",", " ").split()[0] if kind.split() else ""
    return word if _TYPE.match(word) else "application/octet-stream" if "/" in kind else "text/plain"


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The header block with its last line end, and the body behind the empty line."""
    if raw.startswith((b"\n", b"\r\n")):
        return b"", raw[1 if raw.startswith(b"\n") else 2 :]
    found = _BLANK.search(raw)
    if found is None:
        return raw, b""
    return raw[: found.start() + 1], raw[found.end() :]


def _divide(part: Part, depth: int, budget: _Budget) -> None:
    """Into children, or, where the boundary is missing or never seen, into nothing: the body is then a text."""
    boundary = part.parameters.get("boundary", "").strip().encode("utf-8", "replace")
    if not boundary:
        return
    if depth >= DEEPEST:
        budget.cut = budget.cut or "too_deep"
        return
    encoding = part.headers.raw("content-transfer-encoding").lower().strip()
    body = part.data() if encoding in ("base64", "quoted-printable") else part.body
    default = "message/rfc822" if part.type == "multipart/digest" else "text/plain"
    for start, end in _sections(body, b"--" + boundary):
        if end <= start:
            continue
        if budget.parts <= 0:
            budget.cut = budget.cut or "too_many_parts"
            return
        budget.parts -= 1
        part.children.append(_part(body[start:end], depth + 1, budget, default))


def _sections(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts between the delimiter lines begin and end; a missing last delimiter is forgiven."""
    start: int | None = None
    at = body.find(delimiter)
    while at >= 0:
        after = at + len(delimiter)
        if at == 0 or body[at - 1] in b"\r\n":
            line_end = _line_end(body, after)
            last = body.startswith(b"--", after)
            if last or not body[after:line_end].strip(b" \t\r"):
                if start is not None:
                    yield start, _before(body, start, at)
                if last and start is not None:
                    return
                start = min(line_end + 1, len(body))
        at = body.find(delimiter, after)
    if start is not None:
        yield start, len(body)


def _line_end(body: bytes, at: int) -> int:
    end = body.find(b"\n", at)
    return len(body) if end < 0 else end


def _before(body: bytes, start: int, at: int) -> int:
    """The line end before a delimiter belongs to the delimiter."""
    end = at
    if end > start and body[end - 1 : end] == b"\n":
        end -= 1
    if end > start and body[end - 1 : end] == b"\r":
        end -= 1
    return end


# -- transfer encodings ------------------------------------------------------------------------------------------------


def transferred(body: bytes, encoding: str) -> bytes:
    """Decoded as far as it goes. An unknown encoding is none."""
    name = encoding.partition(";")[0].strip().strip("\"'").lower()
    if name in ("base64", "b64"):
        return _base64(body)
    if name in ("quoted-printable", "qp"):
        return binascii.a2b_qp(body)
    if name in ("x-uuencode", "uuencode", "x-uue", "uue"):
        found = _UU_LINE.search(body)
        return body if found is None else uudecoded(body, found.end())[0]
    return body


def _base64(body: bytes) -> bytes:
    """Several runs, each with its own padding, are decoded one after another; a text footer behind them is dropped."""
    data = body.strip()
    inner = data.rstrip(b"=")
    if b"=" not in inner:
        return headers.base64_decoded(data)
    runs = [run for run in inner.split(b"=") if run.strip()][:MOST_PARTS]
    return b"".join(headers.base64_decoded(run) for run in runs)


def uudecoded(body: bytes, at: int) -> tuple[bytes, int]:
    """The bytes of the uuencoded lines from `at`, and where they end."""
    out: list[bytes] = []
    while at < len(body):
        end = _line_end(body, at)
        line = body[at:end].rstrip(b"\r")
        at = end + 1
        if line.strip() in (b"end", b""):
            if line.strip() == b"end":
                break
            continue
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            break
    return b"".join(out), min(at, len(body))


def uuencoded(body: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """Files written into a text as uuencode: name, bytes, where each begins and ends."""
    at = 0
    for _ in range(MOST_PARTS):
        found = _UU_LINE.search(body, at)
        if found is None:
            return
        data, at = uudecoded(body, found.end())
        starts_line = found.start() == 0 or body[found.start() - 1] in b"\r\n"
        if data and starts_line:
            yield found[1].decode("utf-8", "replace"), data, found.start(), at
