"""XML as WeChat writes it: one level of fields, a few with fields of their own. Read without DTD and entities. Pure."""

from collections.abc import Mapping
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from conversation.errors import MalformedPayload

DEPTH = 8
MOST_FIELDS = 1000

_REPLACEMENT = "\ufffd"
# what XML forbids, and what no store keeps: customers send it all the same, and no message is lost for it
_POISON = dict.fromkeys(
    (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), _REPLACEMENT
)


class _Collector:
    """Fields by their path below the root, such as `ScanCodeInfo/ScanResult`; of several alike the first counts below the top."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.repeated: str | None = None
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _: Mapping[str, str]) -> None:
        self._path.append(tag)
        self._text.clear()
        if len(self._path) > DEPTH or len(self.fields) > MOST_FIELDS:
            raise MalformedPayload("more than WeChat ever writes", code="xml")

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, _: str) -> None:
        path = "/".join(self._path[1:])
        if path in self.fields and len(self._path) == 2:  # noqa: PLR2004 a field of the message itself
            self.repeated = path
        self.fields.setdefault(path, "".join(self._text))
        self._text.clear()
        self._path.pop()

    def close(self) -> Mapping[str, str]:
        return self.fields


def fields(body: bytes) -> Mapping[str, str]:
    """The fields of a whole document `<xml>...</xml>`. Raises `MalformedPayload`."""
    try:
        text = body.decode("utf-8", "surrogatepass").translate(_POISON)
    except UnicodeDecodeError as error:
        raise MalformedPayload(f"not UTF-8 at byte {error.start}", code="encoding") from None
    collector = _Collector()
    parser = DefusedXMLParser(target=collector, forbid_dtd=True)
    try:
        parser.feed(text.lstrip("\ufeff"))
        parser.close()
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise MalformedPayload(f"not XML: {type(error).__name__}", code="xml") from None
    if collector.repeated is not None:
        raise MalformedPayload(f"'{collector.repeated}' stands twice", code="xml")
    return collector.fields


def document(fields: Mapping[str, str]) -> bytes:
    """The same the other way: one level of fields."""
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>".encode()
