"""Waiting conversations and free agents: offers, and what time alone causes."""
