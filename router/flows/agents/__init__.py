"""What agents do to a conversation: take, transfer, snooze, close, reply."""
