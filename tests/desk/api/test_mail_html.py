"""A mail's HTML as a page of its own: for those who may read the conversation, under a policy that lets nothing else in."""

from conversation.model.people import Role
from tests.desk.conftest import House
from tests.storage import makers

MAIL = '<p>hello</p><img src="blocked:https://x.example/p.png"><img src="/api/v1/attachments/a">'


async def test_a_mail_is_a_page_where_nothing_runs_and_pictures_wait_for_consent(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    where = await house.talk(said=0)
    (said,) = await makers.say(house.store, where, html=MAIL, identity=where.identity)
    url = f"/api/v1/conversations/{where.id}/messages/{said.id}/html"
    for wish, elsewhere in (("", False), ("?pictures=true", True)):
        async with house.client.get(url + wish, headers=house.key(lead)) as answer:
            text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert ('src="https://x.example/p.png"' in text, " https:" in policy) == (elsewhere, elsewhere)
        assert "blocked:" not in text
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "sandbox allow-same-origin" in policy


async def test_a_mail_is_shown_to_nobody_who_may_not_read_its_conversation(house: House) -> None:
    lead = await house.hire("Lead", role=Role.LEAD)
    stranger = await house.hire("Stranger", queues=("elsewhere",))
    where, other = await house.talk(said=0), await house.talk(said=0)
    html, bare = [
        (await makers.say(house.store, one, html=text, identity=one.identity))[0]
        for one, text in ((where, MAIL), (other, None))
    ]
    for agent, conversation, message in (
        (stranger, where.id, html.id),
        (lead, other.id, html.id),
        (lead, other.id, bare.id),
        (lead, where.id, "nothing"),
    ):
        status, _ = await house.ask(agent, "GET", f"/api/v1/conversations/{conversation}/messages/{message}/html")
        assert status in (403, 404)
