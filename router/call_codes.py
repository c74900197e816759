"""A request to be called waits until a one-time code came back: sent to its number, or said where its customer wrote."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from conversation import call_codes
from conversation.call_codes import IN_CONVERSATION, LIFE, PAUSE, WITHIN, CodeSent, PendingCall, digest
from conversation.calling import CallRefused, Plan
from conversation.errors import NotFound
from conversation.ids import new_id
from conversation.message import CallbackRequested
from conversation.outbound import Effect, OutboundMessage, OutboxRow
from conversation.people import Identity
from conversation.ports import Clock
from conversation.remembering import Storage, Work
from router import announce
from router.call_messages import say
from router.call_plan import Cans
from router.call_words import CODE, said_of
from router.rules_in_force import RulesInForce


def draw() -> str:
    """A code that nobody can foresee."""
    return f"{secrets.randbelow(10**call_codes.DIGITS):0{call_codes.DIGITS}}"


class CallCodes:
    """What is asked for is kept beside the conversations until its code came back, and is forgotten if it does not."""

    def __init__(
        self,
        storage: Storage,
        rules: RulesInForce,
        clock: Clock,
        *,
        cans: Callable[[], Cans],
        draw: Callable[[], str] = draw,
    ) -> None:
        self._storage = storage
        self._rules = rules
        self._clock = clock
        self._cans = cans
        self._draw = draw

    async def is_needed(self, work: Work, asked: CallbackRequested, plan: Plan) -> bool:
        """Where the account asks for one, unless this conversation came from that very number."""
        if plan.code is None:
            return False
        if asked.token is None or plan.code == IN_CONVERSATION:
            return True
        conversation = (await work.conversations.find([asked.token])).get(asked.token)
        known = await work.customers.identities(conversation.customer) if conversation is not None else ()
        return not any((one.channel, one.address) == (plan.code, asked.number) for one in known)

    async def send(self, work: Work, asked: CallbackRequested, plan: Plan) -> CodeSent:
        """Keep the request and send its code, together. A repeat of the request sends none."""
        now, code = self._clock.now(), self._draw()
        pending = PendingCall(
            asked=asked,
            carrier=None if plan.code == IN_CONVERSATION else plan.code,
            digest=digest(asked.external_id, code),
            sent_at=now,
            until=now + LIFE,
        )
        if await work.call_codes.add(pending, now=now):
            await self._leave(work, pending, plan, code)
            return pending.told
        known = await work.call_codes.find(asked.external_id)
        return known.told if known is not None else pending.told

    async def again(self, request: str, plan_of: Callable[[str], Plan]) -> CodeSent:
        """Another code, in place of the first. Raises `CallRefused` "code_over", "code_soon", "too_many"."""
        now, code = self._clock.now(), self._draw()
        async with self._storage.begin("call_code") as work:
            found = await work.call_codes.lock(request)
            if found is None or found.callback is not None or found.until <= now or found.tries >= call_codes.TRIES:
                raise CallRefused("code_over")
            if found.sent_at + PAUSE > now:
                raise CallRefused("code_soon")
            other = replace(found, digest=digest(request, code), sent_at=now, sendings=found.sendings + 1)
            await work.call_codes.again(other)
            await self._leave(work, other, plan_of(other.asked.channel), code)
        return other.told

    async def pending(self, request: str) -> CodeSent:
        """Where its code went. Raises `NotFound`."""
        async with self._storage.read("call_code") as work:
            found = await work.call_codes.find(request)
        if found is None:
            raise NotFound("no code is awaited for this request")
        return found.told

    async def came_back(self, request: str, typed: str) -> PendingCall:
        """The request whose code this is. Raises `CallRefused` "code_wrong", "code_over"; every try counts."""
        async with self._storage.begin("call_code") as work:
            found = await work.call_codes.tried(request, now=self._clock.now())
        if found is None:
            raise CallRefused("code_over")
        if not call_codes.fits(found, typed):
            raise CallRefused("code_wrong")
        return found

    async def settled(self, request: str, callback: str) -> None:
        """So that the same code, typed again, tells how the call stands."""
        async with self._storage.begin("call_code") as work:
            await work.call_codes.settled(request, callback)

    # -- leaving -------------------------------------------------------------------------------------------------------

    async def _leave(self, work: Work, pending: PendingCall, plan: Plan, code: str) -> None:
        """By the outbox; bounded by number, because texts cost money and telephones ring."""
        asked, now = pending.asked, self._clock.now()
        if await work.call_codes.sent_to(asked.number, since=now - WITHIN) > plan.codes:  # this one is counted
            raise CallRefused("too_many")
        if pending.carrier is not None:
            await self._text(work, pending, pending.carrier, code, now)
        elif not await self._say(work, asked, code, now):
            raise CallRefused("code_no_way")

    async def _text(self, work: Work, pending: PendingCall, carrier: str, code: str, now: datetime) -> None:
        asked, rulebook = pending.asked, self._rules.rulebook
        language = asked.language or asked.locale
        text = said_of(rulebook, CODE, language, rulebook.kind_of(carrier), {"code": code, "number": asked.number})
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
        work.hint(*announce.hints(targets=[carrier]))

    async def _say(self, work: Work, asked: CallbackRequested, code: str, now: datetime) -> bool:
        """In the conversation that is proven, over the medium on which its customer wrote; whether there is one."""
        if asked.token is None:
            return False
        try:
            conversation = await work.conversations.lock(asked.token)
        except NotFound:
            return False
        values = {"code": code, "number": asked.number}
        return await say(work, conversation, CODE, values, rulebook=self._rules.rulebook, cans=self._cans(), now=now)
