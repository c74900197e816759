"""The ports between rooms. A plug-in imports what it needs of a channel from here."""

# fmt: off
from conversation.model.capabilities import Can, FollowUp
from conversation.ports.channel import (
    AccountFiles,
    Answer,
    Blobs,
    Channel,
    ChannelState,
    Clock,
    Dialer,
    Fetched,
    Http,
    Inbox,
    Listening,
    Media,
    Poster,
    Proves,
    Reply,
    Request,
    Signals,
    Tools,
    Webhook,
)
from conversation.ports.metrics import ChannelEvent

__all__ = [
    "AccountFiles", "Answer", "Blobs", "Can", "Channel", "ChannelEvent", "ChannelState", "Clock", "Dialer", "Fetched",
    "FollowUp", "Http", "Inbox", "Listening", "Media", "Poster", "Proves", "Reply", "Request", "Signals",
    "Tools", "Webhook",
]
# fmt: on
