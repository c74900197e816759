"""Keys that were stored not long ago."""

from datetime import datetime

from conversation.model.message import MessageReceived
from conversation.model.people import Identity
from router.flows.intake.backpressure import Recent


def message(external_id: str, channel: str = "app") -> MessageReceived:
    at = datetime.fromisoformat("2026-11-23T10:00:00+00:00")
    sender = Identity(channel=channel, address="mei")
    return MessageReceived(channel=channel, external_id=external_id, sender=sender, text="", received_at=at)


def test_a_key_is_of_its_channel() -> None:
    recent = Recent(3)
    recent.add(message("1"))
    assert message("1") in recent
    assert message("1", "mail") not in recent
    assert message("2") not in recent


def test_the_oldest_are_forgotten() -> None:
    recent = Recent(2)
    for number in "1213":
        recent.add(message(number))
    assert [message(number) in recent for number in "123"] == [False, True, True]
