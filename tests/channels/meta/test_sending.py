"""What the meta kind sends and fetches, against a Graph API that checks what Meta checks."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from channels.http_client import OutgoingHttp
from channels.meta import create, errors, render
from channels.meta.account import MetaAccount
from channels.meta.platforms import LIMITS, Platform
from conversation.errors import (
    ChannelError,
    ChannelMisconfigured,
    PermanentFailure,
    RateLimited,
    TransientFailure,
    Unknown,
)
from conversation.model.choices import with_choices
from conversation.model.message import Attachment, ContactChanged, DeliveryReported, MessageReceived, Status
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity
from conversation.ports.channel import Answer, Request
from tests.channels.meta.fake import APP_SECRET, BSUID, CUSTOMER, TOKEN, FakeMeta, Refused, graph, settings
from tests.channels.meta.reading import PAGE, read
from tests.contracts.channel import NOW, outbound
from tests.contracts.tools import Bench, FakeFiles
from tests.fakes import FakeClock, FakeInbox

PICTURE = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
HOURS = timedelta(hours=1)
EVERY = pytest.mark.parametrize("platform", list(Platform), ids=lambda one: one.value)
SOCIAL = pytest.mark.parametrize("platform", [Platform.MESSENGER, Platform.INSTAGRAM], ids=lambda one: one.value)


@dataclass(kw_only=True)
class World:
    """The fake, and an account that is connected to it."""

    meta: FakeMeta
    account: MetaAccount
    clock: FakeClock
    files: FakeFiles

    def reply(self, text: str = "We are looking into it.", **more: Any) -> OutboundMessage:
        to = Identity(channel="account", address=self.meta.customer, id="i1", customer="c1")
        return replace(outbound(text), to=to, reply_until=NOW + HOURS, **more)

    async def file(self, name: str, media_type: str, data: bytes, size: int | None = None) -> Attachment:
        kept = Attachment(id=f"a-{name}", name=name, type=media_type, size=len(data) if size is None else size)
        await self.files.keep([(kept, data)])
        return kept


@asynccontextmanager
async def world(platform: Platform, **more: Any) -> AsyncIterator[World]:
    clock, files = FakeClock(NOW), FakeFiles()
    async with graph(platform) as meta, OutgoingHttp(clock) as http:
        meta.wrote[meta.customer] = time.time()
        given = settings(platform, api=meta.url, **more)
        account = create("account", given, Bench(clock=clock, http=http).tools(files=files))
        yield World(meta=meta, account=account, clock=clock, files=files)


# -- texts and buttons -------------------------------------------------------------------------------------------------


@pytest.mark.slow
@EVERY
async def test_a_long_text_leaves_in_parts_that_the_platform_takes(platform: Platform) -> None:
    text = "\n\n".join(f"{number}: {'ünïcødé 汉字 ' * 40}".strip() for number in range(12))
    async with world(platform) as here:
        receipt = await here.account.send(here.reply(text))
        assert len(receipt.external_ids) == len(here.meta.got) > 1
        assert "".join("".join(here.meta.delivered).split()) == "".join(text.split())


@EVERY
async def test_a_question_has_the_platforms_own_buttons_and_their_titles_come_back(platform: Platform) -> None:
    asked = with_choices("Which of these is it about?", ["Top-up", "Locked account", "Something else"])
    async with world(platform) as here:
        await here.account.send(here.reply(asked, automatic=True))
        (got,) = here.meta.got
    assert got.text == "Which of these is it about?"
    told = json.dumps(got.given)
    assert all(f'"title": "{title}"' in told for title in ("Top-up", "Locked account", "Something else"))
    assert "\u2060" not in told


@pytest.mark.parametrize(
    ("platform", "choices", "kind"),
    [
        (Platform.WHATSAPP, ["A", "B", "C"], "button"),
        (Platform.WHATSAPP, ["A", "B", "C", "D"], "list"),
        (Platform.WHATSAPP, ["A", "longer than twenty chars"], "list"),
        (Platform.WHATSAPP, [f"choice {n}" for n in range(11)], "text"),
        (Platform.WHATSAPP, ["A", "much longer than twenty-four characters"], "text"),
        (Platform.WHATSAPP, ["A", "A"], "text"),
        (Platform.MESSENGER, [f"choice {n}" for n in range(13)], "quick"),
        (Platform.MESSENGER, [f"choice {n}" for n in range(14)], "text"),
        (Platform.INSTAGRAM, ["A", "longer than twenty chars"], "text"),
    ],
)
async def test_choices_that_do_not_fit_are_numbered_lines(platform: Platform, choices: list[str], kind: str) -> None:
    async with world(platform) as here:
        await here.account.send(here.reply(with_choices("Which?", choices), automatic=True))
        (got,) = here.meta.got
    given = got.given.get("message", got.given)
    found = given.get("interactive", {}).get("type") or ("quick" if "quick_replies" in given else "text")
    assert found == kind
    if kind == "text":
        assert got.text == "\n".join(["Which?", *(f"{at}. {one}" for at, one in enumerate(choices, start=1))])


@pytest.mark.parametrize(
    ("language", "label"), [("zh", "请选择"), ("fr", "Choisir"), ("de-AT", "Auswählen"), ("ar", "Choose")]
)
async def test_the_button_of_a_list_speaks_the_customers_language(language: str, label: str) -> None:
    async with world(Platform.WHATSAPP) as here:
        asked = here.reply(with_choices("?", list("ABCD")), automatic=True, language=language)
        await here.account.send(asked)
        assert here.meta.got[0].given["interactive"]["action"]["button"] == label


async def test_numbered_lines_that_a_person_typed_stay_as_they_are() -> None:
    typed = with_choices("Do this:", ["Open the app", "Log in"])
    async with world(Platform.MESSENGER) as here:
        await here.account.send(here.reply(typed))
        assert here.meta.delivered == [typed]


async def test_an_answer_names_what_it_answers_where_the_platform_gave_it_that_name() -> None:
    async with world(Platform.WHATSAPP) as here:
        await here.account.send(here.reply(reply_to="wamid.THEIRS"))
        await here.account.send(here.reply(reply_to="0198c0de-0000-7000-8000-00000000000c"))
        assert here.meta.got[0].given["context"] == {"message_id": "wamid.THEIRS"}
        assert "context" not in here.meta.got[1].given
    async with world(Platform.MESSENGER) as here:
        await here.account.send(here.reply("x " * 1500, reply_to="m_THEIRS"))
        assert [one.given.get("reply_to") for one in here.meta.got] == [{"mid": "m_THEIRS"}, None]


async def test_a_customer_whose_number_is_hidden_is_written_to_by_their_id() -> None:
    async with world(Platform.WHATSAPP) as here:
        here.meta.wrote[BSUID] = time.time()
        hidden = replace(here.reply(), to=Identity(channel="account", address=BSUID))
        await here.account.send(hidden)
        assert (here.meta.got[0].to, "to" in here.meta.got[0].given) == (BSUID, False)


# -- windows and templates ---------------------------------------------------------------------------------------------


@SOCIAL
async def test_after_a_day_only_persons_answer_and_with_the_tag(platform: Platform) -> None:
    async with world(platform, human_agent=True) as here:
        here.meta.wrote[here.meta.customer] -= 3 * 86_400
        late = here.reply(author_name="Mei")
        late = replace(late, reply_until=NOW - 48 * HOURS)
        await here.account.send(late)
        assert here.meta.got[0].given["tag"] == "HUMAN_AGENT"
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(replace(late, automatic=True))
        assert caught.value.code == "window_closed"
        assert len(here.meta.got) == 1


@SOCIAL
async def test_within_the_day_nothing_is_tagged_and_after_a_week_nothing_leaves(platform: Platform) -> None:
    async with world(platform, human_agent=True) as here:
        await here.account.send(here.reply())
        assert here.meta.got[0].given["messaging_type"] == "RESPONSE"
        calls = len(here.meta.called)
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(replace(here.reply(), reply_until=NOW - 6 * 24 * HOURS))
        assert (caught.value.code, len(here.meta.called)) == ("window_closed", calls)


async def test_without_the_permission_a_day_is_all_there_is() -> None:
    async with world(Platform.MESSENGER) as here:
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(replace(here.reply(), reply_until=NOW - HOURS))
        assert caught.value.code == "window_closed"


async def test_where_we_think_it_open_and_meta_does_not_the_window_is_closed() -> None:
    async with world(Platform.MESSENGER) as here:
        here.meta.wrote[here.meta.customer] -= 3 * 86_400
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(here.reply())
        assert caught.value.code == "window_closed"


@pytest.mark.parametrize(
    ("language", "chosen"), [("de", "de"), ("zh", "zh_CN"), ("zh-TW", "zh_TW"), ("pt", "en"), (None, "en")]
)
async def test_a_template_leaves_at_any_time_in_the_customers_language(language: str | None, chosen: str) -> None:
    async with world(Platform.WHATSAPP, templates={"reopen": ["en", "de", "zh_CN", "zh_TW"]}) as here:
        here.meta.wrote.clear()
        told = here.reply(template="reopen", parameters=("Lin", "two\nlines", ""), language=language, automatic=True)
        await here.account.send(replace(told, reply_until=None))
        (got,) = here.meta.got
    assert got.text == "reopen(Lin, two lines, -)"
    assert got.given["template"]["language"] == {"code": chosen}


async def test_without_a_template_a_closed_window_says_which_there_are() -> None:
    async with world(Platform.WHATSAPP, templates={"reopen": ["en"]}) as here:
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(replace(here.reply(), reply_until=NOW - HOURS))
        assert caught.value.code == "window_closed"
        assert "reopen" in caught.value.detail


# -- files -------------------------------------------------------------------------------------------------------------


@EVERY
async def test_files_are_uploaded_and_arrive(platform: Platform) -> None:
    async with world(platform) as here:
        picture = await here.file("收据.png", "image/png", PICTURE)
        receipt = await here.account.send(
            here.reply("x" * 2000 if platform is Platform.WHATSAPP else "see", attachments=(picture,))
        )
        assert [one.file for one in here.meta.got] == [b"", PICTURE]
        assert len(receipt.external_ids) == 2


async def test_a_short_text_is_the_caption_of_a_single_file_and_a_document_keeps_its_name() -> None:
    async with world(Platform.WHATSAPP) as here:
        paper = await here.file("Kontoauszug März.pdf", "application/pdf", b"%PDF-1.7")
        await here.account.send(here.reply("as promised", attachments=(paper,)))
        (got,) = here.meta.got
    assert (got.text, got.file) == ("as promised", b"%PDF-1.7")
    assert got.given["document"]["filename"] == "Kontoauszug März.pdf"


async def test_sound_carries_no_caption_and_a_large_picture_goes_as_a_document() -> None:
    async with world(Platform.WHATSAPP) as here:
        sound = await here.file("a.ogg", "audio/ogg", b"OggS")
        await here.account.send(here.reply("listen", attachments=(sound,)))
        large = await here.file("b.png", "image/png", PICTURE, size=6 * 1024 * 1024)
        await here.account.send(here.reply("", attachments=(large,)))
        kinds = [one.given["type"] for one in here.meta.got]
    assert kinds == ["text", "audio", "document"]


async def test_a_picture_that_is_too_large_for_messenger_goes_as_a_file() -> None:
    async with world(Platform.MESSENGER) as here:
        large = await here.file("b.png", "image/png", PICTURE, size=9 * 1024 * 1024)
        await here.account.send(here.reply("", attachments=(large,)))
        assert here.meta.got[0].given["message"]["attachment"]["type"] == "file"


async def test_a_file_that_is_too_large_of_no_kind_or_gone_is_not_tried() -> None:
    async with world(Platform.INSTAGRAM) as here:
        cases = {
            "too_large": await here.file("a.png", "image/png", PICTURE, size=9 * 1024 * 1024),
            "unsupported": await here.file("b.docx", "application/zip", b"PK"),
        }
        gone = Attachment(id="nowhere", name="c.png", type="image/png", size=1)
        for code, attachment in [*cases.items(), ("unsupported", gone)]:
            with pytest.raises(PermanentFailure) as caught:
                await here.account.send(here.reply("", attachments=(attachment,)))
            assert caught.value.code == code
        assert here.meta.called == []


async def test_an_upload_whose_answer_is_lost_may_be_made_again() -> None:
    class Mute(OutgoingHttp):
        async def request(self, method: str, url: str, **how: Any) -> Answer:
            raise Unknown("no answer")

    clock, files = FakeClock(NOW), FakeFiles()
    kept = Attachment(id="a", name="a.png", type="image/png", size=9)
    await files.keep([(kept, PICTURE)])
    account = create("account", settings(Platform.WHATSAPP), Bench(clock=clock, http=Mute(clock)).tools(files=files))
    with pytest.raises(TransientFailure):
        await account.send(replace(outbound(""), attachments=(kept,), reply_until=NOW + HOURS))
    with pytest.raises(Unknown):
        await account.send(replace(outbound("text"), reply_until=NOW + HOURS))


async def test_a_customers_file_is_fetched_with_the_token_and_checked() -> None:
    async with world(Platform.WHATSAPP) as here:
        here.meta.media["70001"] = (PICTURE, "image/png")
        found = await here.account.fetch(Attachment(id="a", name="a", type="image/jpeg", url="provider:70001"))
        assert (found.data, found.type) == (PICTURE, "image/png")


async def test_files_that_are_gone_damaged_or_nowhere_say_so() -> None:
    async with world(Platform.WHATSAPP) as here:
        for url, code in (
            ("provider:79999", "expired"),
            ("provider:../me", "bad_url"),
            ("https://x.example/", "bad_url"),
        ):
            with pytest.raises(PermanentFailure) as caught:
                await here.account.fetch(Attachment(id="a", name="a", type="image/jpeg", url=url))
            assert caught.value.code == code
        here.meta.media["70002"] = (PICTURE, "image/png")
        original = here.meta._object
        here.meta._object = lambda path: {**original(path), "sha256": "0" * 64}  # type: ignore[method-assign]
        with pytest.raises(TransientFailure):
            await here.account.fetch(Attachment(id="a", name="a", type="image/jpeg", url="provider:70002"))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://lookaside.fbsbx.com/x",
        "https://fbsbx.com.evil.example/x",
        "https://evilfbsbx.com/x",
        "x",
    ],
)
async def test_the_token_is_shown_to_no_host_but_metas(url: str) -> None:
    async with world(Platform.WHATSAPP) as here:
        here.meta._object = lambda path: {"url": url, "id": path}  # type: ignore[method-assign]
        with pytest.raises((PermanentFailure, TransientFailure)) as caught:
            await here.account.fetch(Attachment(id="a", name="a", type="image/jpeg", url="provider:70001"))
        assert isinstance(caught.value, PermanentFailure)
        assert caught.value.code == "bad_url"


# -- errors ------------------------------------------------------------------------------------------------------------

_RAISED: Mapping[str, type[ChannelError]] = {
    errors.STOPS: ChannelMisconfigured,
    errors.WAITS: RateLimited,
    errors.CHAT_WAITS: RateLimited,
    errors.LATER: TransientFailure,
}


def rows() -> Sequence[tuple[Platform, int, int | None, str]]:
    whatsapp = [(Platform.WHATSAPP, code, None, what) for code, what in errors.WHATSAPP.items()]
    pairs = [((key, None) if isinstance(key, int) else key, what) for key, what in errors.SOCIAL.items()]
    return [*whatsapp, *((Platform.MESSENGER, code, subcode, what) for (code, subcode), what in pairs)]


def test_every_row_of_the_error_table(subtests: pytest.Subtests) -> None:
    for platform, code, subcode, what in rows():
        with subtests.test(platform=platform.value, code=code, subcode=subcode):
            error = {"message": f"(#{code}) words", "code": code, "error_subcode": subcode}
            answer = Answer(status=400, headers={}, body=json.dumps({"error": error}).encode())
            found = errors.judged(answer, platform, FakeClock(NOW))
            assert type(found) is _RAISED.get(what, PermanentFailure)
            assert str(code) in found.detail
            if isinstance(found, PermanentFailure):
                assert found.code == what
            if isinstance(found, RateLimited):
                assert found.retry_after > timedelta(0)
                assert found.whole_account == (what == errors.WAITS)


@pytest.mark.parametrize(
    ("platform", "code", "subcode", "what"),
    [
        (Platform.WHATSAPP, 131056, None, errors.CHAT_WAITS),
        (Platform.WHATSAPP, 131047, None, "window_closed"),
        (Platform.WHATSAPP, 131026, None, "unknown_recipient"),
        (Platform.WHATSAPP, 132001, None, "refused"),
        (Platform.WHATSAPP, 131031, None, errors.STOPS),
        (Platform.WHATSAPP, 250, None, errors.STOPS),
        (Platform.WHATSAPP, 130429, None, errors.WAITS),
        (Platform.WHATSAPP, 131000, None, errors.LATER),
        (Platform.MESSENGER, 10, 2018278, "window_closed"),
        (Platform.MESSENGER, 10, None, "refused"),
        (Platform.MESSENGER, 100, 2018001, "unknown_recipient"),
        (Platform.MESSENGER, 100, 33, "refused"),
        (Platform.MESSENGER, 200, 1545041, "blocked"),
        (Platform.MESSENGER, 200, None, errors.STOPS),
        (Platform.MESSENGER, 230, None, "refused"),
        (Platform.MESSENGER, 613, None, errors.WAITS),
        (Platform.MESSENGER, 551, 1545041, "blocked"),
        (Platform.MESSENGER, 424242, None, None),
    ],
)
def test_what_the_codes_mean(platform: Platform, code: int, subcode: int | None, what: str | None) -> None:
    assert errors.meaning(platform, code, subcode) == what


@pytest.mark.parametrize(
    ("headers", "code", "wait"),
    [
        ({"retry-after": "7"}, 4, timedelta(seconds=7)),
        ({"x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":3}]}'}, 80007, timedelta(minutes=3)),
        ({"x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":0}]}'}, 4, timedelta(seconds=30)),
        ({"x-business-use-case-usage": "nonsense"}, 131048, timedelta(minutes=15)),
        ({"x-business-use-case-usage": '{"1":[{"estimated_time_to_regain_access":1e9}]}'}, 4, timedelta(hours=6)),
        ({}, 131056, timedelta(seconds=6)),
    ],
)
def test_metas_wait_is_obeyed_within_reason(headers: dict[str, str], code: int, wait: timedelta) -> None:
    answer = Answer(status=429, headers=headers, body=json.dumps({"error": {"code": code}}).encode())
    found = errors.judged(answer, Platform.WHATSAPP, FakeClock(NOW))
    assert isinstance(found, RateLimited)
    assert found.retry_after == wait


def test_an_error_that_nobody_knows_is_tried_again_only_where_meta_calls_it_passing() -> None:
    for passing, wanted in ((True, TransientFailure), (False, PermanentFailure)):
        body = json.dumps({"error": {"code": 987654, "message": "new", "is_transient": passing}}).encode()
        assert (
            type(errors.judged(Answer(status=400, headers={}, body=body), Platform.WHATSAPP, FakeClock(NOW))) is wanted
        )


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages":[]}', b'{"messages":[{"id":7}]}', b"<html>"])
async def test_an_answer_that_cannot_be_read_leaves_it_unknown(body: bytes) -> None:
    class Odd(OutgoingHttp):
        async def request(self, method: str, url: str, **how: Any) -> Answer:
            return Answer(status=200, headers={}, body=body)

    clock = FakeClock(NOW)
    account = create("account", settings(Platform.WHATSAPP), Bench(clock=clock, http=Odd(clock)).tools())
    with pytest.raises(Unknown):
        await account.send(replace(outbound(), reply_until=NOW + HOURS))


async def test_a_wrong_token_stops_the_account_and_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world(Platform.WHATSAPP, token="EAAwrongTokenButStillASecret") as here:
        with pytest.raises(ChannelMisconfigured) as caught:
            await here.account.start()
        with pytest.raises(ChannelMisconfigured):
            await here.account.send(here.reply())
    shown = caplog.text + str(caught.value) + repr(caught.value)
    assert not [one for one in ("EAAwrongTokenButStillASecret", APP_SECRET) if one in shown]


async def test_no_log_at_any_level_holds_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with world(Platform.WHATSAPP) as here:
        await here.account.start()
        await here.account.send(here.reply("a secret of the customer"))
        here.meta.refusal = Refused(131051, "unsupported")
        with pytest.raises(PermanentFailure):
            await here.account.send(here.reply())
    assert TOKEN not in caplog.text
    assert "a secret of the customer" not in caplog.text


@SOCIAL
async def test_customers_who_are_gone_are_told_apart(platform: Platform) -> None:
    async with world(platform) as here:
        here.meta.gone.add(here.meta.customer)
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(here.reply())
        assert caught.value.code == "unknown_recipient"


async def test_a_status_says_afterwards_what_became_of_a_message_by_our_own_id() -> None:
    async with world(Platform.WHATSAPP) as here:
        here.meta.gone.add(here.meta.customer)
        told: list[bytes] = []

        async def keep(body: bytes) -> None:
            told.append(body)

        here.meta._post = keep  # type: ignore[method-assign]
        receipt = await here.account.send(here.reply())
        await here.meta.report_failures()
        (event,) = read(told[0])
    assert isinstance(event, DeliveryReported)
    assert (event.external_id, event.status) == (outbound().id, Status.FAILED)
    assert (event.error or "").startswith("unknown_recipient: ")
    assert receipt.external_ids[0].startswith("wamid.")


async def test_a_reply_that_broke_off_goes_on_behind_what_had_left() -> None:
    text = "\n\n".join("x" * 1900 for _ in range(3))
    async with world(Platform.MESSENGER) as here:
        original = here.meta._social_checked

        def third_fails(given: Mapping[str, Any]) -> str:
            if len(here.meta.got) == 2:
                raise Refused(2, "Service temporarily unavailable", status=500)
            return original(given)

        here.meta._social_checked = third_fails  # type: ignore[method-assign]
        with pytest.raises(TransientFailure) as caught:
            await here.account.send(here.reply(text))
        here.meta._social_checked = original  # type: ignore[method-assign]
        assert len(caught.value.sent) == 2
        receipt = await here.account.send(here.reply(text, sent=caught.value.sent))
        assert receipt.external_ids[:2] == caught.value.sent
        assert len(here.meta.got) == 3


async def test_one_person_is_not_written_to_more_often_than_whatsapp_lets_us_and_others_are_meanwhile() -> None:
    async with world(Platform.WHATSAPP) as here:
        for number in range(LIMITS[Platform.WHATSAPP].burst):
            await here.account.send(here.reply(f"{number}"))
            here.clock.advance(timedelta(milliseconds=20))
        with pytest.raises(RateLimited) as caught:
            await here.account.send(here.reply("one too many"))
        assert not caught.value.whole_account
        assert len(here.meta.called) == LIMITS[Platform.WHATSAPP].burst
        other = Identity(channel="account", address="4915550100077")
        here.meta.wrote[other.address] = time.time()
        await here.account.send(replace(here.reply("to another"), to=other))


async def test_nothing_at_all_is_not_sent() -> None:
    async with world(Platform.WHATSAPP) as here:
        with pytest.raises(PermanentFailure) as caught:
            await here.account.send(here.reply("  \n "))
        assert caught.value.code == "unsupported"


# -- what is said in public --------------------------------------------------------------------------------------------


def commented(here: World, text: str = "Please tell us more here.", **more: Any) -> OutboundMessage:
    to = Identity(channel="account", address="comment:55501_70001", name="Noor", id="i2", customer="c2")
    return replace(here.reply(text, **more), to=to, reply_until=NOW + 24 * HOURS)


@asynccontextmanager
async def listening(here: World) -> AsyncIterator[FakeInbox]:
    inbox = FakeInbox()
    task = asyncio.create_task(here.account.listen(inbox))
    await asyncio.sleep(0)
    try:
        yield inbox
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@SOCIAL
async def test_a_comment_is_answered_in_private_and_its_author_is_known_from_then_on(platform: Platform) -> None:
    async with world(platform) as here, listening(here) as inbox:
        here.meta.commented["55501_70001"] = "6700000000000009"
        await here.account.send(commented(here))
        assert [(one.to, one.text) for one in here.meta.got] == [("6700000000000009", "Please tell us more here.")]
        assert {path for method, path, _ in here.meta.called if method == "POST"} == {"/v25.0/me/messages"}
        (moved,) = inbox.events
        assert isinstance(moved, ContactChanged)
        assert (moved.sender.address, moved.new_address) == ("comment:55501_70001", "6700000000000009")


async def test_a_comment_is_answered_once_in_one_part_and_within_seven_days() -> None:
    async with world(Platform.MESSENGER) as here:
        here.meta.commented["55501_70001"] = "6700000000000009"
        with pytest.raises(PermanentFailure) as long:
            await here.account.send(commented(here, "x " * 1500))
        with pytest.raises(PermanentFailure) as late:
            await here.account.send(replace(commented(here), reply_until=NOW))
        await here.account.send(commented(here))
        with pytest.raises(PermanentFailure) as again:
            await here.account.send(commented(here))
    assert [one.value.code for one in (long, late, again)] == ["too_long", "window_closed", "window_closed"]
    assert len(here.meta.got) == 1


def test_a_post_of_a_visitor_is_answered_in_private_as_well() -> None:
    to = Identity(channel="account", address=f"post:{PAGE}_55502")
    body = json.loads(
        render.request(
            Platform.MESSENGER, replace(outbound(), to=to, reply_to="m_x"), {"text": "x"}, first=True, tag=False
        )
    )
    assert body["recipient"] == {"post_id": f"{PAGE}_55502"}
    assert "reply_to" not in body


# -- names -------------------------------------------------------------------------------------------------------------


def said(here: World, who: str) -> Request:
    told = {
        "sender": {"id": who},
        "recipient": {"id": "x"},
        "timestamp": 1795399200000,
        "message": {"mid": f"m_{who}", "text": "?"},
    }
    about = "page" if here.meta.platform is Platform.MESSENGER else "instagram"
    account = settings(here.meta.platform)["id"]
    body = json.dumps({"object": about, "entry": [{"id": account, "messaging": [told]}]}).encode()
    return Request("POST", "/hooks/account", {}, {}, body, NOW)


@pytest.mark.parametrize(
    ("platform", "profile", "name"),
    [
        (Platform.MESSENGER, {"first_name": "Lin", "last_name": "Zhou"}, "Lin Zhou"),
        (Platform.INSTAGRAM, {"name": "Lin Z.", "username": "linz"}, "Lin Z."),
        (Platform.INSTAGRAM, {"name": "", "username": "linz"}, "linz"),
    ],
)
async def test_a_name_is_asked_for_once_and_told(platform: Platform, profile: dict[str, str], name: str) -> None:
    async with world(platform) as here, listening(here) as inbox:
        who = CUSTOMER[platform]
        here.meta.names[who] = profile
        for _ in range(2):
            request = said(here, who)
            here.account.answer(request, await FakeInbox().accept(here.account.normalize(request)))
        async with asyncio.timeout(60):
            while not inbox.events:
                await asyncio.sleep(0.01)
        (told,) = inbox.events
    assert isinstance(told, ContactChanged)
    assert (told.sender.address, told.sender.name) == (who, name)
    assert len(here.meta.called) == 1


async def test_a_name_that_is_not_given_is_done_without_and_the_next_is_asked_for() -> None:
    async with world(Platform.MESSENGER) as here, listening(here) as inbox:
        here.meta.names["6700000000000003"] = {"first_name": "Ada"}
        for who in ("6700000000000002", "6700000000000003"):
            request = said(here, who)
            (event,) = here.account.normalize(request)
            assert isinstance(event, MessageReceived)
            here.account.answer(request, await FakeInbox().accept([event]))
        async with asyncio.timeout(60):
            while not inbox.events:
                await asyncio.sleep(0.01)
        (told,) = inbox.events
    assert isinstance(told, ContactChanged)
    assert told.sender.name == "Ada"
