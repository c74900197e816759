"""Who could take a conversation now, and why the others could not."""

from datetime import timedelta

from conversation.id_generator import new_id
from conversation.model.people import Agent, Presence
from ops.rule_analysis.candidates import candidates
from ops.rule_analysis.dry_run import DryRun
from ops.rule_analysis.explaining import explain_message
from ops.rule_analysis.explanation import as_text
from storage.store import Store
from tests.fakes import FakeClock
from tests.router.wallet import RULES, compiled, stub_detector

BOOK = compiled(RULES)


async def hired(store: Store, clock: FakeClock, name: str, *, here: bool = True, **given: object) -> None:
    agent = Agent(id=new_id(), email=f"{name}@example.com", name=name, **given)  # type: ignore[arg-type]
    async with store.begin("test") as work:
        await work.agents.add(agent, password_hash=None)
        if here:
            until = clock.now() + timedelta(minutes=1)
            await work.agents.set_presence(agent.id, Presence.ONLINE, until=until, now=clock.now())


async def test_those_who_are_free_come_first_and_the_others_with_their_reasons(store: Store, clock: FakeClock) -> None:
    skills, english = {"payments": 3}, {"en": 5}
    await hired(store, clock, "Free", skills=skills, languages=english)
    await hired(store, clock, "Away", here=False, skills=skills, languages=english)
    await hired(store, clock, "German", skills=skills, languages={"de": 5})
    await hired(store, clock, "Other", languages=english)
    await hired(store, clock, "Gone", skills=skills, languages=english, disabled=True)

    turn, told = explain_message(
        DryRun(BOOK, stub_detector),
        {"channel": "site", "text": "my top up", "set": {"customer.vip": False}},
        clock.now(),
    )
    told["candidates"] = await candidates(store, turn.conversation, BOOK, clock.now())

    found = {one["name"]: (one["place"], one["why_not"]) for one in told["candidates"]}
    assert next(iter(found)) == "Free"
    assert found == {
        "Free": (1, []),
        "Away": (None, ["away, or has no hand free"]),
        "German": (None, ["does not speak en"]),
        "Other": (None, ["does not serve payments: lacks payments"]),
        "Gone": (None, ["disabled"]),
    }
    assert "candidates   Free" in as_text(told, "my top up")
