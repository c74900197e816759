"""What we ask of Twilio, by calls and by text messages, against a mock server made from Twilio's own OpenAPI description.

`make twilio` fetches the description and the mock server (Prism) from their packages; neither is part of this project.
"""

import json
import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from channels.callback.dialers import TwilioDialer
from channels.callback.settings import Twilio
from channels.http_client import OutgoingHttp
from channels.sms import create
from conversation.model.callback import PhoneCall
from conversation.model.message import Attachment
from conversation.ports.channel import Answer
from tests.channels.sms.fake import ACCOUNT, NUMBER, TOKEN
from tests.contracts.channel import outbound
from tests.contracts.tools import Bench
from tests.fakes import FakeClock
from tests.ports import free_port

DESCRIPTION, PRISM = os.environ.get("TWILIO_OPENAPI", ""), os.environ.get("PRISM", "")
pytestmark = pytest.mark.skipif(
    not (DESCRIPTION and PRISM),
    reason="TWILIO_OPENAPI and PRISM name no description and no mock server: `make twilio` does",
)
FORM = "application/x-www-form-urlencoded"
CALLS, MESSAGES = (f"/2010-04-01/Accounts/{{AccountSid}}/{one}.json" for one in ("Calls", "Messages"))
CALL = {"To": "+33199001234", "From": "+33199005678", "Twiml": "<Response/>"}


class DescribedHttp(OutgoingHttp):
    """The real door, for fields that the description names: others Twilio drops without a word, and so does the mock server."""

    async def request(self, method: str, url: str, *, body: bytes = b"", **how: Any) -> Answer:
        path = "/2010-04-01/Accounts/{AccountSid}/" + url.rpartition("/")[2]
        assert {name for name, _ in parse_qsl(body.decode())} <= set(fields_of(described()["paths"][path]))
        return await super().request(method, url, body=body, **how)


@cache
def described() -> dict[str, Any]:
    """The description of the two resources. How lists are encoded is written out, which OpenAPI implies and Prism wants to read."""
    told: dict[str, Any] = json.loads(Path(DESCRIPTION).read_text())
    told["paths"] = {path: told["paths"][path] for path in (CALLS, MESSAGES)}
    for path in told["paths"].values():
        lists = [name for name, what in fields_of(path).items() if what.get("type") == "array"]
        encoding = {name: {"style": "form", "explode": True} for name in lists}
        path["post"]["requestBody"]["content"][FORM]["encoding"] = encoding
    return told


def fields_of(path: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form that is posted there."""
    found: dict[str, Any] = path["post"]["requestBody"]["content"][FORM]["schema"]["properties"]
    return found


@pytest.fixture(scope="module")
def twilio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the mock server answers."""
    written, port = tmp_path_factory.mktemp("twilio") / "described.json", str(free_port())
    written.write_text(json.dumps(described()))
    command = (PRISM, "mock", "--errors", "--host", "127.0.0.1", "--port", port, str(written))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        try:
            assert any("Prism is listening" in line for line in served.stdout)
            yield f"http://127.0.0.1:{port}"
        finally:
            served.kill()


@pytest.mark.parametrize("first", ["agent", "customer"])
@pytest.mark.parametrize("extension", ["", "44"])
async def test_a_call_is_asked_for_as_twilio_describes_it(twilio: str, first: str, extension: str) -> None:
    line = {"account": ACCOUNT, "token": TOKEN, "caller": "+33199005678", "bridge": "+33199009999", "first": first}
    call = PhoneCall(attempt="try-1", number="+33199001234", extension=extension, agent="mei@example.com")
    async with DescribedHttp(FakeClock()) as http:
        dialer = TwilioDialer(Twilio.model_validate(line | {"api": twilio}), http, "https://x.example/calls")
        assert await dialer.dial(call)


@pytest.mark.parametrize("sender", [{"number": NUMBER}, {"service": "MG0123456789abcdef0123456789abcdef"}])
async def test_texts_and_pictures_are_sent_as_twilio_describes_it(twilio: str, sender: dict[str, str]) -> None:
    files = tuple(
        Attachment(id=name, name=name, type=kind, size=9)
        for name, kind in (("a.png", "image/png"), ("b.pdf", "application/pdf"))
    )
    async with DescribedHttp(clock := FakeClock()) as http:
        written = {"account": ACCOUNT, "token": TOKEN, "api": twilio, "mms": True, "pace": 1000, **sender}
        account = create("account", written, Bench(clock=clock, http=http).tools())
        receipt = await account.send(replace(outbound("Bonjour"), attachments=files))
    assert len(receipt.external_ids) == 3
    assert all(receipt.external_ids)


@pytest.mark.parametrize(
    ("form", "token", "status"),
    [
        (CALL, TOKEN, 201),
        (CALL, None, 401),
        ({"To": "+33199001234"}, TOKEN, 422),
        (CALL | {"Timeout": "forty"}, TOKEN, 422),
        (CALL | {"StatusCallbackMethod": "PUT"}, TOKEN, 422),
    ],
)
async def test_the_mock_server_refuses_what_the_description_does_not_allow(
    twilio: str, form: dict[str, str], token: str | None, status: int
) -> None:
    proof = {"authorization": f"Basic {b64encode(f'{ACCOUNT}:{token}'.encode()).decode()}"} if token else {}
    where = twilio + CALLS.replace("{AccountSid}", ACCOUNT)
    async with OutgoingHttp(FakeClock()) as http:
        body, headers = urlencode(form).encode(), {"content-type": FORM, **proof}
        answer = await http.request("POST", where, body=body, headers=headers, timeout=30.0, trusted=True)
    assert answer.status == status


async def test_a_field_that_the_description_does_not_name_is_found(twilio: str) -> None:
    async with DescribedHttp(FakeClock()) as http:
        with pytest.raises(AssertionError, match="Statuscallback"):
            await http.request("POST", twilio + CALLS, body=b"Statuscallback=x", timeout=30.0, trusted=True)
