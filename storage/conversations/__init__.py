"""Conversations, their lists, and the decisions about them."""
