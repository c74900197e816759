"""A chat without a house: the sessions, socket and files that the customers' page speaks to, from memory."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aiohttp import BodyPartReader, web

from channels.webchat import assets
from channels.webchat.settings import Settings
from tests.browser.fake_desk import moment

Json = dict[str, Any]


class FakeChat:
    """One chat account called `site`. `answering` False keeps acknowledgements back; `refused` counts hellos to turn away."""

    def __init__(self) -> None:
        self.log: list[Json] = []
        self.hellos: list[Json] = []
        self.frames: list[Json] = []
        self.said: dict[str, int] = {}
        self.sessions: list[Json] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.files: dict[str, tuple[str, str, bytes]] = {}
        self.status: Json = {"open": True, "next_opening": None}
        self.answering = True
        self.close_next: int | None = None
        self.removed = False  # files that a message names
        self.refusal: tuple[int, str] | None = None  # of uploads: status and code
        self.origin = ""
        self.agent: str | None = "Wei"
        self.follow_up: str | None = None
        self.calls = False
        self.title = "Example Wallet"
        self.addresses: list[str] = []

    async def tell(self, kind: str, value: object) -> None:
        for socket in list(self.sockets):
            await socket.send_str(json.dumps({kind: value}))

    async def answer(
        self, text: str, *, kind: str = "agent", attachments: list[Json] | None = None, **more: Any
    ) -> None:
        """Somebody answers the visitor."""
        author = {"kind": kind, "name": self.agent} if kind == "agent" else {"kind": kind}
        await self._keep("out", text, author, attachments or [], **more)

    async def _keep(
        self, direction: str, text: str, author: Mapping[str, Any], attachments: list[Json], **more: Any
    ) -> Json:
        message: Json = {"seq": len(self.log) + 1, "id": str(uuid4()), "conversation": "c1", "direction": direction}
        message |= {
            "author": dict(author),
            "text": text,
            "attachments": attachments,
            "status": "sent",
            "sent_at": moment(),
        }
        message |= more
        self.log.append(message)
        await self.tell("message", message)
        return message

    async def drop(self, code: int = 1012) -> None:
        for socket in list(self.sockets):
            await socket.close(code=code)

    def routes(self) -> list[web.RouteDef]:
        base = "/chat/site"
        return [
            web.get(base, self._page),
            web.get(base + "/widget.js", self._widget),
            web.get(base + "/assets-{version}/{file:.+}", self._file),
            web.post(base + "/sessions", self._session),
            web.put(base + "/address", self._address),
            web.get(base + "/messages", self._messages),
            web.post(base + "/attachments", self._upload),
            web.get(base + "/attachments/{id}", self._download),
            web.get(base + "/socket", self._socket),
        ]

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes(self.routes())
        return app

    def _assets(self) -> assets.Assets:
        return assets.load(Settings.model_validate({"follow_up": self.follow_up, "calls": self.calls}))

    async def _page(self, request: web.Request) -> web.Response:
        text = assets.page(self._assets(), channel="site", title=self.title, language="en")
        headers = assets.page_headers([self.origin] if self.origin else [], f"http://{request.host}")
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _widget(self, _: web.Request) -> web.Response:
        return web.Response(body=self._assets().files["widget.js"].body, content_type="text/javascript")

    async def _file(self, request: web.Request) -> web.Response:
        found = self._assets().files.get(request.match_info["file"])
        if found is None:
            raise web.HTTPNotFound
        return web.Response(body=found.body, headers={"Content-Type": found.type})

    async def _session(self, request: web.Request) -> web.Response:
        self.sessions.append(await request.json())
        return web.json_response({"token": f"token-{len(self.sessions)}", "visitor": "v1"})

    async def _address(self, request: web.Request) -> web.Response:
        email = (await request.json())["email"]
        if "@" not in email:
            return web.json_response({"code": "invalid"}, status=422)
        self.addresses.append(email)
        return web.json_response({"email": email})

    async def _messages(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", 0))
        return web.json_response({"items": self.log[after:], "next": None})

    async def _upload(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            status, code = self.refusal
            return web.json_response({"code": code}, status=status, headers={"Retry-After": "1500"})
        part = await (await request.multipart()).next()
        assert isinstance(part, BodyPartReader)
        data, name = await part.read(), part.filename
        kind = "image/png" if data.startswith(b"\x89PNG") else "text/plain"
        number = str(uuid4())
        self.files[number] = (name or "file", kind, bytes(data))
        return web.json_response(self._about(number))

    def _about(self, number: str) -> Json:
        name, kind, data = self.files[number]
        return {"id": number, "name": name, "type": kind, "size": len(data)}

    async def _download(self, request: web.Request) -> web.Response:
        if not request.headers.get("Authorization", "").startswith("Bearer token-"):
            return web.json_response({"code": "token"}, status=401)
        _, kind, data = self.files[request.match_info["id"]]
        return web.Response(body=data, content_type=kind)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        hello = (await socket.receive_json())["hello"]
        self.hellos.append(hello)
        if self.close_next is not None:
            code, self.close_next = self.close_next, None
            await socket.close(code=code)
            return socket
        for message in self.log[hello["last_seq"] :]:
            await socket.send_str(json.dumps({"message": message}))
        await socket.send_str(json.dumps({"status": self.status}))
        self.sockets.append(socket)
        try:
            async for frame in socket:
                await self._heard(socket, json.loads(frame.data))
        finally:
            self.sockets.remove(socket)
        return socket

    async def _heard(self, socket: web.WebSocketResponse, frame: Json) -> None:
        self.frames.append(frame)
        said = frame.get("send")
        if said is None or not self.answering:
            return
        if self.removed and said.get("attachments"):
            gone = {"code": "attachment_gone", "detail": "not there any more", "id": said["id"]}
            await socket.send_str(json.dumps({"error": gone}))
            return
        if said["id"] not in self.said:
            attached = [self._about(number) for number in said.get("attachments", [])]
            kept = await self._keep("in", said["text"], {"kind": "customer"}, attached, client_id=said["id"])
            self.said[said["id"]] = kept["seq"]
        seq = self.said[said["id"]]
        if self.log[seq - 1]["text"] != said["text"]:
            refusal = {"code": "idempotency_mismatch", "detail": "used", "id": said["id"]}
            await socket.send_str(json.dumps({"error": refusal}))
        else:
            await socket.send_str(json.dumps({"sent": {"id": said["id"], "seq": seq, "conversation": "c1"}}))
