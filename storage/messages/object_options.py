"""How a node reaches an object store."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectStoreOptions:
    """What is not in `s3://bucket/prefix`. Without keys those of the machine are used, as the provider's own tools do."""

    endpoint: str | None = None
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
