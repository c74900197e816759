"""Numbers that are never called: put down, taken off and audited in one transaction, whoever asks for it."""

from datetime import datetime

from conversation.errors import NotFound
from conversation.ports.storage import Work

_FEWEST, _MOST = 6, 15  # digits of an international number (ITU-T E.164)
_BETWEEN = str.maketrans("", "", " ()-./\u00a0")


class BadNumber(ValueError):
    """Not a number that could be called."""


def international(written: str) -> str:
    """`+4930555000199` for `+49 (30) 555 000-199`. Raises `BadNumber` for what does not say its country."""
    number = written.translate(_BETWEEN)
    digits = number.removeprefix("+")
    if not (number.startswith("+") and digits.isascii() and digits.isdigit() and _FEWEST <= len(digits) <= _MOST):
        raise BadNumber(f"'{written}' is no number with its country: write it like +49 30 555000199")
    return number


async def put_down(work: Work, written: str, *, reason: str, actor: str, now: datetime) -> str:
    """Never to be called from now on; the first reason stands. The number. Raises `BadNumber`."""
    number = international(written)
    await work.callbacks.block(number, reason=reason, now=now)
    await work.rulebooks.audit(actor=actor, action="do_not_call.add", subject=number, data={"reason": reason}, now=now)
    return number


async def take_off(work: Work, written: str, *, actor: str, now: datetime) -> None:
    """It may be called again. Raises `BadNumber`, and `NotFound` where it might be called already."""
    number = international(written)
    if not await work.callbacks.unblock(number):
        raise NotFound(f"{number} is not among those that are never called")
    await work.rulebooks.audit(actor=actor, action="do_not_call.remove", subject=number, data={}, now=now)
