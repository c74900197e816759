"""HTML -> the text that a reader would see, with quotations marked. Pure; the tree is walked without recursion."""

from dataclasses import dataclass, field
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from channels.email.mime.html_safe import shallow
from channels.email.patterns import pattern
from channels.email.replies.lines import HARD, SOFT

LARGEST = 1_000_000
_MOST_NODES = 60_000
_DEEPEST_QUOTE = 20

_DROPPED = {
    "script",
    "style",
    "head",
    "title",
    "meta",
    "link",
    "template",
    "noscript",
    "iframe",
    "object",
    "svg",
    "math",
    "select",
}
_BLOCKS = {
    "div",
    "table",
    "tr",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "section",
    "article",
    "header",
    "footer",
    "form",
    "center",
    "address",
}
_BLOCKS |= {"li", "fieldset", "main", "aside", "nav", "figure", "caption", "tbody", "thead"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr"}
_SPACES = pattern(r"[ \t\r\n\f]+")
_ZERO_WIDTH = pattern(
    r"[\u200b-\u200d\u2060\ufeff\u00ad\u034f]+(?=\s|[\u200b-\u200d\u2060\ufeff\u00ad\u034f\u00a0]|\Z)"
)
_HIDDEN = pattern(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?![.\d])|max-height\s*:\s*0(?![.\d])",
    2,
)
_ANY_TAG = pattern(r"<[^<>]*>?")
_LINES = pattern(r"\n{3,}")
_BORDER = pattern(r"border-top(?:-style|-width)?\s*:|border\s*:\s*none\s*;\s*border-top", 2)

# containers that mail programs put around what they copy: with the program's own attribution, or without any
_SOFT_CLASSES = {
    "gmail_quote",
    "moz-cite-prefix",
    "protonmail_quote",
    "tutanota_quote",
    "gmail_attr",
    "zmail_extra",
    "cm_quote",
}
_HARD_CLASSES = {"yahoo_quoted", "outlookmessageheader", "ms-outlook-mobile-reference-message", "moz-forward-container"}
_HARD_IDS = {
    "divrplyfwdmsg",
    "appendonsend",
    "olk_src_body_section",
    "stopspelling",
    "zwchr",
    "isreplycontent",
    "isforwardcontent",
}
_HARD_IDS |= {"mail-editor-reference-message-container", "reply-intro", "origbody", "oriform", "spnemailheader"}


@dataclass(slots=True)
class _Out:
    """The lines so far; `gap` is how many line ends are due before the next words."""

    lines: list[str] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    quotes: int = 0
    pre: int = 0
    gap: int = 0
    space: bool = False

    def words(self, text: str) -> None:
        if not self.pre:
            self._flowing(text)
            return
        for number, line in enumerate(text.split("\n")):
            if number:
                self.line_end()
            self.now.append(line)

    def _flowing(self, text: str) -> None:
        plain = _SPACES.sub(" ", text)
        if plain == " " or not plain:
            self.space = self.space or bool(plain and self.now)
            return
        if plain[0] == " " or self.space:
            self.now.append(" " if self.now else "")
        self.space = plain[-1] == " "
        self.now.append(plain.strip(" "))

    def line_end(self) -> None:
        """The line is done, empty or not."""
        prefix = "> " * min(self.quotes, _DEEPEST_QUOTE)
        self.lines.append((prefix + "".join(self.now).replace("\u00a0", " ")).rstrip())
        self.now.clear()
        self.space = False

    def block(self, *, paragraph: bool = False) -> None:
        """A block begins or ends: what was begun is a line; a paragraph has an empty line around it."""
        if self.now:
            self.line_end()
        if paragraph and self.lines and self.lines[-1].strip("> "):
            self.line_end()

    def mark(self, mark: str) -> None:
        self.block()
        self.lines.append("> " * min(self.quotes, _DEEPEST_QUOTE) + mark)


def text_of(html: str) -> str:
    """The visible text; quotations are marked as in plain mail, and lines HARD and SOFT stand where programs began copies."""
    if not shallow(html[:LARGEST]):
        return _flat(html[:LARGEST])
    out = _Out()
    root = LexborHTMLParser(html[:LARGEST]).root
    if root is not None:
        _walk(root, out)
    out.block()
    whole = _ZERO_WIDTH.sub("", "\n".join(out.lines))
    return _LINES.sub("\n\n", whole).strip("\n")


def _flat(html: str) -> str:
    """The words of a page too deep or too full for a tree: everything between the tags."""
    return unescape(_SPACES.sub(" ", _ANY_TAG.sub(" ", html))).strip()


def _walk(root: LexborNode, out: _Out) -> None:
    """Depth first by the links between the nodes: a tree of any depth is walked in constant stack."""
    node: LexborNode | None = root
    open_: list[LexborNode] = []
    for _ in range(_MOST_NODES):
        if node is None:
            return
        inner = node.first_child if _opened(node, out) else None
        if inner is not None:
            open_.append(node)
            node = inner
            continue
        _closed(node, out)
        while node.next is None and open_:
            node = open_.pop()
            _closed(node, out)
        node = node.next if open_ else None


def _opened(node: LexborNode, out: _Out) -> bool:
    """Take what begins here; whether its children are to be seen."""
    tag = node.tag
    if tag == "-text":
        out.words(node.text_content or "")
        return False
    if tag in _DROPPED or tag is None or tag.startswith("-"):
        return False
    attributes = node.attributes
    if attributes:
        if _hidden(attributes):
            return False
        _begin_copy(tag, attributes, node, out)
    _layout(tag, attributes, out)
    return True


def _layout(tag: str, attributes: dict[str, str | None], out: _Out) -> None:
    if tag == "br":
        out.line_end()
    elif tag == "img":
        out.words(attributes.get("alt") or "")
    elif tag in _PARAGRAPHS:
        out.block(paragraph=True)
        out.quotes += tag == "blockquote"
        out.pre += tag == "pre"
    elif tag in _BLOCKS:
        out.block()
        if tag == "li":
            out.now.append("- ")
    elif tag in ("td", "th"):
        out.space = bool(out.now)


def _hidden(attributes: dict[str, str | None]) -> bool:
    return "hidden" in attributes or _HIDDEN.search(attributes.get("style") or "") is not None


def _begin_copy(tag: str, attributes: dict[str, str | None], node: LexborNode, out: _Out) -> None:
    name = (attributes.get("id") or "").lower()
    classes = set((attributes.get("class") or "").lower().split())
    if (
        name.removeprefix("x_") in _HARD_IDS
        or {one.removeprefix("x_").removeprefix("ecx") for one in classes} & _HARD_CLASSES
    ):
        out.mark(HARD)
    elif classes & _SOFT_CLASSES and tag != "blockquote" and "gmail_quote" not in _parents(node):
        out.mark(SOFT)
    elif tag == "hr" and "210px" in (attributes.get("style") or ""):
        out.mark(HARD)  # Foxmail's rule above a copied mail


def _parents(node: LexborNode) -> str:
    above = node.parent
    return ((above.attributes.get("class") if above is not None else "") or "").lower()


def _closed(node: LexborNode, out: _Out) -> None:
    tag = node.tag
    if tag in _PARAGRAPHS:
        out.block()
        out.quotes -= tag == "blockquote"
        out.pre -= tag == "pre"
        out.block(paragraph=True)
    elif tag in _BLOCKS:
        out.block()
    elif tag == "a":
        _link(node, out)


def _link(node: LexborNode, out: _Out) -> None:
    """Where a link leads, unless its text shows it."""
    target = (node.attributes.get("href") or "").strip()
    if not target.lower().startswith(("http://", "https://")) or len(target) > 2000:  # noqa: PLR2004
        return
    words = "".join(out.now[-3:]).strip()
    bare = target.split("://", 1)[1].rstrip("/")
    if words and bare not in words:
        out.now.append(f" <{target}>")
