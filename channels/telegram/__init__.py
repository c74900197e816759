"""A Telegram bot: messages by polling or by webhook, replies over the Bot API (through python-telegram-bot's `Bot`)."""

from collections.abc import Mapping

from channels.telegram.account import TelegramAccount
from channels.telegram.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> TelegramAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return TelegramAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
