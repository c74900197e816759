"""Viber bots over the REST bot API: signed webhooks in, messages and keyboards out."""

from collections.abc import Mapping

from channels.viber.account import ViberAccount
from channels.viber.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> ViberAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return ViberAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
