"""How a node is known to NATS, and by which subject the nodes of one installation find one another."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsOptions:
    """What is not in the address of a server. `credentials` is the text of a .creds file; `ca` a file of the authority of `tls://` servers."""

    ca: Path | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    credentials: str | None = field(default=None, repr=False)
    prefix: str = "huntgroup"
