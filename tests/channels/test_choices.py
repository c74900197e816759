"""A question with choices on media with buttons: the choices beside the text, which has them as numbered lines all the same."""

import json
from datetime import UTC, datetime

from channels.webchat import render as webchat
from channels.webhook import render as webhook
from conversation.model.choices import choices_of, numbered_lines, with_choices
from conversation.model.message import Author, AuthorKind, Direction, Message
from conversation.model.outbound import OutboundMessage
from conversation.model.people import Identity

ASKED = with_choices("What is it about?", ["Top-up", "Card"])
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def told(text: str, kind: AuthorKind) -> Message:
    return Message(
        id="m1",
        conversation="c1",
        seq=2,
        direction=Direction.OUT,
        author=Author(kind=kind),
        text=text,
        created_at=NOW,
    )


def posted(text: str, *, automatic: bool) -> dict[str, object]:
    to = Identity(channel="app", address="u1")
    leaving = OutboundMessage(
        id="m1", conversation="c1", reference="7K3M-9QFX", channel="app", to=to, text=text, automatic=automatic
    )
    body: dict[str, object] = json.loads(webhook.reply(leaving))
    return body


def test_the_chat_page_is_given_the_choices_of_the_house_and_of_nobody_else() -> None:
    shown = webchat.message(told(ASKED, AuthorKind.SYSTEM), channel="site", address="a")
    assert shown["choices"] == ["Top-up", "Card"]
    assert "2. Card" in shown["text"]
    assert "choices" not in webchat.message(told(ASKED, AuthorKind.AGENT), channel="site", address="a")
    assert "choices" not in webchat.message(told("1. one", AuthorKind.SYSTEM), channel="site", address="a")


def test_an_application_is_given_the_choices_beside_the_text() -> None:
    assert posted(ASKED, automatic=True)["choices"] == ["Top-up", "Card"]
    assert "choices" not in posted(ASKED, automatic=False)
    assert "choices" not in posted("We are closed.", automatic=True)


def test_a_medium_without_buttons_is_given_numbered_lines_and_nothing_that_cannot_be_seen() -> None:
    assert numbered_lines(ASKED) == "What is it about?\n1. Top-up\n2. Card"
    assert choices_of(numbered_lines(ASKED))[1] == ()
    assert numbered_lines("a\u2060b") == "a\u2060b"
