"""How the tests of this kind read payloads: three accounts of one app, each told at its own webhook, and one that is told for a sibling."""

from collections.abc import Sequence
from typing import Any

from channels.meta import normalize
from conversation.model.message import InboundEvent
from tests.contracts.channel import NOW

PHONE, PAGE, INSTAGRAM = "100200300400500", "200300400500600", "17841400000000001"
OTHERS = {"100200300400501": "sibling", "200300400500601": "sibling"}
_ACCOUNTS = ((b"whatsapp_business_account", PHONE), (b'"instagram"', INSTAGRAM), (b'"page"', PAGE))


def account_of(raw: bytes) -> str:
    """Whose webhook such bytes come to."""
    return next((account for mark, account in _ACCOUNTS if mark in raw[:400]), PHONE)


def read(raw: bytes, **how: Any) -> Sequence[InboundEvent]:
    """The events, as the account reads them to whose webhook they come."""
    given: dict[str, Any] = {"channel": "account", "received_at": NOW, "account": account_of(raw), "others": OTHERS}
    return normalize.events(raw, **(given | how))
