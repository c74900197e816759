"""A mail as its sender laid it out, for a frame in the console: nothing runs, and nothing is fetched that was not asked for."""

from aiohttp import hdrs, web

from conversation.errors import NotFound
from desk.http.authentication import Who, visible
from desk.http.routing import ApiRequest, Input, Routes

routes = Routes("messages")

# the sanitiser writes this before addresses of pictures that lie elsewhere
BLOCKED = 'src="blocked:'
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'{elsewhere}; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
)
_PAGE = (
    '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title></title><style>'
    "body {{ margin: 12px; font: 15px/1.5 system-ui, sans-serif; color: #1a1c1e; background: #fff; overflow-wrap: anywhere }}"
    " img {{ max-width: 100%; height: auto }} table {{ max-width: 100% }}"
    " blockquote {{ margin: 8px 0; padding-inline-start: 12px; border-inline-start: 3px solid #ccc }}</style>{body}"
)


class Wishes(Input):
    """`pictures`: the agent agreed that pictures are fetched from elsewhere, by which the sender learns that the mail is read."""

    pictures: bool = False


@routes.add("GET", "/conversations/{id}/messages/{message}/html", who=Who.AGENT, media="text/html")
async def formatted(call: ApiRequest[None, Wishes]) -> web.StreamResponse:
    """The message's HTML as a page of its own: no script, no form, no picture from elsewhere unless `pictures` says so."""
    identifier = call.path("message")
    async with call.services.storage.read("desk.html") as work:
        found = await visible(call.services, work, call.agent, call.path("id"))
        message = (await work.messages.find([identifier])).get(identifier)
    if message is None or message.conversation != found.id or not message.html:
        raise NotFound(identifier)
    return page(message.html, pictures=call.query.pictures)


def page(html: str, *, pictures: bool) -> web.Response:
    """Sanitised HTML as a page of its own, under a policy that lets nothing else in."""
    body = html.replace(BLOCKED, 'src="' if pictures else 'data-elsewhere="')
    headers = {
        "Content-Security-Policy": _POLICY.format(elsewhere=" https: http:" if pictures else ""),
        hdrs.CACHE_CONTROL: "private, no-store",
    }
    return web.Response(text=_PAGE.format(body=body), content_type="text/html", headers=headers)
