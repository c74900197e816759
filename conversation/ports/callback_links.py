"""Addresses at which a call is requested or changed, as the accounts that call back sign them."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


class CallbackLinks(Protocol):
    """The signed addresses of one account. None: the account has no key yet."""

    def request_link(self, conversation: str) -> str | None:
        """Where whoever has this conversation may request a call."""
        ...

    def agent_link(self, conversation: str) -> str | None:
        """The same for an agent, of whom no verification code is asked."""
        ...

    def status_link(self, callback: str) -> str | None:
        """Where whoever has this callback looks at it, moves it and cancels it."""
        ...


LinksByAccount = Mapping[str, CallbackLinks]


@runtime_checkable
class SignsCallbackLinks(Protocol):
    """In addition, for an account that calls back."""

    @property
    def callback_links(self) -> CallbackLinks:
        """Its signed addresses."""
        ...
