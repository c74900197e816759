"""Chat on your own web pages: a page, an embeddable widget, and the sockets behind them."""

from collections.abc import Mapping

from channels.webchat.account import Webchat
from channels.webchat.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> Webchat:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return Webchat(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "Webchat", "create"]
