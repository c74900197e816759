"""Classifiers at work: the model in use, swapped between two messages, and a plug-in that has a time limit and no power to block."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable

from conversation.model.decision import Understood
from conversation.model.message import InboundEvent, MessageReceived
from router.decision.classifier import Claimed, Classifier, PlugIn, known, language_of, may_ask
from router.rules.rulebook import RuleBook
from router.understanding.classifier_blend import Ranking

log = logging.getLogger(__name__)
_KEPT = 5
_MOST_WAITING = (
    16  # answers that nobody waits for any more: with so many the plug-in is given up until it has caught up
)

Answer = tuple[tuple[str, float], ...]


class Classifiers:
    """What may be asked: the model in use, or a plug-in, or nobody. The intake reads it for every message."""

    def __init__(self) -> None:
        self.built_in: Guarded | None = None
        self.plugged_in: PluggedIn | None = None

    def use(self, built_in: Classifier | None) -> None:
        """From now on this model, or none."""
        self.built_in = Guarded(built_in) if built_in else None

    def plug_in(self, plugged_in: "PluggedIn | None") -> None:
        """From now on this plug-in, or none; the one before is let go."""
        before, self.plugged_in = self.plugged_in, plugged_in
        if before is not None:
            before.close()


class Guarded:
    """A built-in classifier whose faults cost nobody a message: they are logged once, and the words decide."""

    def __init__(self, ask: Classifier) -> None:
        self._ask = ask
        self._logged = False

    def __call__(self, text: str, language: str | None, words: Ranking, rulebook: RuleBook) -> Claimed | None:
        """What it claims; None where it breaks."""
        try:
            return self._ask(text, language, words, rulebook)
        except Exception:
            if not self._logged:
                self._logged = True
                log.exception("classifier_failed", extra={"classifier": "model"})
            return None


class PluggedIn:
    """A plug-in in a thread of its own: whoever asks waits `limit` seconds at most, and a plug-in that hangs holds up nobody."""

    def __init__(self, name: str, ask: PlugIn, limit: float) -> None:
        self.name = name
        self.limit = limit
        self._ask = ask
        self._asked: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting = 0
        self._logged: set[str] = set()
        threading.Thread(target=self._work, name=f"classifier-{name}", daemon=True).start()

    async def claim(self, event: InboundEvent, understood: Understood, rulebook: RuleBook) -> Claimed | None:
        """What it claims; None where it is silent, late or broken."""
        if not isinstance(event, MessageReceived) or not may_ask(event.text, understood.issues, rulebook):
            return None
        if self._waiting >= _MOST_WAITING:
            return None
        try:
            async with asyncio.timeout(self.limit):
                ranking = await self._answer(event.text, language_of(understood.languages))
        except Exception as error:  # noqa: BLE001 whatever it is made of, the words stand
            self._complain(error)
            return None
        return known(Claimed(ranking=ranking, by=self.name), rulebook)

    def close(self) -> None:
        """Its thread ends when it has answered."""
        self._asked.put(None)

    def _answer(self, text: str, language: str | None) -> "asyncio.Future[Answer]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting += 1

        def settle(ranking: Answer, error: Exception | None) -> None:
            self._waiting -= 1
            if answer.done():
                return
            if error is None:
                answer.set_result(ranking)
            else:
                answer.set_exception(error)

        def ask() -> None:
            ranking, error = _asked(self._ask, text, language)
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, ranking, error)

        self._asked.put(ask)
        return answer

    def _work(self) -> None:
        while (ask := self._asked.get()) is not None:
            ask()

    def _complain(self, error: Exception) -> None:
        """The same failure is logged once."""
        if type(error).__name__ not in self._logged:
            self._logged.add(type(error).__name__)
            log.error("classifier_failed", extra={"classifier": self.name, "error": type(error).__name__})


def _asked(ask: PlugIn, text: str, language: str | None) -> tuple[Answer, Exception | None]:
    try:
        found = sorted(((str(issue), float(p)) for issue, p in ask(text, language)), key=lambda one: -one[1])
    except Exception as error:  # noqa: BLE001 handed to whoever waits
        return (), error
    return tuple(found[:_KEPT]), None
