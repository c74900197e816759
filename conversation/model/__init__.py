"""Data classes that all rooms share, and the lawful moves of a conversation."""
