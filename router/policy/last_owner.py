"""Who held a conversation before it slept or closed: they are asked first when it wakes or reopens. Pure."""

from dataclasses import replace

from conversation.model.conversation import Conversation


def with_last_owner(conversation: Conversation) -> Conversation:
    """The conversation with its owner remembered, where it has one."""
    if conversation.owner is None:
        return conversation
    return replace(conversation, routing=replace(conversation.routing, last_owner=conversation.owner))
