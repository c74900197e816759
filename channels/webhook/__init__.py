"""Signed JSON from your own application, and signed replies back to it (Standard Webhooks in both directions)."""

from collections.abc import Mapping

from channels.webhook.account import WebhookAccount
from channels.webhook.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> WebhookAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return WebhookAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
