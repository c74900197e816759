"""LINE Official Accounts over the Messaging API: signed webhooks in, reply and push messages out."""

from collections.abc import Mapping

from channels.line.account import LineAccount
from channels.line.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> LineAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return LineAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
