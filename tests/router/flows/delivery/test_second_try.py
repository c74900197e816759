"""What may have arrived: sent once more where the channel allows it, then left to a person."""

from datetime import timedelta

from conversation.errors import Unknown
from conversation.model.capabilities import Can
from conversation.model.message import Status
from conversation.model.people import WorkKind
from tests.router.flows.delivery.test_sender import answering
from tests.router.flows.stage import Stage


async def test_where_the_channel_allows_what_got_no_answer_is_sent_once_more_later(stage: Stage) -> None:
    desk = await answering(stage, "text")
    desk.channel.can = Can(work=WorkKind.EMAIL, second_try=True)
    desk.channel.failures = [Unknown("silence", sent=("<1@a>",)), Unknown("silence", sent=("<1@a>",))]
    message = await desk.say("hi")
    assert await stage.dispatcher.once() == 1
    assert await desk.status(message) == (Status.UNCERTAIN, "silence")
    assert await stage.dispatcher.once() == 0
    stage.clock.advance(timedelta(minutes=11))
    assert await stage.dispatcher.once() == 1
    stage.clock.advance(timedelta(hours=2))
    assert await stage.dispatcher.once() == 0
    assert await stage.outbox() == {"uncertain": 1}
    assert await desk.status(message) == (Status.UNCERTAIN, "silence")
