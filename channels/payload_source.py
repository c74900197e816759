"""Where a payload came from, and what becomes of one that cannot be read. Pure."""

from dataclasses import dataclass
from datetime import datetime

from conversation.errors import MalformedPayload
from conversation.model.message import Malformed

_LONGEST_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The account that a payload came to, and when it came. Kinds add what their readers need."""

    channel: str
    received_at: datetime

    def malformed(self, fault: MalformedPayload, *, external_id: str, raw: bytes) -> Malformed:
        """The event for a part that cannot be read: its bytes are quarantined, and the other events of the call are accepted."""
        return Malformed(
            channel=self.channel,
            external_id=external_id,
            received_at=self.received_at,
            raw=raw,
            reason=fault.detail[:_LONGEST_REASON],
            code=fault.code,
        )
