"""Measurements against honest, hand-written references, side by side in one run. Never timed tests."""
