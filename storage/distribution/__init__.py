"""Waiting conversations, candidates and offers."""
