"""The agents' surface: HTTP API, live events, console."""
