"""Agents, their load and their presence."""
