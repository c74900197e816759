"""Back to rules that were in force before: another revision becomes the active one, for every node, with an entry in the record."""

from collections.abc import Mapping

from conversation.errors import NotFound
from conversation.model.events import Hint, Topic
from conversation.ports.channel import Clock
from conversation.ports.storage import Work
from conversation.ports.storage.rulebooks import Revision
from router.rules.document import Document
from router.rules.model import ChannelHints
from router.rules.reader import unsigned_webhooks
from router.rules.rulebook import RuleFaults, compile_rules

_LISTED = 1_000


async def found(work: Work, name: str) -> Revision:
    """The revision of that id, or the only one whose id or digest begins or ends so. Raises `NotFound`."""
    known = await work.rulebooks.newest(_LISTED)
    exact = [one for one in known if one.id == name]
    near = [one for one in known if one.digest.startswith(name) or one.id.endswith(name)]
    for listed in (exact, near):
        if len(listed) == 1 and name:
            return listed[0]
    raise NotFound(f"there is no revision '{name}'" if not near else f"'{name}' fits {len(near)} revisions")


async def activate(
    work: Work, name: str, *, channels: Mapping[str, ChannelHints], actor: str, clock: Clock
) -> Revision:
    """Make it the one in force. Raises `NotFound`, and `RuleFaults` where it no longer fits the channels, or a webhook has no secret."""
    wanted, now = await found(work, name), clock.now()
    document = Document.model_validate_json(wanted.source)
    compile_rules(document, revision=wanted.id, channels=channels)
    if unsigned := unsigned_webhooks(document):
        raise RuleFaults(unsigned)
    before = await work.rulebooks.active()
    revision = await work.rulebooks.activate(
        digest=wanted.digest, source=wanted.source, author=actor, now=now, only_if_new=False
    )
    details = {"digest": revision.digest, "before": before.id if before else None}
    await work.rulebooks.audit(actor=actor, action="rules.activate", subject=revision.id, data=details, now=now)
    work.hint(Hint(topic=Topic.RULES, keys=(revision.id,)))
    return revision
