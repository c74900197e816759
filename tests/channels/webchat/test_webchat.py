"""The webchat kind: the inherited suite, and what is said by fields."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from channels import registry as kinds
from channels.webchat import create, normalize
from conversation.errors import MalformedPayload
from conversation.model.message import InboundEvent
from conversation.model.people import Identity
from conversation.ports.channel import Channel, Tools
from conversation.ports.customer_pages import Visitor
from tests.contracts.channel import NOW, ChannelContract, outbound

VISITOR = Visitor(session="s", channel="account", identity=Identity(channel="account", address="v1", id="i1"))
SECRET = "the operator's own secret, long enough"


class TestWebchat(ChannelContract):
    folder = Path(__file__).parent / "payloads"
    secrets = (SECRET,)
    longest_text = 10_000

    def build(self, tools: Tools) -> Channel:
        return create("account", {"origins": ["https://shop.example"], "identity_secret": SECRET}, tools)

    def read(self, raw: bytes) -> Sequence[InboundEvent]:
        try:
            said = normalize.chat_message(normalize.frame(raw), text_limit=self.longest_text)
        except normalize.FieldsAtFault as error:
            raise MalformedPayload(str(error), code=" ".join(f"{f.field}:{f.code}" for f in error.faults)) from error
        return [normalize.received(said, VISITOR, received_at=NOW)]

    def saying(self, text: str, number: int = 1) -> bytes:
        return json.dumps({"id": f"client-{number}", "text": text}).encode()


def test_one_visitors_ids_never_meet_anothers() -> None:
    other = Visitor(session="s", channel="account", identity=Identity(channel="account", address="v2", id="i2"))
    said = normalize.ChatMessage(client_id="1", text="x")
    ids = {normalize.received(said, one, received_at=NOW).external_id for one in (VISITOR, other)}
    assert len(ids) == 2


async def test_a_reply_stands_in_the_feed_already_and_is_done_at_once() -> None:
    contract = TestWebchat()
    receipt = await contract.build(contract.bench().tools()).send(outbound())
    assert receipt.external_ids == (outbound().id,)


@pytest.mark.parametrize(
    "origin", ["https://shop.example/path", "shop.example", "*", "ftp://shop.example", "https://u:p@shop.example"]
)
def test_an_origin_that_is_none_is_a_fault(origin: str) -> None:
    (fault,) = kinds.settings_faults(
        "webchat", "site", {"kind": "webchat", "origins": ["https://fine.example", origin]}
    )
    assert fault.path == ("origins", 1)


def test_the_settings_of_the_documented_example_have_no_fault() -> None:
    settings = {"kind": "webchat", "language": "zh", "origins": ["http://127.0.0.1:8080"]}
    assert kinds.settings_faults("webchat", "site", settings) == []
