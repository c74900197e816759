"""The agents' door: HTTP API, live events, console."""
