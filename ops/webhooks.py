"""Calls to operators' webhooks: signed by Standard Webhooks, through the guarded door; the dispatcher repeats them."""

import json
from collections.abc import Mapping, Sequence

from channels import signatures
from conversation.errors import TransientFailure
from conversation.outbound import OutboxRow
from conversation.ports import Clock, Http
from router.rules_in_force import RulesInForce

_SECONDS = 15.0
_SUCCESS = range(200, 300)


class SignedWebhooks:
    """The dispatcher's `WebhookSender`: the addresses are the rules' in force, the secrets this node's configuration."""

    def __init__(self, http: Http, rules: RulesInForce, secrets: Mapping[str, bytes], clock: Clock) -> None:
        self._http = http
        self._rules = rules
        self._secrets = secrets
        self._clock = clock

    def names(self) -> Sequence[str]:
        """The webhooks that this node can sign."""
        return [name for name in self._rules.rulebook.webhooks if name in self._secrets]

    async def send(self, row: OutboxRow) -> None:
        """Post the payload under the row's id; anything but a 2xx raises."""
        webhook = self._rules.rulebook.webhooks[row.target]
        body = json.dumps(row.payload, ensure_ascii=False).encode()
        signed = signatures.headers([self._secrets[row.target]], row.id, self._clock.now(), body)
        headers = {**signed, "content-type": "application/json"}
        status, _ = await self._http.post(webhook.url, body, headers=headers, timeout=_SECONDS, trusted=True)
        if status not in _SUCCESS:  # whatever it says, an alarm is repeated until somebody acknowledges it
            raise TransientFailure(f"the webhook {row.target} answered {status}")
