"""What is read of a request: its body to the end, its fields, its token and its origin."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from aiohttp import hdrs, web

from channels import strict_json
from channels.callback import normalize
from channels.callback.callback_site import CallbackSite
from channels.callback.problems import Problem

BODY_LIMIT = 32 * 1024  # of whatever is posted there


async def body_of(request: web.Request) -> bytes:
    """The whole body, in however many pieces it comes. Raises `Problem` 413 for one above the limit."""
    if (request.content_length or 0) > BODY_LIMIT:
        raise Problem(413, "too_large")
    raw = bytearray()
    async for piece in request.content.iter_any():
        raw += piece
        if len(raw) > BODY_LIMIT:  # its length was not announced
            raise Problem(413, "too_large")
    return bytes(raw)


async def fields_of(request: web.Request) -> dict[str, str]:
    """What a form or an application asks for. Raises `FieldsAtFault`."""
    raw = await body_of(request)
    if is_form(request):
        return _form_fields(raw)
    data = strict_json.loads(raw)
    if not isinstance(data, Mapping):
        raise Problem(400, "bad_body")
    key = request.headers.get("Idempotency-Key")
    return normalize.fields({**({"id": key} if key else {}), **data})


def _form_fields(raw: bytes) -> dict[str, str]:
    pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=50)
    given = {name: value for name, value in pairs if name != "show"}
    return normalize.fields(given) | ({"show": "1"} if any(name == "show" for name, _ in pairs) else {})


async def link_fields_of(request: web.Request) -> dict[str, str]:
    """A token and a slot, of a form or of JSON."""
    raw = await body_of(request)
    if is_form(request):
        return dict(parse_qsl(raw.decode(), max_num_fields=10))
    data = strict_json.loads(raw) if raw else {}
    given = data if isinstance(data, dict) else {}
    return {str(name): value for name, value in given.items() if isinstance(value, str)}


def token_of(request: web.Request, given: Mapping[str, str]) -> str:
    """As bearer, in the form, or in the link."""
    scheme, _, bearer = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else given.get("token") or request.query.get("token", "")


def authorised_subject(request: web.Request, site: CallbackSite, token: str, purpose: str) -> str:
    """The id in the address, if this token is for it. Raises `Problem` 403."""
    subject = request.match_info["id"]
    if site.account.callback_links.subject(purpose, token) != subject:
        raise Problem(403, "link_bad")
    return subject


def is_form(request: web.Request) -> bool:
    """Whether a browser's form posted it."""
    return request.content_type == "application/x-www-form-urlencoded"


def wants_page(request: web.Request) -> bool:
    """Whether a person reads the answer."""
    return "text/html" in request.headers.get(hdrs.ACCEPT, "") or is_form(request)


def origin_allowed(request: web.Request, site: CallbackSite) -> bool:
    """No browser's page, the own page, or one that the account names."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origin in site.account.settings.origins:
        return True
    try:
        return urlsplit(origin).netloc == request.host
    except ValueError:
        return False
