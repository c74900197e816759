"""HTML made safe to be shown to an agent: nothing runs, nothing is fetched without being asked for. Pure."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3

from channels.email.patterns import pattern

LARGEST = 500_000
BLOCKED = "blocked:"

_MOST_TAGS = 20_000
_DEEPEST = 1_000
_LONGEST_TAG = 64_000

_TAG = pattern(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_LONG_TAG = pattern(rf"<[a-zA-Z!/?][^>]{{{_LONGEST_TAG},}}")
# closed by the next of their kind, or never open: they add nothing to the depth
_SHALLOW = {
    "br",
    "hr",
    "img",
    "input",
    "meta",
    "link",
    "col",
    "p",
    "li",
    "td",
    "tr",
    "th",
    "dt",
    "dd",
    "option",
    "area",
    "base",
    "wbr",
    "source",
}
_TAGS = {
    "a", "abbr", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col",
    "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp",
    "section", "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr",
    "tt", "u", "ul", "var", "wbr",
}  # fmt: skip
_DROPPED = {
    "script",
    "style",
    "title",
    "noscript",
    "template",
    "svg",
    "math",
    "iframe",
    "object",
    "embed",
    "applet",
    "textarea",
    "select",
}
_ATTRIBUTES = {
    "*": {"align", "dir", "lang", "title", "valign", "style"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "table": {"width", "border", "cellpadding", "cellspacing", "bgcolor"},
    "td": {"colspan", "rowspan", "width", "bgcolor"},
    "th": {"colspan", "rowspan", "width", "bgcolor"},
    "font": {"color", "size", "face"},
    "ol": {"start", "type"},
}
_STYLES = {
    "color",
    "background-color",
    "font-weight",
    "font-style",
    "text-decoration",
    "text-align",
    "font-size",
    "white-space",
}
_SOURCE = pattern(r'src="cid:([^"]{1,400})"')


def _filtered(tag: str, name: str, value: str) -> str | None:
    """A remote picture would reveal to the sender when and where the mail is read: its address is kept, but not as a link."""
    if tag != "img" or name != "src":
        return value
    if value.lower().startswith(("http://", "https://")):
        return BLOCKED + value
    return value if value.lower().startswith("cid:") else None


def _cleaner(tags: set[str], asked: Callable[[str, str, str], str | None] | None) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags=_DROPPED,
        attributes={name: listed for name, listed in _ATTRIBUTES.items() if name in tags or name == "*"},
        attribute_filter=asked,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


# asking back for each attribute costs: only where there is a picture; where none was seen, none is let through
_WITH_PICTURES = _cleaner(_TAGS, _filtered)
_WITHOUT = _cleaner(_TAGS - {"img"}, None)


def safe(html: str) -> str | None:
    """The sanitised HTML; `None` where it is empty, or so large or deep that reading it safely would take too long."""
    if not html.strip() or len(html) > LARGEST or not shallow(html) or _LONG_TAG.search(html):
        return None
    cleaner = _WITH_PICTURES if "<img" in html or "<IMG" in html or "<Img" in html else _WITHOUT
    return cleaner.clean(html.replace("\x00", "")).strip() or None


def with_pictures(html: str, urls: Mapping[str, str]) -> str:
    """Pictures that lie in the mail get their address here; those that are nowhere lose it."""
    if '"cid:' not in html:
        return html

    def address(found: re.Match[str]) -> str:
        url = urls.get(unescape(found[1]))
        return f'src="{escape(url)}"' if url else 'src=""'

    return _SOURCE.sub(address, html)


def shallow(html: str) -> bool:
    """Whether the tags are few, and never nested so deep that the sanitiser's time grows with the square of it."""
    if html.count("<") <= _DEEPEST:
        return True
    depth = deepest = count = 0
    for found in _TAG.finditer(html):
        count += 1
        if found[2].lower() not in _SHALLOW:
            depth = max(0, depth - 1) if found[1] else depth + 1
            deepest = max(deepest, depth)
    return count <= _MOST_TAGS and deepest <= _DEEPEST
