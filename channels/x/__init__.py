"""X: direct messages and mentions by the Account Activity API, answers as direct messages only."""

from collections.abc import Mapping

from channels.x.account import XAccount
from channels.x.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> XAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return XAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
