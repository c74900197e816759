"""Who may see a conversation, and which queues somebody serves. Pure; used by the flows and by the desk."""

from conversation.errors import Conflict
from conversation.model.conversation import Conversation
from conversation.model.people import Agent, Role
from router.rules.rulebook import Queue, RuleBook


def sees_all(agent: Agent) -> bool:
    """Leads and admins see every conversation."""
    return agent.role in (Role.LEAD, Role.ADMIN)


def serves(agent: Agent, queue: Queue) -> bool:
    """The queues an agent is given by name; where none is given, all queues whose skills they have."""
    if agent.queues:
        return queue.name in agent.queues
    return all(skill in agent.skills for skill in queue.skills)


def served_queues(agent: Agent, rulebook: RuleBook) -> tuple[str, ...]:
    """Names of the queues an agent serves, in the order of the rules."""
    return tuple(queue.name for queue in rulebook.queues.values() if serves(agent, queue))


def holds(agent: Agent, conversation: Conversation) -> bool:
    """It is theirs, or is being offered to them."""
    return agent.id in (conversation.owner, conversation.offered_to)


def may_see(agent: Agent, conversation: Conversation, rulebook: RuleBook) -> bool:
    """Everybody's work for leads and admins; else what one holds, and what lies in a queue one serves."""
    if sees_all(agent) or holds(agent, conversation):
        return True
    queue = rulebook.queues.get(conversation.queue)
    return queue is not None and serves(agent, queue)


def must_hold(agent: Agent, conversation: Conversation) -> None:
    """Raises `Conflict` "not_owner" for whoever neither holds it nor leads."""
    if not holds(agent, conversation) and not sees_all(agent):
        raise Conflict("this conversation is not yours", code="not_owner")


def must_control(agent: Agent, conversation: Conversation) -> None:
    """What nobody holds may be changed by whoever sees it; what somebody holds, by them and by leads. Raises `Conflict`."""
    if conversation.owner is not None or conversation.offered_to is not None:
        must_hold(agent, conversation)
