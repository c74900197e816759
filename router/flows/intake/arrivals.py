"""From events to arrivals: cleaned, and understood as far as there is time before their transaction."""

from collections.abc import Sequence
from dataclasses import replace

from conversation.model.message import InboundEvent, Malformed, MessageReceived
from conversation.ports.channel import Clock
from router.decision.facts import understand
from router.flows.active_rules import RulesInForce
from router.flows.classifier_plugin import Classifiers
from router.flows.intake.backpressure import Arrival, PendingAccept, Recent
from router.flows.intake.intake_quarantine import IntakeQuarantine
from router.flows.intake.sanitize import Clean, clean, clean_key
from router.understanding.language import Detector

_PATIENCE_OF_A_CALL = 4  # times as long as for one message a caller waits for a plug-in: the rest is found by words


class ArrivalReader:
    """Reads the events of one call. Nothing of it may fail: the batch isolates and quarantines what is at fault."""

    def __init__(
        self,
        rules: RulesInForce,
        detector: Detector,
        clock: Clock,
        *,
        classifiers: Classifiers,
        recent: Recent,
        quarantine: IntakeQuarantine,
    ) -> None:
        self._rules = rules
        self._detector = detector
        self._clock = clock
        self._classifiers = classifiers
        self._recent = recent
        self._quarantine = quarantine

    async def read(self, events: Sequence[InboundEvent], call: PendingAccept) -> list[Arrival]:
        """One arrival for each event, in order."""
        arrivals = [self._arrival(event, call, index) for index, event in enumerate(events)]
        await self._ask_plugin(arrivals)
        return arrivals

    def _arrival(self, event: InboundEvent, call: PendingAccept, index: int) -> Arrival:
        cleaned = self._cleaned(event)
        arrival = Arrival(event=cleaned.event, call=call, index=index, changed=cleaned.changed)
        if isinstance(cleaned.event, MessageReceived):
            arrival.repeats = cleaned.event in self._recent
            if not arrival.repeats:
                self._understand_early(arrival, cleaned.event)
        return arrival

    def _cleaned(self, event: InboundEvent) -> Clean:
        try:
            return clean(event)
        except Exception as error:  # noqa: BLE001 whatever it is made of, its batch mates go through
            self._quarantine.log_bug(error)
            unreadable = Malformed(
                channel=event.channel,
                external_id=clean_key(event.external_id),
                received_at=event.received_at,
                raw=getattr(event, "raw", b"") or event.external_id.encode(errors="replace"),
                reason=f"cannot be cleaned: {type(error).__name__}",
                code="bug",
            )
            return Clean(unreadable)

    def _understand_early(self, arrival: Arrival, event: MessageReceived) -> None:
        """While the last batch is written there is time for it; a fault shows again, and is handled, in the flush."""
        rulebook = self._rules.rulebook
        try:
            arrival.understood = understand(event.text, rulebook, self._detector, self._classifiers.built_in)
        except Exception:  # noqa: BLE001 the flush isolates, logs and quarantines it
            return
        arrival.rulebook = rulebook

    async def _ask_plugin(self, arrivals: Sequence[Arrival]) -> None:
        """What a plug-in classifies of these arrivals, as far as it answers in time."""
        plugged_in = self._classifiers.plugged_in
        if plugged_in is None:
            return
        until = self._clock.monotonic() + _PATIENCE_OF_A_CALL * plugged_in.limit
        for arrival in arrivals:
            if arrival.understood is None or arrival.rulebook is None or self._clock.monotonic() > until:
                continue
            claimed = await plugged_in.claim(arrival.event, arrival.understood, arrival.rulebook)
            if claimed is not None:
                arrival.understood = replace(arrival.understood, classified=claimed.ranking, model=claimed.by)
