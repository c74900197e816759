"""A customer, with what the caller may see of their conversations."""

from conversation.errors import NotFound
from conversation.ports.storage.conversations import ConversationFilter
from desk.http.authentication import Who
from desk.http.routing import ApiRequest, Routes
from desk.representation.schemas import CustomerOut
from desk.representation.serializers import conversation_out, identity_out, names_for
from router.policy.permissions import sees_all, served_queues

routes = Routes("customers")
_EARLIER = 50


@routes.add("GET", "/customers/{id}", who=Who.AGENT)
async def get_customer(call: ApiRequest[None, None]) -> CustomerOut:
    """Known to the caller through a conversation they may see; else as if there were no such customer."""
    agent, rulebook = call.agent, call.services.rules.rulebook
    async with call.services.storage.read("desk.customer") as work:
        customer = await work.customers.get(call.path("id"))
        queues = None if sees_all(agent) else served_queues(agent, rulebook)
        wanted = ConversationFilter(queues=queues, viewer=agent.id, customer=customer.id)
        found, _ = await work.conversations.page(wanted, cursor=None, limit=_EARLIER)
        if not found and not sees_all(agent):
            raise NotFound(customer.id)
        identities = await work.customers.identities(customer.id)
        names = await names_for(work, rulebook, found)
    return CustomerOut(
        id=customer.id,
        name=customer.name,
        language=customer.language,
        language_source=customer.language_source,
        verified=customer.verified,
        attributes=dict(customer.attributes),
        created_at=customer.created_at,
        identities=[identity_out(identity) for identity in identities],
        conversations=[conversation_out(c, names) for c in found],
    )
