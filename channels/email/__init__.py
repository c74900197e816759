"""Support mailboxes: read over IMAP, answered over SMTP."""

from collections.abc import Mapping

from channels.email.account import EmailAccount
from channels.email.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> EmailAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return EmailAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
