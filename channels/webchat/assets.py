"""The files of the customer's page, read once: with their types, versions and the headers that fence the page in."""

import hashlib
import html
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from channels.webchat.settings import Settings

FOLDER = Path(__file__).parent / "page"
LOADER = "widget.js"
TEMPLATE = "index.html"
FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_HOST_LETTERS = frozenset(string.ascii_letters + string.digits + ".-:[]")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is served."""

    body: bytes
    type: str
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """All files of one account's page. `version` changes with any of them and stands in their addresses.

    `mail`: what is not read follows by mail. `calls`: there is a button for being called.
    """

    template: str
    mail: bool
    calls: bool
    files: Mapping[str, Asset]
    version: str


def load(settings: Settings, folder: Path = FOLDER) -> Assets:
    """The files of the folder, with the account's own colour and greeting."""
    found = {
        path.relative_to(folder).as_posix(): _asset(path.read_bytes(), path.suffix)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in _TYPES
    }
    for language, words in settings.greeting.items():
        _greet(found, f"i18n/{language}.json", words)
    if settings.accent and "chat.css" in found:
        css = found["chat.css"].body + f"\n:root{{--accent:{settings.accent};--mine:{settings.accent}}}\n".encode()
        found["chat.css"] = _asset(css, ".css")
    template = folder / TEMPLATE
    version = hashlib.sha256("".join(asset.etag for asset in found.values()).encode()).hexdigest()[:12]
    text = template.read_text("utf-8") if template.exists() else ""
    return Assets(
        template=text, mail=settings.follow_up is not None, calls=settings.calls, files=found, version=version
    )


def page(assets: Assets, *, channel: str, title: str, language: str) -> str:
    """The page itself; every value is escaped."""
    values = {
        "channel": channel,
        "title": title,
        "language": language,
        "assets": f"/chat/{channel}/assets-{assets.version}/",
        "mail": "yes" if assets.mail else "no",
        "calls": "yes" if assets.calls else "no",
    }
    text = assets.template
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", html.escape(value, quote=True))
    return text


def page_headers(origins: Sequence[str], host: str) -> dict[str, str]:
    """Only own scripts and styles, no cookies, and no frame but on the allowed pages. `host` is where the page was asked for."""
    # 'self' covers the socket in current browsers; older ones want it by name
    sockets = f" ws://{host} wss://{host}" if _HOST_LETTERS.issuperset(host) else ""
    policy = (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        f"connect-src 'self'{sockets}",
        "base-uri 'none'",
        "form-action 'none'",
        " ".join(("frame-ancestors 'self'", *origins)),
    )
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": REVALIDATE,
    }


def _asset(body: bytes, suffix: str) -> Asset:
    return Asset(body=body, type=_TYPES[suffix], etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _greet(found: dict[str, Asset], name: str, words: str) -> None:
    if name in found:
        catalogue = json.loads(found[name].body) | {"welcome": words}
        found[name] = _asset(json.dumps(catalogue, ensure_ascii=False).encode(), ".json")
