"""The events socket: the feed as frames, and queue lengths."""
