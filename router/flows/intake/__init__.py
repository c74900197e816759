"""Inbound events: sanitized, batched, decided and stored in one transaction, then acknowledged."""
