"""Ports for servers that must be told theirs before they start."""

import random
import socket

# below those that systems hand out by themselves (from 32768 on): between the look and the server's start nobody is given one of these
_PLACES = range(20_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    for port in random.SystemRandom().sample(_PLACES, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port between 20000 and 32000")
