"""After a restore nobody knows what left since the backup: nothing is sent by itself, an agent looks at each message."""

from conversation.model.message import Status
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage
from router.policy import notifications

RESTORED = "restored from a backup: it may have left before"
_BATCH = 100


async def hold_unsent(storage: Storage, clock: Clock) -> int:
    """What waits to leave becomes `uncertain`, in batches; how many messages."""
    held = 0
    while found := await _batch(storage, clock):
        held += found
    return held


async def _batch(storage: Storage, clock: Clock) -> int:
    now = clock.now()
    async with storage.begin("hold_unsent") as work:
        rows = await work.outbox.hold(error=RESTORED, now=now, limit=_BATCH)
        shown = [row.message for row in rows if row.message is not None and row.conversation is not None]
        for message in shown:
            moved = await work.messages.set_status(
                message.id, Status.UNCERTAIN, external_ids=(), error=RESTORED, at=now
            )
            if moved is not None:
                conversation = await work.conversations.get(message.conversation)
                await work.events.add([notifications.status_event(moved, conversation)], now=now)
    return len(rows)
