"""How a conversation stands, in the customer's words: what "any news?" is answered with. Pure."""

from conversation.model.conversation import State
from conversation.wording import CATALOGUE


def format_status(state: State, queue: str, position: int | None, language: str) -> str:
    """`waiting in the queue Payments, number 3 in line`; English where a language is not known."""
    texts = CATALOGUE.texts("conversation_status", language)
    if not state.is_unheld:
        return texts(state.value)
    if position is None:
        return texts("waiting", queue=queue)
    return texts("placed", queue=queue, position=position)
