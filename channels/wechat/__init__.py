"""WeChat Official Accounts: XML in (plain or encrypted), customer-service messages and passive replies out."""

from collections.abc import Mapping

from channels.wechat.account import WechatAccount
from channels.wechat.settings import Settings
from conversation.ports.channel import Tools


def create(name: str, settings: Mapping[str, object], tools: Tools) -> WechatAccount:
    """One account. Raises `pydantic.ValidationError` for settings that `check` would have refused."""
    return WechatAccount(name, Settings.model_validate(dict(settings)), tools)


__all__ = ["Settings", "create"]
