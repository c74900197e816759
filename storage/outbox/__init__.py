"""The outbox: rows that must leave, and the calls of webhooks among them."""
