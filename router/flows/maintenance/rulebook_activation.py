"""Which rules are in force: a file's, or those that were in force before, for every node, with an entry in the audit."""

from collections.abc import Mapping

from conversation.errors import NotFound
from conversation.model.events import Hint, Topic
from conversation.ports.channel import Clock
from conversation.ports.storage import Work
from conversation.ports.storage.rulebooks import ACTIVATED, Revision
from router.rules.document import Document
from router.rules.model import ChannelHints
from router.rules.reader import unsigned_webhooks
from router.rules.rulebook import RuleFaults, compile_rules

ROLLED_BACK = "rules.rollback"
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


async def put_in_force(
    work: Work, *, digest: str, source: str, actor: str, clock: Clock, action: str = ACTIVATED
) -> Revision:
    """The rules of this text, from now on, on every node; they are checked already. Activations come one after the other."""
    now, before = clock.now(), await work.rulebooks.active(for_change=True)
    revision = await work.rulebooks.activate(digest=digest, source=source, author=actor, now=now, only_if_new=False)
    if before is not None and before.id == revision.id:
        return revision
    details = {"digest": digest, "before": before.id if before else None}
    await work.rulebooks.audit(actor=actor, action=action, subject=revision.id, data=details, now=now)
    work.hint(Hint(topic=Topic.RULES, keys=(revision.id,)))
    return revision


async def activate(
    work: Work, name: str, *, channels: Mapping[str, ChannelHints], actor: str, clock: Clock, action: str = ACTIVATED
) -> Revision:
    """A known revision. Raises `NotFound`, and `RuleFaults` where it no longer fits the channels, or a webhook has no secret."""
    wanted = await found(work, name)
    document = Document.model_validate_json(wanted.source)
    compile_rules(document, revision=wanted.id, channels=channels)
    if unsigned := unsigned_webhooks(document):
        raise RuleFaults(unsigned)
    return await put_in_force(work, digest=wanted.digest, source=wanted.source, actor=actor, clock=clock, action=action)


async def roll_back(work: Work, *, channels: Mapping[str, ChannelHints], actor: str, clock: Clock) -> Revision:
    """The revision that was in force before the present one was activated. Raises as `activate`.

    Asked again it goes one step further back, for going back is no activation.
    """
    active = await work.rulebooks.active(for_change=True)
    before = await work.rulebooks.before(active.id) if active is not None else None
    if before is None:
        raise NotFound("it is not known which rules were in force before: see `huntgroup rules list`")
    return await activate(work, before, channels=channels, actor=actor, clock=clock, action=ROLLED_BACK)
