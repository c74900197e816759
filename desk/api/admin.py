"""What leads and admins look after: channel accounts, what was put aside, the rules."""

import base64
from datetime import timedelta
from typing import Any

from pydantic import Field

from desk.http.authentication import Who
from desk.http.problems import FieldFault, Problem
from desk.http.routing import ApiRequest, Input, Routes
from desk.representation.explanation import ExplainOut
from desk.representation.schemas import (
    ChannelOut,
    Page,
    QuarantinedOut,
    ReloadOut,
    RulesOut,
    ShadowOut,
    WebhookCallOut,
)
from desk.representation.serializers import quarantined_out, webhook_call_out
from router.flows.maintenance.rulebook_activation import activate
from router.rules.rulebook import RuleFaults

routes = Routes("operators")
_MOST_CALLS = 200
_FAILED_SINCE = timedelta(days=7)


@routes.add("GET", "/channels", who=Who.LEAD)
async def list_channels(call: ApiRequest[None, None]) -> Page[ChannelOut]:
    """The health of each account."""
    accounts = call.services.channels
    items = [
        ChannelOut(
            name=account.name,
            kind=account.kind,
            state=account.state,
            detail=account.detail,
            since=account.since,
            send=accounts[account.name].can.send if account.name in accounts else False,
            attachments=accounts[account.name].can.attachments if account.name in accounts else False,
        )
        for account in call.services.supervisor.health()
    ]
    return Page(items=items, next=None)


class PageQuery(Input):
    """From where on, and how many."""

    cursor: str | None = Field(None, max_length=500)
    limit: int = Field(50, ge=1, le=200)


@routes.add("GET", "/quarantine", who=Who.LEAD)
async def list_quarantine(call: ApiRequest[None, PageQuery]) -> Page[QuarantinedOut]:
    """What could not be read, newest first, without the bytes."""
    async with call.services.storage.read("desk.quarantine") as work:
        rows, after = await work.quarantine.page(cursor=call.query.cursor, limit=call.query.limit)
    return Page(items=[quarantined_out(row) for row in rows], next=after)


@routes.add("GET", "/quarantine/{id}", who=Who.LEAD)
async def get_quarantined(call: ApiRequest[None, None]) -> QuarantinedOut:
    """One of them, with its raw bytes in base64."""
    async with call.services.storage.read("desk.quarantine") as work:
        row = await work.quarantine.get(call.path("id"))
    return quarantined_out(row, raw=base64.b64encode(row.raw).decode())


@routes.add("GET", "/rules", who=Who.LEAD)
async def get_rules(call: ApiRequest[None, None]) -> RulesOut:
    """The revision in force on this node; its text for admins."""
    rulebook = call.services.rules.rulebook
    async with call.services.storage.read("desk.rules") as work:
        stored = await work.rulebooks.get(rulebook.revision)
    return RulesOut(
        revision=rulebook.revision,
        digest=stored.digest if stored else None,
        author=stored.author if stored else None,
        activated_at=stored.at if stored else None,
        queues=list(rulebook.queues),
        rules=[rule.name for rule in rulebook.rules],
        source=stored.source if stored and call.agent.role.value == "admin" else None,
        shadow=ShadowOut.model_validate(shadow.counts()) if (shadow := call.services.shadow) is not None else None,
    )


@routes.add("POST", "/rules/reload", who=Who.ADMIN, faults=(422,))
async def reload_rules(call: ApiRequest[None, None]) -> ReloadOut:
    """Read the configuration again; a fault keeps the rules that are in force, and lists every fault."""
    result = await call.services.reloader.reload_for_api(call.agent.email)
    if result.get("applied") is False:
        raise Problem(422, "rules_refused", "nothing was applied", errors=_faults(result.get("faults")))
    return ReloadOut.model_validate(result)


class ActivateIn(Input):
    """Which revision: its id, the id's end, or the beginning of its digest."""

    revision: str = Field(min_length=1, max_length=100)


@routes.add("POST", "/rules/activate", who=Who.ADMIN, faults=(404, 422))
async def activate_rules(call: ApiRequest[ActivateIn, None]) -> ReloadOut:
    """Back to rules that were in force before; every node follows within seconds."""
    services, channels = call.services, call.services.rules.rulebook.channels
    try:
        async with services.storage.begin("desk.rules.activate") as work:
            made = await activate(
                work, call.body.revision, channels=channels, actor=call.agent.email, clock=services.clock
            )
    except RuleFaults as faults:
        listed = [FieldFault(".".join(map(str, fault.path)), fault.message) for fault in faults.faults]
        raise Problem(422, "rules_refused", "nothing was applied", errors=listed) from faults
    return ReloadOut(revision=made.id, applied=True)


@routes.add("GET", "/webhooks", who=Who.LEAD)
async def list_webhook_calls(call: ApiRequest[None, None]) -> Page[WebhookCallOut]:
    """Calls that nobody has acknowledged: first those that are still tried, then, newest first, what came to nothing in seven days."""
    async with call.services.storage.read("desk.webhooks") as work:
        rows = await work.outbox.unacknowledged(_MOST_CALLS)
        rows += await work.outbox.failed_calls(call.services.clock.now() - _FAILED_SINCE, _MOST_CALLS)
    return Page(items=[webhook_call_out(row) for row in rows], next=None)


class MessageIn(Input):
    """A message that nobody sent: `set` are facts by name, for example `{"customer.vip": true}`."""

    channel: str = Field(min_length=1, max_length=200)
    text: str = Field(max_length=20_000)
    sender: str | None = Field(None, alias="from", max_length=200)
    language: str | None = Field(None, max_length=35)
    at: str | None = Field(None, max_length=40)
    facts: dict[str, Any] | None = Field(None, alias="set", max_length=50)


@routes.add("POST", "/explain", who=Who.LEAD, faults=(422,))
async def explain_message(call: ApiRequest[MessageIn, None]) -> ExplainOut:
    """What would happen to this message under the rules in force and why; nothing is stored."""
    try:
        explained = await call.services.explainer.message(call.body.model_dump(by_alias=True, exclude_none=True))
    except ValueError as error:
        raise Problem(422, "invalid", str(error)) from error
    return ExplainOut.model_validate(explained)


def _faults(lines: object) -> list[FieldFault]:
    """Lines of `file:line: message`."""
    parts = [str(line).partition(": ") for line in lines] if isinstance(lines, list | tuple) else []
    return [FieldFault(where, what) if what else FieldFault("", where) for where, _, what in parts]
