"""A desk without a house: the API and the events socket that the console speaks to, from memory, with handles for tests."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import BodyPartReader, WSMsgType, web

from desk.api.mail_html import page

CONSOLE = Path(__file__).parents[2] / "desk" / "console"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ME = {"id": "agent-wei", "name": "Wei Chen"}
Json = dict[str, Any]


def moment(minutes: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def conversation(number: int, **changes: Any) -> Json:
    it: Json = {
        "id": f"conversation-{number}",
        "reference": f"7K3M-9Q{number:02}",
        "state": "waiting",
        "queue": "payments",
        "queue_title": {"en": "Payments"},
        "assignee": None,
        "offered_to": None,
        "offer_until": None,
        "language": "zh",
        "issue": "topup",
        "priority": "normal",
        "customer": {"id": f"customer-{number}", "name": None, "verified": False, "language": "zh"},
        "kind": "chat",
        "channel": "site",
        "channels": ["site"],
        "labels": [],
        "attributes": {},
        "linked": None,
        "last_seq": 0,
        "waiting_since": moment(-number),
        "due": moment(15 - number),
        "snoozed_until": None,
        "created_at": moment(-number),
        "updated_at": moment(-number),
        "unread": 0,
    }
    return it | changes


TRIED = [
    {
        "rule": "A question about protection is no alarm",
        "matched": False,
        "reached": True,
        "conditions": [{"fact": "text", "wanted": "(?i)how (do|can) I", "found": False, "held": False}],
        "settled": [],
        "lost": [],
    },
    {
        "rule": "Chinese top-ups of VIPs",
        "matched": False,
        "reached": True,
        "conditions": [
            {"fact": "language", "wanted": "zh", "found": "zh", "held": True},
            {"fact": "issue", "wanted": "topup", "found": "topup", "held": True},
            {"fact": "customer.vip", "wanted": True, "found": None, "held": False},
        ],
        "settled": [],
        "lost": [],
    },
    {
        "rule": "Chinese money matters",
        "matched": True,
        "reached": True,
        "conditions": [
            {"fact": "language", "wanted": "zh", "found": "zh", "held": True},
            {"fact": "issue", "wanted": ["topup", "refund"], "found": "topup", "held": True},
        ],
        "settled": ["queue", "priority"],
        "lost": [],
    },
    {
        "rule": "Stolen money before everything",
        "matched": False,
        "reached": True,
        "conditions": [{"fact": "issue", "wanted": "unauthorised_security", "found": "topup", "held": False}],
        "settled": [],
        "lost": [],
    },
]
ELSEWHERE: list[Json] = [
    {"fact": "language", "values": ["fr", "de"], "queue": "safety", "priority": "normal", "open": True},
    {"fact": "customer.vip", "values": [True], "queue": "general", "priority": "high", "open": True},
]
PEOPLE: list[Json] = [
    {"agent": "mei@example.com", "name": "Mei", "place": 1, "why_not": []},
    {"agent": "jan@example.com", "name": "Jan", "place": None, "why_not": ["does not speak zh"]},
]
NEAREST = [TRIED[1], TRIED[0], TRIED[3]]
DECISION = {
    "joining": "new",
    "queue": "payments",
    "priority": "high",
    "revision": "0190aa-revision",
    "language": "zh",
    "language_confidence": 0.98,
    "language_source": "detected",
    "issue": "topup",
    "issue_confidence": 0.91,
    "issue_source": "words",
    "open": True,
    "due": moment(10),
    "settled_by": {"queue": "Chinese money matters", "priority": "Chinese money matters"},
}
QUEUES = [
    {
        "name": "payments",
        "title": {"en": "Payments", "zh": "支付", "fr": "Paiements", "de": "Zahlungen"},
        "open": True,
        "waiting": 2,
    },
    {"name": "safety", "title": {"en": "Safety", "zh": "安全"}, "open": True, "waiting": 0},
    {"name": "general", "title": {"en": "General", "zh": "综合"}, "open": False, "waiting": 0},
]
ISSUES = [
    {"id": "topup", "title": {"en": "Top-up", "zh": "充值"}},
    {"id": "refund", "title": {"en": "Refund", "zh": "退款"}},
]

SLOTS: list[Json] = [
    {"start": "2026-11-24T08:00:00Z", "end": "2026-11-24T08:30:00Z", "local": "2026-11-24T09:00"},
    {"start": "2026-11-24T08:30:00Z", "end": "2026-11-24T09:00:00Z", "local": "2026-11-24T09:30"},
]


class Held:
    """One answer that was written down, but has not left yet."""

    def __init__(self) -> None:
        self.written = asyncio.Event()
        self.release = asyncio.Event()


class FakeDesk:
    """Everything the console can ask for. `fail[path]` answers that problem once, `held[path]` holds that answer back
    once; `asked` is what came in."""

    def __init__(self) -> None:
        self.conversations: dict[str, Json] = {}
        self.messages: dict[str, list[Json]] = {}
        self.events: list[Json] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.cursors: list[str | None] = []
        self.presence = "offline"
        self.role = "agent"
        self.logged_in = False
        self.login_wait = 0  # seconds; every login is refused where it is set
        self.asked: list[tuple[str, str, Any]] = []
        self.fail: dict[str, tuple[int, str]] = {}
        self.held: dict[str, Held] = {}
        self.calls: dict[str, Json] = {}
        self.slots = SLOTS

    # -- handles for tests ---------------------------------------------------------------------------------------------

    def put(self, it: Json, *texts: str) -> Json:
        self.conversations[it["id"]] = it
        self.messages.setdefault(it["id"], [])
        for text in texts:
            self._keep(it["id"], "in", text)
        return it

    def _keep(self, conversation_id: str, direction: str, text: str, **changes: Any) -> Json:
        log = self.messages[conversation_id]
        kinds = {
            "in": ("customer", None, None),
            "out": ("agent", ME["id"], ME["name"]),
            "note": ("agent", ME["id"], ME["name"]),
        }
        kind, author, name = kinds[direction]
        message: Json = {
            "id": str(uuid4()),
            "conversation": conversation_id,
            "seq": len(log) + 1,
            "direction": direction,
            "channel": None if direction == "note" else "site",
            "author": {"kind": kind, "id": author, "name": name},
            "text": text,
            "html": None,
            "attachments": [],
            "status": "received" if direction != "out" else "queued",
            "error": None,
            "client_id": None,
            "sent_at": moment(),
            "created_at": moment(),
        }
        message |= changes
        log.append(message)
        it = self.conversations[conversation_id]
        self.conversations[conversation_id] = it | {"last_seq": len(log), "updated_at": moment()}
        return message

    async def hear(self, conversation_id: str, text: str, **changes: Any) -> Json:
        """The customer writes."""
        message = self._keep(conversation_id, "in", text, **changes)
        await self.tell("message.received", conversation_id, message)
        return message

    async def change(self, conversation_id: str, kind: str, **changes: Any) -> Json:
        """The conversation moves, by whomever."""
        it = self.conversations[conversation_id] | changes | {"updated_at": moment()}
        self.conversations[conversation_id] = it
        await self.tell(kind, conversation_id)
        return it

    async def tell(self, kind: str, conversation_id: str | None, message: Json | None = None, **more: Any) -> None:
        """One event to every socket."""
        event: Json = {"cursor": len(self.events) + 1, "at": moment(), "type": kind, "conversation": conversation_id}
        event |= {"visible": True, "agent": None, "data": {}}
        if conversation_id in self.conversations:
            event["snapshot"] = {
                key: value for key, value in self.conversations[conversation_id].items() if key != "unread"
            }
        if message is not None:
            event["message"] = message
        event |= more
        self.events.append(event)
        for socket in list(self.sockets):
            await socket.send_str(json.dumps(event))

    def hold(self, path: str) -> Held:
        """The next answer to a GET of this path is written at once and held back until released."""
        self.held[path] = Held()
        return self.held[path]

    async def drop(self) -> None:
        """The network breaks."""
        for socket in list(self.sockets):
            await socket.close(code=1012)

    def put_call(self, conversation_id: str, **changes: Any) -> Json:
        """A call is asked for in this conversation."""
        usual: Json = {"id": f"call-{conversation_id}", "state": "offered", "number": "+33199001234", "extension": "12"}
        usual |= {"tel": None, "name": None, "note": None, "language": "fr", "timezone": "Europe/Paris"}
        usual |= {"local_time": "2026-11-23T10:05", "slot": None, "slot_local": None, "next": None, "missed": False}
        self.calls[conversation_id] = usual | {"consent_at": None, "dialer": "manual", "attempts": []} | changes
        return self.calls[conversation_id]

    # -- the application -----------------------------------------------------------------------------------------------

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._around])
        api = "/api/v1"
        thread = f"{api}/conversations/{{id}}"
        app.add_routes(
            [
                web.get("/desk/", self._page),
                web.post(f"{api}/login", self._login),
                web.post(f"{api}/logout", self._logout),
                web.get(f"{api}/me", self._me),
                web.put(f"{api}/me/presence", self._presence),
                web.get(f"{api}/queues", self._queues),
                web.get(f"{api}/colleagues", self._colleagues),
                web.get(f"{api}/channels", self._channels),
                web.get(f"{api}/vocabulary", self._vocabulary),
                web.get(f"{api}/customers/{{id}}", self._customer),
                web.get(f"{api}/conversations", self._list),
                web.get(thread, self._one),
                web.get(f"{thread}/messages", self._messages),
                web.post(f"{thread}/messages", self._say),
                web.get(f"{thread}/messages/{{message}}/html", self._formatted),
                web.get(f"{thread}/explain", self._explain),
                web.post(f"{api}/explain", self._try),
                web.get(f"{thread}/callback", self._call),
                web.get(f"{thread}/callback/slots", self._slots),
                web.post(f"{thread}/callback/{{what}}", self._change_call),
                web.post(f"{thread}/{{verb}}", self._move),
                web.post(f"{api}/attachments", self._upload),
                web.get(f"{api}/events", self._socket),
                web.static("/desk/", CONSOLE),
            ]
        )
        return app

    @web.middleware
    async def _around(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path in self.fail:
            status, code = self.fail.pop(request.path)
            return web.json_response({"status": status, "code": code, "detail": code}, status=status)
        if not self.logged_in and request.path.startswith("/api/") and not request.path.endswith("/login"):
            return web.json_response({"status": 401, "code": "not_authenticated"}, status=401)
        answer: web.StreamResponse = await handler(request)
        if request.method == "GET" and (held := self.held.pop(request.path, None)):
            held.written.set()
            await held.release.wait()
        if not answer.prepared:
            answer.headers.setdefault("Content-Security-Policy", POLICY)
        return answer

    async def _body(self, request: web.Request) -> Json:
        body = await request.json() if request.can_read_body else {}
        self.asked.append((request.method, request.path, body))
        return dict(body)

    async def _items(self, items: list[Json]) -> web.Response:
        return web.json_response({"items": items, "next": None})

    async def _queues(self, _: web.Request) -> web.Response:
        return await self._items(QUEUES)

    async def _colleagues(self, _: web.Request) -> web.Response:
        return await self._items([{"id": "agent-ann", "name": "Ann Lee", "presence": "online"}])

    async def _channels(self, _: web.Request) -> web.Response:
        return await self._items([{"name": "site", "kind": "webchat"}, {"name": "app", "kind": "webhook"}])

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(CONSOLE / "index.html")

    async def _login(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if self.login_wait:
            headers = {"Retry-After": str(self.login_wait)}
            return web.json_response({"status": 429, "code": "too_many_logins"}, status=429, headers=headers)
        self.logged_in = body.get("token") == "once" or body.get("password") == "correct horse"
        if not self.logged_in:
            return web.json_response({"status": 401, "code": "wrong_credentials"}, status=401)
        return web.json_response({"agent": ME, "role": "agent", "expires_at": moment(720)})

    async def _logout(self, _: web.Request) -> web.Response:
        self.logged_in = False
        return web.json_response({"ok": True})

    async def _me(self, _: web.Request) -> web.Response:
        return web.json_response(
            {**ME, "email": "wei@example.com", "role": self.role, "presence": self.presence, "expires_at": None}
        )

    async def _presence(self, request: web.Request) -> web.Response:
        self.presence = (await self._body(request))["state"]
        return web.json_response({"state": self.presence, "expires_at": moment(1)})

    async def _vocabulary(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"languages": ["zh", "en", "fr", "de"], "default_language": "en", "issues": ISSUES, "calls": ["phone"]}
        )

    async def _customer(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        number = name.rpartition("-")[2]
        identities = [
            {
                "id": "i1",
                "channel": "site",
                "address": "v",
                "name": None,
                "email": "lin@example.com",
                "phone": None,
                "verified": False,
            },
            {
                "id": "i2",
                "channel": "app",
                "address": "u",
                "name": None,
                "email": None,
                "phone": "+86 139 0000 0000",
                "verified": True,
            },
        ]
        earlier = [it for it in self.conversations.values() if it["customer"]["id"] == name]
        before = conversation(90 + int(number), state="closed", issue="refund", updated_at=moment(-9000))
        known = next((it["customer"]["name"] for it in earlier), None)
        customer = {"id": name, "name": known, "language": "zh", "language_source": "detected", "verified": False}
        customer |= {"attributes": {"vip": True, "level": 3}, "created_at": moment(-9000)}
        return web.json_response(customer | {"identities": identities, "conversations": [*earlier, before]})

    async def _list(self, request: web.Request) -> web.Response:
        asked = request.query
        states = asked["state"].split(",") if "state" in asked else []
        found = [
            it
            for it in self.conversations.values()
            if (not states or it["state"] in states)
            and ("queue" not in asked or it["queue"] == asked["queue"])
            and ("assignee" not in asked or (it["assignee"] or {}).get("id") == asked["assignee"])
            and ("q" not in asked or any(asked["q"] in message["text"] for message in self.messages[it["id"]]))
        ]
        found.sort(key=lambda it: str(it["updated_at"]), reverse=True)
        return await self._items(found)

    async def _one(self, request: web.Request) -> web.Response:
        it = self.conversations.get(request.match_info["id"])
        return web.json_response(it) if it else web.json_response({"code": "not_found"}, status=404)

    async def _messages(self, request: web.Request) -> web.Response:
        after, limit = int(request.query.get("after", 0)), int(request.query.get("limit", 200))
        log = self.messages[request.match_info["id"]]
        return web.json_response(
            {"items": log[after : after + limit], "next": str(after + limit) if len(log) > after + limit else None}
        )

    async def _formatted(self, request: web.Request) -> web.Response:
        said = self.messages[request.match_info["id"]]
        (message,) = [one for one in said if one["id"] == request.match_info["message"]]
        return page(message["html"], pictures="pictures" in request.query)

    async def _say(self, request: web.Request) -> web.Response:
        body, wanted = await self._body(request), request.match_info["id"]
        direction = "note" if body.get("note") else "out"
        channel = body.get("channel") or (None if direction == "note" else "site")
        message = self._keep(wanted, direction, body["text"], client_id=body["id"], channel=channel)
        await self.tell("note.added" if direction == "note" else "message.sent", wanted, message)
        if direction == "out":
            message["status"] = "delivered"
            await self.tell("message.status", wanted, message)
        return web.json_response(message, status=201)

    async def _explain(self, _: web.Request) -> web.Response:
        told = {"decision": "d1", "tried": TRIED, "nearest": NEAREST, "at": moment()}
        return web.json_response(DECISION | told | {"counterfactuals": ELSEWHERE, "candidates": PEOPLE})

    async def _try(self, request: web.Request) -> web.Response:
        body = await self._body(request)
        if body["channel"] not in ("site", "app"):
            return web.json_response({"code": "invalid", "detail": "there is no such channel"}, status=422)
        told = {"tried": TRIED, "nearest": NEAREST, "at": body.get("at", moment()), "candidates": None}
        said = {"spoken": ["We are closed and open again tomorrow at 09:00."], "webhooks": ["freeze"], "labels": []}
        return web.json_response(DECISION | told | said | {"counterfactuals": ELSEWHERE})

    async def _move(self, request: web.Request) -> web.Response:
        body, wanted, verb = await self._body(request), request.match_info["id"], request.match_info["verb"]
        nobody: Json = {"assignee": None, "offered_to": None, "offer_until": None}
        moves: Mapping[str, Json] = {
            "take": nobody | {"state": "assigned", "assignee": ME},
            "release": nobody | {"state": "waiting"},
            "close": nobody | {"state": "closed"},
            "reopen": nobody | {"state": "waiting"},
            "snooze": nobody | {"state": "snoozed", "snoozed_until": body.get("until")},
            "transfer": nobody | {"state": "waiting", "queue": body.get("queue", "payments")},
            "label": {key: value for key, value in body.items() if key in ("language", "issue", "labels")},
        }
        if verb not in moves:
            return web.json_response({"ok": True})
        return web.json_response(await self.change(wanted, "conversation.updated", **moves[verb]))

    async def _call(self, request: web.Request) -> web.Response:
        found = self.calls.get(request.match_info["id"])
        return web.json_response(found or {"status": 404, "code": "no_callback"}, status=200 if found else 404)

    async def _slots(self, _: web.Request) -> web.Response:
        return web.json_response({"timezone": "Europe/Paris", "items": self.slots})

    async def _change_call(self, request: web.Request) -> web.Response:
        body, wanted, what = await self._body(request), request.match_info["id"], request.match_info["what"]
        one = self.calls[wanted]
        slot = next((slot for slot in self.slots if slot["start"] == body.get("slot")), None)
        tried = {"id": "a1", "number": 1, "agent": ME["id"], "dialer": "manual", "created_at": moment()}
        tried |= {"connected_at": None, "ended_at": None, "outcome": None, "note": None}
        changes: Mapping[str, Json] = {
            "dial": {"state": "dialing", "tel": "tel:+33199001234;ext=12", "attempts": [tried]},
            "cancel": {"state": "cancelled"},
            "slot": {"state": "scheduled" if slot else "due", "slot_local": slot["local"] if slot else None},
            "outcome": {"state": body.get("outcome"), "tel": None},
        }
        self.calls[wanted] = one | changes[what]
        if what == "outcome":
            return web.json_response(await self.change(wanted, "conversation.updated"))
        return web.json_response(self.calls[wanted])

    async def _upload(self, request: web.Request) -> web.Response:
        part = await (await request.multipart()).next()
        assert isinstance(part, BodyPartReader)
        about = {"id": str(uuid4()), "name": part.filename, "type": "text/plain", "size": len(await part.read())}
        return web.json_response(about, status=201)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        cursor = request.query.get("cursor")
        self.cursors.append(cursor)
        for event in self.events[int(cursor) :] if cursor is not None else []:
            await socket.send_str(json.dumps(event))
        self.sockets.append(socket)
        try:
            async for frame in socket:
                if frame.type is WSMsgType.ERROR:
                    break
        finally:
            self.sockets.remove(socket)
        return socket


async def seen(desk: FakeDesk, method: str, ending: str) -> Any:
    """The body of a request that ended so, once it came; at most twenty seconds."""
    for _ in range(400):
        for asked, path, body in desk.asked:
            if asked == method and path.endswith(ending):
                return body
        await asyncio.sleep(0.05)
    raise AssertionError(f"nobody asked {method} ...{ending}: {desk.asked}")
