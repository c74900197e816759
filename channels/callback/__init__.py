"""Telephone calls that customers ask for: a page, an address for your own, and dialing by hand or through an exchange."""

from collections.abc import Mapping

from channels.callback.account import CallbackAccount
from channels.callback.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> CallbackAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return CallbackAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["CallbackAccount", "Settings", "create"]
