"""What the agents' API needs of the application, one protocol for each part; each names the class that implements it."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from channels.supervisor import AccountHealth
from conversation.model.decision import StoredDecision
from conversation.ports.storage.attachments import StoredAttachment
from desk.http.readiness import Ready


class AccountSupervisor(Protocol):
    """The health of the channel accounts. Implemented by `channels.supervisor.Supervisor`."""

    def health(self) -> Sequence[AccountHealth]:
        """All accounts, by name."""
        ...


class SharedFiles(Protocol):
    """Files at signed public addresses. Implemented by `ops.composition.signed_files.SharedFiles`."""

    async def open(self, identifier: str, proof: str) -> tuple[StoredAttachment, bytes]:
        """The file of this id, for the proof in its address. Raises `NotFound`."""
        ...


class Metrics(Protocol):
    """The metrics of this process. Implemented by `ops.observability.metrics.Meters`."""

    def text(self) -> bytes:
        """All metrics, in the text format of Prometheus."""
        ...


class Readiness(Protocol):
    """The check of what this node needs to serve. Implemented by `ops.composition.readiness.Readiness`."""

    async def check(self) -> Ready:
        """The result of the current check."""
        ...


class RuleReloader(Protocol):
    """Reloads the rules from the configuration. Implemented by `ops.composition.reload.Reloader`."""

    async def reload_for_api(self, actor: str) -> Mapping[str, object]:
        """The result as the API returns it. `actor` is the agent's e-mail address, for the audit."""
        ...


class DecisionExplainer(Protocol):
    """Decisions with their reasons, as on the command line. Implemented by `ops.composition.agent_api.Explainer`."""

    async def stored(self, stored: StoredDecision) -> Mapping[str, object]:
        """The reasons of a stored decision."""
        ...

    async def message(self, message: Mapping[str, object]) -> Mapping[str, object]:
        """The decision that a message would get, which nobody has sent. Raises `ValueError` where it makes no sense."""
        ...


class ShadowRules(Protocol):
    """A second rules file that decides the same messages without effect. Implemented by `ops.composition.shadow_rules.Shadow`."""

    def counts(self) -> Mapping[str, object]:
        """How many messages it decided otherwise, and examples of them."""
        ...


class BackgroundTasks(Protocol):
    """Work that outlives a request. Implemented by `ops.composition.background_tasks.TaskKeeper`."""

    def start(self, work: Awaitable[None]) -> None:
        """Run it; a failure is logged."""
        ...

    def keep(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this loop as long as the process, and restart it when it fails."""
        ...


class Draining(Protocol):
    """Whether this process is about to stop. Implemented by an `asyncio.Event` of `ops.composition.infrastructure.Infrastructure`."""

    def is_set(self) -> bool:
        """New work is refused from now on."""
        ...
