"""One-time codes that come back before a call is taken as asked for: to the number, or to where its customer wrote. Pure."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from conversation.model.message import CallbackRequested

IN_CONVERSATION = "conversation"  # instead of an account of text messages: over the medium on which they wrote
LIFE = timedelta(minutes=10)
TRIES = 5
PAUSE = timedelta(seconds=30)  # before another code may leave
WITHIN = timedelta(hours=1)  # in which a number gets so many codes at most
DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """A request that waits for its code, which is kept as a digest only.

    `carrier` is the account that carried the code to the number; None: it was said in the conversation. `sendings` counts codes that
    left, `tries` those that were typed. `callback` is what became of the request.
    """

    asked: CallbackRequested
    carrier: str | None
    digest: str
    sent_at: datetime
    until: datetime
    sendings: int = 1
    tries: int = 0
    callback: str | None = None

    @property
    def sent(self) -> "CodeSent":
        """What whoever asked may know of it."""
        number = self.asked.number if self.carrier is not None else None
        return CodeSent(request=self.asked.external_id, number=number, until=self.until, asked=self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A code is on its way, and the request waits for it. `number` None: it was said in the conversation.

    `asked` is that request as it was made, for its own page only: where the code leads nowhere, the form is shown again, filled from it.
    """

    request: str
    number: str | None
    until: datetime
    asked: CallbackRequested


def digest(request: str, code: str) -> str:
    """What is kept of a code. Of six digits it hides nothing from who can compute; that they end in ten minutes does."""
    return sha256(f"{request}\n{code}".encode()).hexdigest()


def fits(pending: PendingCall, typed: str) -> bool:
    """Whether this is its code, in any script's digits and however they are grouped."""
    code = "".join(str(int(letter)) for letter in typed if letter.isdecimal())
    return hmac.compare_digest(pending.digest, digest(pending.asked.external_id, code))
