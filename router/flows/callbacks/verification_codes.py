"""A request to be called waits until a one-time code came back: sent to its number, or said where its customer wrote."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from conversation.errors import CallbackRefused, NotFound
from conversation.id_generator import new_id
from conversation.model import verification_code as call_codes
from conversation.model.callback import CallbackSettings, CallbackStatus
from conversation.model.conversation import Conversation
from conversation.model.message import CallbackRequested
from conversation.model.outbound import Effect, OutboundMessage, OutboxRow
from conversation.model.people import Identity
from conversation.model.verification_code import IN_CONVERSATION, LIFE, PAUSE, WITHIN, CodeSent, PendingCall, digest
from conversation.ports.channel import Clock
from conversation.ports.storage import Storage, Work
from router.flows.active_rules import RulesInForce
from router.flows.callbacks.booking import CallbackBooking
from router.flows.callbacks.notices import send_notice
from router.flows.transaction_retry import retried
from router.policy import notifications
from router.policy.callback_plan import Cans, settings_of
from router.wording.callback_messages import CODE, message_text


def draw() -> str:
    """A code that nobody can foresee."""
    return f"{secrets.randbelow(10**call_codes.DIGITS):0{call_codes.DIGITS}}"


class CodeVerification:
    """The port `CodeVerifications`: a request is kept apart from the conversations until its code came back, and forgotten if it does not."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        clock: Clock,
        booking: CallbackBooking,
        *,
        cans: Callable[[], Cans],
        draw: Callable[[], str] = draw,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self.booking = booking
        self._cans = cans
        self._draw = draw

    async def ask(self, asked: CallbackRequested) -> CallbackStatus | CodeSent:
        """Taken at once, or, where a code must come back first, kept with its place in a slot."""
        settings = self._settings(asked)
        waiting = await retried(lambda: self._kept(asked, settings)) if settings.code is not None else None
        return waiting or await self.booking.request(asked)

    async def _kept(self, asked: CallbackRequested, settings: CallbackSettings) -> CallbackStatus | CodeSent | None:
        """None where no code is needed. While it waits, what was asked for last counts."""
        async with self._storage.begin("call_code") as work:
            known = await work.call_codes.find(asked.external_id)
            if known is not None and known.callback is not None:
                return await self.booking.status_of(work, await work.callbacks.get(known.callback))
            if not await self._is_needed(work, asked, settings):
                return None
            sent = await self._send(work, asked, settings)
            if asked.slot is None:
                await work.callbacks.let_go(asked.external_id)
            await self.booking.prepare(work, asked, LIFE)
            return sent

    async def confirm(self, request: str, code: str) -> CallbackStatus:
        """The code came back: what waited for it is taken. The same code once more gives its status.

        Raises `CallbackRefused` "code_wrong", "code_over"; every attempt counts.
        """
        async with self._storage.begin("call_code") as work:
            found = await work.call_codes.tried(request, now=self._clock.now())
        if found is None:
            raise CallbackRefused("code_over")
        if not call_codes.fits(found, code):
            raise CallbackRefused("code_wrong")
        if found.callback is not None:
            return await self.booking.status(found.callback)
        status = await self.booking.request(replace(found.asked, proven=found.carrier is not None))
        async with self._storage.begin("call_code") as work:
            await work.call_codes.settled(request, status.callback.id)
        return status

    async def another_code(self, request: str) -> CodeSent:
        """In place of the one that did not arrive, and good for as long; so is the place in the slot.

        Raises `CallbackRefused` "code_over", "code_soon", "too_many".
        """
        return await retried(lambda: self._another_code(request))

    async def _another_code(self, request: str) -> CodeSent:
        now, code = self._clock.now(), self._draw()
        async with self._storage.begin("call_code") as work:
            found = await work.call_codes.find(request)
            where = await self._alone(work, found) if found is not None else None
            found = await work.call_codes.lock(request)
            if found is None or found.callback is not None or found.until <= now or found.tries >= call_codes.TRIES:
                raise CallbackRefused("code_over")
            if found.sent_at + PAUSE > now:
                raise CallbackRefused("code_soon")
            other = replace(
                found, digest=digest(request, code), sent_at=now, until=now + LIFE, sendings=found.sendings + 1
            )
            await work.call_codes.change(other)
            await self._leave(work, other, self._settings(other.asked), code, where)
            await self.booking.prepare(work, other.asked, LIFE)
        return other.sent

    async def code_sent(self, request: str) -> CodeSent:
        """Where the code went. Raises `NotFound`."""
        async with self._storage.read("call_code") as work:
            found = await work.call_codes.find(request)
        if found is None:
            raise NotFound("no code is awaited for this request")
        return found.sent

    def _settings(self, asked: CallbackRequested) -> CallbackSettings:
        return settings_of(self._cans(), asked.channel) or CallbackSettings()

    async def _is_needed(self, work: Work, asked: CallbackRequested, plan: CallbackSettings) -> bool:
        """Where the account asks for one, unless this conversation came from that very number."""
        if plan.code is None:
            return False
        if asked.token is None or plan.code == IN_CONVERSATION:
            return True
        conversation = (await work.conversations.find([asked.token])).get(asked.token)
        known = await work.customers.identities(conversation.customer) if conversation is not None else ()
        return not any((one.channel, one.address) == (plan.code, asked.number) for one in known)

    async def _send(self, work: Work, asked: CallbackRequested, plan: CallbackSettings) -> CodeSent:
        """Keep the request and send its code, together. Sent again it gets no second code; what it asks for last counts."""
        now, code = self._clock.now(), self._draw()
        pending = PendingCall(
            asked=asked,
            carrier=None if plan.code == IN_CONVERSATION else plan.code,
            digest=digest(asked.external_id, code),
            sent_at=now,
            until=now + LIFE,
        )
        where = await self._alone(work, pending)
        if await work.call_codes.add(pending, now=now):
            await self._leave(work, pending, plan, code, where)
            return pending.sent
        known = await work.call_codes.find(asked.external_id)
        if known is None:
            raise CallbackRefused("code_over")
        changed = replace(known, asked=asked)
        await work.call_codes.change(changed)
        return changed.sent

    # -- leaving -------------------------------------------------------------------------------------------------------

    async def _alone(self, work: Work, pending: PendingCall) -> Conversation | None:
        """In the order in which everybody locks: the number, whose codes are counted, then the conversation in which one is said."""
        await work.call_codes.alone(pending.asked.number)
        if pending.carrier is not None:
            return None
        try:
            return await work.conversations.lock(pending.asked.token or "")
        except NotFound:
            raise CallbackRefused("code_no_way") from None

    async def _leave(
        self, work: Work, pending: PendingCall, plan: CallbackSettings, code: str, where: Conversation | None
    ) -> None:
        """By the outbox; bounded by number, because texts cost money and telephones ring."""
        asked, now = pending.asked, self._clock.now()
        if await work.call_codes.sent_to(asked.number, since=now - WITHIN) > plan.codes:  # this one is counted
            raise CallbackRefused("too_many")
        if pending.carrier is not None:
            await self._text(work, pending, pending.carrier, code, now)
            return
        values, rulebook, cans = {"code": code, "number": asked.number}, self._rules.rulebook, self._cans()
        if where is None or not await send_notice(work, where, CODE, values, rulebook=rulebook, cans=cans, now=now):
            raise CallbackRefused("code_no_way")

    async def _text(self, work: Work, pending: PendingCall, carrier: str, code: str, now: datetime) -> None:
        asked, rulebook = pending.asked, self._rules.rulebook
        language = asked.language or asked.locale
        text = message_text(rulebook, CODE, language, rulebook.kind_of(carrier), {"code": code, "number": asked.number})
        message = OutboundMessage(
            id=new_id(),
            conversation="",
            reference="",
            channel=carrier,
            to=Identity(channel=carrier, address=asked.number),
            text=text,
            language=language,
            created_at=now,
            automatic=True,
        )
        row = OutboxRow(
            id=new_id(),
            effect=Effect.MESSAGE,
            target=carrier,
            created_at=now,
            message=message,
            give_up_at=pending.until,
        )
        await work.outbox.add(row, at=now)
        work.hint(*notifications.hints(targets=[carrier]))
