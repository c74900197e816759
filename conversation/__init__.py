"""The words that every room shares: people, messages, conversations, decisions, ports, errors."""
