"""WhatsApp Cloud, Messenger and Instagram: one account for each number, page or Instagram account of one app of Meta."""

from collections.abc import Mapping

from channels.meta.account import MetaAccount
from channels.meta.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> MetaAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return MetaAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
