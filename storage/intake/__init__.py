"""One batch of inbound messages, cursors of mailboxes and pollers, quarantine."""
