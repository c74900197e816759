"""What a text says: its language, its issue, what it asks for, and how sure that is."""
