"""Calls to operators' webhooks: signed by Standard Webhooks, through the guarded client; the dispatcher repeats them."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from channels import standard_webhooks as signatures
from conversation.errors import TransientFailure
from conversation.model.outbound import OutboxRow
from conversation.ports.channel import Clock, Http
from ops.configuration.secrets import Secret
from ops.configuration.settings import webhook_secrets
from ops.configuration.sources import SettingsFaults
from router.flows.active_rules import RulesInForce
from router.rules.rulebook import RuleBook

log = logging.getLogger(__name__)
_SECONDS = 15.0
_SUCCESS = range(200, 300)


class WebhookKeys:
    """What signs the calls of each webhook: this node's own configuration, read again when other rules come into force."""

    def __init__(self, path: Path, environment: Mapping[str, str], secrets: Mapping[str, Secret]) -> None:
        self._path = path
        self._environment = environment
        self._keys = _keys_of(secrets)

    def get(self, webhook: str) -> bytes | None:
        """The key of this webhook; None where this node has none."""
        return self._keys.get(webhook)

    def reread(self) -> None:
        """As the files and the environment say now. What cannot be read leaves everything as it was."""
        try:
            self._keys = _keys_of(webhook_secrets(self._path, self._environment))
        except SettingsFaults as faults:
            log.exception("webhook_secrets_not_read", extra={"faults": len(faults.faults)})

    def warn_of(self, rulebook: RuleBook) -> None:
        """Name the webhooks of these rules that nothing can sign here."""
        for name in rulebook.webhooks:
            if name not in self._keys:
                log.error("webhook_unsigned", extra={"webhook": name, "reason": _no_secret(name)})


class SignedWebhooks:
    """The dispatcher's `WebhookSender`: the addresses are the rules' in force, the secrets this node's configuration."""

    def __init__(self, http: Http, rules: RulesInForce, keys: WebhookKeys, clock: Clock) -> None:
        self._http = http
        self._rules = rules
        self._keys = keys
        self._clock = clock

    def names(self) -> Sequence[str]:
        """The webhooks that this node can sign."""
        return [name for name in self._rules.rulebook.webhooks if self._keys.get(name) is not None]

    def problem(self, name: str) -> str:
        """Why none of the others can be called."""
        return (
            _no_secret(name)
            if name in self._rules.rulebook.webhooks
            else f"the rules know no [webhooks.{name}] any more"
        )

    async def send(self, row: OutboxRow) -> None:
        """Post the payload under the row's id; anything but a 2xx raises."""
        webhook, key = self._rules.rulebook.webhooks.get(row.target), self._keys.get(row.target)
        if webhook is None or key is None:  # other rules came into force after it was claimed
            raise TransientFailure(self.problem(row.target))
        body = json.dumps(row.payload, ensure_ascii=False).encode()
        signed = signatures.headers([key], row.id, self._clock.now(), body)
        headers = {**signed, "content-type": "application/json"}
        status, _ = await self._http.post(webhook.url, body, headers=headers, timeout=_SECONDS, trusted=True)
        if status not in _SUCCESS:  # whatever it says, an alarm is repeated until somebody acknowledges it
            raise TransientFailure(f"the webhook {row.target} answered {status}")


def _keys_of(secrets: Mapping[str, Secret]) -> Mapping[str, bytes]:
    return {name: signatures.key_of(str.__str__(secret)) for name, secret in secrets.items()}


def _no_secret(name: str) -> str:
    return f"[webhooks.{name}] has no secret on this node, and nothing leaves unsigned"
