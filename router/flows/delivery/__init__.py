"""The outbox: rows claimed and sent, attachments downloaded, follow-ups by mail."""
