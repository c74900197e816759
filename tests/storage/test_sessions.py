"""Visitors' sessions on both databases."""

from datetime import timedelta

import pytest

from conversation.errors import Refused
from conversation.ports.storage.visitor_sessions import StoredSession
from storage.store import Store
from tests.storage.makers import NOW

SESSION = StoredSession(
    id="s", channel="site", identity="i", language="zh", claims={"vip": True}, until=NOW + timedelta(days=1)
)


async def test_a_session_is_found_on_its_channel_while_it_lives(store: Store) -> None:
    async with store.begin("test") as work:
        await work.sessions.add(SESSION, digest="d", now=NOW)
    async with store.read("test") as work:
        assert await work.sessions.find("site", "d", now=NOW) == SESSION
        assert await work.sessions.find("other", "d", now=NOW) is None
        assert await work.sessions.find("site", "other", now=NOW) is None
        assert await work.sessions.find("site", "d", now=SESSION.until) is None


async def test_a_digest_names_one_session(store: Store) -> None:
    with pytest.raises(Refused):
        async with store.begin("test") as work:
            await work.sessions.add(SESSION, digest="d", now=NOW)
            await work.sessions.add(SESSION, digest="d", now=NOW)
