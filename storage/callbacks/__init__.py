"""Phone callbacks, their slots and verification codes."""
