"""Files that go out by their address: what each medium is told of them."""

import json
from urllib.parse import parse_qs

import pytest

from channels.line import render as line
from channels.public_files import Shared, can_share, shared
from channels.sms import render as sms
from channels.viber import render as viber
from channels.x import render as x
from conversation.errors import PermanentFailure
from conversation.model.message import Attachment
from tests.contracts.channel import outbound
from tests.contracts.tools import Bench
from tests.fakes import FakeClock

URL = "https://wallet.example/files/a/1-B/a"
WHO = {"name": "Support"}


def file(type_: str, size: int = 1_000, name: str = "bill.png") -> Shared:
    return Shared(Attachment(id="a", name=name, type=type_, size=size), URL)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://wallet.example", True),
        ("http://wallet.example", False),
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://127.0.0.1.example", False),
        ("ftp://localhost.example", False),
    ],
)
def test_addresses_are_good_over_https_and_on_this_machine(url: str, good: bool) -> None:
    assert can_share(url) is good


async def test_without_https_a_file_is_refused_and_a_text_is_not() -> None:
    tools = Bench(clock=FakeClock()).tools(public_url="http://wallet.example")
    assert await shared(tools, ()) == []
    with pytest.raises(PermanentFailure, match="public_url is not https"):
        await shared(tools, (Attachment(id="a", name="a.png", type="image/png"),))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (file("image/png"), {"type": "image", "originalContentUrl": URL, "previewImageUrl": URL}),
        (file("image/png", 1_000_001), {"type": "text", "text": f"bill.png\n{URL}"}),
        (file("image/gif"), {"type": "text", "text": f"bill.png\n{URL}"}),
        (file("video/mp4"), {"type": "text", "text": f"bill.png\n{URL}"}),
    ],
)
def test_line_shows_small_pictures_and_links_all_else(given: Shared, told: dict[str, str]) -> None:
    text, shown = line.messages(outbound("See"), [given])
    assert (text["text"], shown) == ("See", told)


@pytest.mark.parametrize(
    ("given", "mms", "told"),
    [
        (file("image/png"), True, {"MediaUrl": [URL]}),
        (file("image/png"), False, {"Body": [f"bill.png\n{URL}"]}),
        (file("image/png", 5_000_001), True, {"Body": [f"bill.png\n{URL}"]}),
        (file("application/pdf"), True, {"Body": [f"bill.png\n{URL}"]}),
    ],
)
def test_twilio_carries_pictures_where_the_number_may_and_links_all_else(
    given: Shared, mms: bool, told: dict[str, list[str]]
) -> None:
    text, shown = sms.forms(outbound("See"), {"From": "+1"}, "https://hook.example", [given], mms=mms)
    assert parse_qs(text.decode())["Body"] == ["See"]
    found = parse_qs(shown.decode())
    assert {name: found[name] for name in found if name in ("Body", "MediaUrl")} == told
    assert found["StatusCallback"] == ["https://hook.example"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (file("image/jpeg"), {"type": "picture", "text": "", "media": URL}),
        (file("image/jpeg", 1_000_001), {"type": "file", "media": URL, "size": 1_000_001, "file_name": "bill.png"}),
        (file("video/mp4", 7), {"type": "video", "media": URL, "size": 7}),
        (file("application/pdf", 7), {"type": "file", "media": URL, "size": 7, "file_name": "bill.png"}),
        (file("application/zip", name="a.EXE"), {"type": "text", "text": f"a.EXE\n{URL}"}),
    ],
)
def test_viber_is_told_what_it_wants_to_know_of_each_kind(given: Shared, told: dict[str, object]) -> None:
    text, shown = (json.loads(raw) for raw in viber.messages(outbound("See"), WHO, [given]))
    assert text["text"] == "See"
    assert told.items() <= shown.items()


def test_x_gets_the_address_in_a_message_of_its_own() -> None:
    assert [json.loads(raw)["text"] for raw in x.messages(outbound("See"), [file("image/png")])] == [
        "See",
        f"bill.png\n{URL}",
    ]


def test_a_file_without_words_is_a_message_too() -> None:
    assert len(line.messages(outbound(""), [file("image/png")])) == 1
    assert len(viber.messages(outbound(""), WHO, [file("image/png")])) == 1
