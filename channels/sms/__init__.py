"""Text messages by Twilio: signed forms in, messages and their status out."""

from collections.abc import Mapping

from channels.sms.account import SmsAccount
from channels.sms.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> SmsAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return SmsAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
