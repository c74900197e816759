"""Which classifier serves: the model in use or a plug-in, loaded off the event loop, followed while the server runs."""

import asyncio
import logging

from conversation.errors import HuntgroupError
from conversation.model.events import Topic
from conversation.ports.channel import Signals
from conversation.ports.storage import Storage
from router.decision.classifier import ModelInUse, plug_in
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Classifiers, PluggedIn
from router.rules.reader import BUILT_IN
from router.understanding.linear_model import BadModel, from_bytes

log = logging.getLogger(__name__)
_HEAL = 30.0  # seconds between looks at the store when no hint comes


class ClassifierFollower:
    """Keeps `classifiers` at what the store and the rules say."""

    def __init__(self, storage: Storage, rules: RulesInForce, signals: Signals) -> None:
        self.classifiers = Classifiers()
        self._storage = storage
        self._rules = rules
        self._signals = signals
        self._model: str | None = None
        self._engine = ""

    async def look(self) -> None:
        """Take what is in use now; what cannot be loaded leaves the words alone."""
        await self._look_at_model()
        engine = self._rules.rulebook.classifying.engine
        if engine != self._engine:
            self._engine = engine
            self.classifiers.plug_in(await asyncio.to_thread(self._plugged_in, engine))

    async def follow(self) -> None:
        """Look whenever rules or models were changed on any node. Runs until cancelled."""
        async with self._signals.subscribe(Topic.RULES) as listening:
            while True:
                await listening.wait(_HEAL)
                try:
                    await self.look()
                except HuntgroupError as error:
                    log.warning("classifier_not_looked_up", extra={"error": type(error).__name__})

    async def _look_at_model(self) -> None:
        async with self._storage.read("models.follow") as work:
            active = await work.models.active()
            if (active.id if active else None) == self._model:
                return
            weights = await work.models.weights(active.id) if active else b""
        self._model = active.id if active else None
        if active is None:
            self.classifiers.use(None)
            log.info("model_let_go")
            return
        try:
            model = await asyncio.to_thread(from_bytes, weights)
        except BadModel as error:
            self.classifiers.use(None)
            log.error("model_unreadable", extra={"model": active.id, "reason": str(error)})  # noqa: TRY400 no bug: no trace
            return
        self.classifiers.use(ModelInUse(id=active.id, model=model))
        log.info("model_in_use", extra={"model": active.id, "labels": model.labels, "own": model.own})

    def _plugged_in(self, engine: str) -> PluggedIn | None:
        if engine in BUILT_IN:
            return None
        rulebook = self._rules.rulebook
        try:
            ask = plug_in(engine, tuple(rulebook.issues))
        except Exception:
            log.exception("classifier_not_loaded", extra={"classifier": engine})
            return None
        return PluggedIn(engine, ask, rulebook.classifying.time_limit.total_seconds()) if ask else None
