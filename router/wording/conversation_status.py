"""How a conversation stands, in the customer's words: what "any news?" is answered with. Pure."""

from collections.abc import Mapping

from conversation.model.conversation import State

_Words = Mapping[str, str]

_PLACED: _Words = {
    "en": "waiting in the queue {queue}, number {position} in line",
    "zh": "在“{queue}”队列中等待，排第 {position} 位",
    "fr": "en attente dans la file « {queue} », en position {position}",
    "de": "in der Warteschlange „{queue}“ an Stelle {position}",
}
_WAITING: _Words = {
    "en": "waiting in the queue {queue}",
    "zh": "在“{queue}”队列中等待",
    "fr": "en attente dans la file « {queue} »",
    "de": "in der Warteschlange „{queue}“",
}
_HELD: _Words = {
    "en": "with one of our colleagues, who is working on it",
    "zh": "正由客服人员处理",
    "fr": "entre les mains d'un de nos collègues, qui s'en occupe",
    "de": "bei jemandem aus unserem Team in Arbeit",
}
_ASLEEP: _Words = {
    "en": "put aside until we have news; we will come back to you",
    "zh": "暂时搁置，有消息后会联系您",
    "fr": "mise de côté jusqu'à ce que nous ayons du nouveau ; nous reviendrons vers vous",
    "de": "zurückgestellt, bis es etwas Neues gibt; wir melden uns",
}
_CLOSED: _Words = {"en": "closed", "zh": "已结束", "fr": "close", "de": "abgeschlossen"}
_OF_STATE: Mapping[State, _Words] = {
    State.WAITING: _WAITING,
    State.OFFERED: _WAITING,
    State.ASSIGNED: _HELD,
    State.SNOOZED: _ASLEEP,
    State.CLOSED: _CLOSED,
}


def say_standing(state: State, queue: str, position: int | None, language: str) -> str:
    """`waiting in the queue Payments, number 3 in line`; English where a language is not known."""
    waits = state in (State.WAITING, State.OFFERED)
    words = _PLACED if waits and position is not None else _OF_STATE[state]
    return words.get(language.split("-", 1)[0].lower(), words["en"]).format(queue=queue, position=position)
