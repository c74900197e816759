"""The mailbox: connection, folders, fetching, and the position up to which it was read."""
