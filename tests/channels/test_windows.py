"""What may leave when: within the window anything, then what a person wrote, then approved texts only."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from channels.reply_window import must_be_lawful, must_tag
from conversation.errors import PermanentFailure
from conversation.model.capabilities import Can
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity, WorkKind
from conversation.reply_window import Open, lawful, window

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)
SHORT = Can(work=WorkKind.MESSAGE, reply_window=DAY, human_window=WEEK, templates=("hello",))
BARE = Can(work=WorkKind.MESSAGE, reply_window=DAY)
FREE = Can(work=WorkKind.EMAIL)


def leaving(until: datetime | None, *, automatic: bool = False, template: str | None = None) -> OutboundMessage:
    return OutboundMessage(
        id="m1",
        conversation="c1",
        reference="7K3M-9QFX",
        channel="chat",
        to=Identity(channel="chat", address="u1"),
        text="Hello",
        automatic=automatic,
        template=template,
        reply_until=until,
    )


def test_the_window_narrows_from_anything_to_persons_to_templates() -> None:
    until = NOW + DAY
    assert window(SHORT, until, NOW).open is Open.ANYTHING
    assert window(SHORT, until, NOW).until == until
    assert window(SHORT, until, until).open is Open.PERSONS
    assert window(SHORT, until, until).until == NOW + WEEK
    assert window(SHORT, until, NOW + WEEK).open is Open.TEMPLATES
    assert window(BARE, until, until).open is Open.TEMPLATES


def test_a_medium_without_a_window_is_always_open_and_one_with_is_closed_to_strangers() -> None:
    assert window(FREE, None, NOW).open is Open.ANYTHING
    assert window(FREE, NOW, NOW).open is Open.TEMPLATES
    assert window(SHORT, None, NOW).open is Open.TEMPLATES


@pytest.mark.parametrize(
    ("age", "automatic", "template", "may"),
    [
        (timedelta(hours=23), True, None, True),
        (timedelta(hours=25), True, None, False),
        (timedelta(hours=25), False, None, True),
        (timedelta(days=8), False, None, False),
        (timedelta(days=8), False, "hello", True),
        (timedelta(days=8), True, "hello", True),
    ],
)
def test_the_window_is_kept_alike_when_written_and_when_sent(
    age: timedelta, automatic: bool, template: str | None, may: bool
) -> None:
    until = NOW - age + DAY
    assert lawful(SHORT, until, automatic=automatic, template=template, now=NOW) is may
    message = leaving(until, automatic=automatic, template=template)
    if may:
        must_be_lawful(SHORT, message, now=NOW)
    else:
        with pytest.raises(PermanentFailure) as caught:
            must_be_lawful(SHORT, message, now=NOW)
        assert caught.value.code == "window_closed"


def test_what_is_refused_names_what_may_be_sent_instead() -> None:
    with pytest.raises(PermanentFailure, match="a person may still answer"):
        must_be_lawful(SHORT, leaving(NOW, automatic=True), now=NOW)
    with pytest.raises(PermanentFailure, match="a template may still be sent: hello"):
        must_be_lawful(SHORT, leaving(None), now=NOW)
    with pytest.raises(PermanentFailure, match=r"is over$"):
        must_be_lawful(BARE, leaving(NOW), now=NOW)


def test_a_template_that_the_account_has_not_is_no_way_out() -> None:
    with pytest.raises(PermanentFailure) as caught:
        must_be_lawful(SHORT, leaving(None, template="other"), now=NOW)
    assert caught.value.code == "unsupported"


def test_a_margin_closes_the_window_a_moment_early() -> None:
    message = leaving(NOW + timedelta(seconds=5))
    must_be_lawful(BARE, message, now=NOW)
    with pytest.raises(PermanentFailure):
        must_be_lawful(BARE, message, now=NOW, margin=timedelta(seconds=10))


def test_only_what_a_person_wrote_after_the_first_window_wears_a_tag() -> None:
    late = leaving(NOW)
    assert must_tag(SHORT, late, now=NOW)
    assert not must_tag(SHORT, leaving(NOW + DAY), now=NOW)
    assert not must_tag(SHORT, replace(late, template="hello"), now=NOW)
