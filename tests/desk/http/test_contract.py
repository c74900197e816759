"""What the document promises to clients that are generated from it, and what the server makes of careless ones."""

from collections.abc import Iterator
from typing import Any

import pytest

from conversation.model.conversation import State
from conversation.model.people import Role
from tests.desk.conftest import House


async def spec_of(house: House) -> dict[str, Any]:
    _, spec = await house.ask(None, "GET", "/api/v1/openapi.json")
    assert isinstance(spec, dict)
    return spec


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        yield from nodes(inner)


async def test_no_schema_has_a_default_so_that_optional_stays_optional(house: House) -> None:
    spec = await spec_of(house)
    parameters = [one for path in spec["paths"].values() for it in path.values() for one in it["parameters"]]

    assert [
        name for name, schema in spec["components"]["schemas"].items() if any("default" in n for n in nodes(schema))
    ] == []
    assert [one for one in parameters if one["schema"].get("default", "") is None] == []


async def test_an_answer_names_its_values_as_a_request_does(house: House) -> None:
    schemas = (await spec_of(house))["components"]["schemas"]
    properties = schemas["ConversationOut"]["properties"]

    assert schemas[properties["state"]["$ref"].rpartition("/")[2]]["enum"] == [state.value for state in State]
    assert properties["priority"]["enum"] == ["low", "normal", "high", "urgent"]
    for model, field in [
        ("MessageOut", "direction"), ("MessageOut", "status"), ("AuthorOut", "kind"), ("AgentOut", "role"),
        ("AgentOut", "presence"), ("ChannelOut", "state"), ("CallOut", "state"), ("ConversationOut", "kind"),
    ]:  # fmt: skip
        assert "enum" in schemas[schemas[model]["properties"][field]["$ref"].rpartition("/")[2]], (model, field)


async def test_every_operation_says_what_it_answers_and_who_may_ask(house: House) -> None:
    for path, operations in (await spec_of(house))["paths"].items():
        for method, one in operations.items():
            good = [answer for status, answer in one["responses"].items() if status[0] == "2" and status != "204"]
            assert all(answer.get("content") for answer in good), (method, path)
            assert (one["security"] == []) == (one["x-who"] == "public"), (method, path)


async def test_head_is_get_without_a_body(house: House) -> None:
    agent = await house.hire("Agent")
    async with house.client.head("/api/v1/me", headers=house.key(agent)) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "application/json", b"")
    async with house.client.head("/api/v1/me") as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/conversations/{id}/label", None, 400),
        ("POST", "/api/v1/conversations/{id}/label", {}, 422),
        ("POST", "/api/v1/conversations/{id}/read", {"seq": False}, 422),
        ("POST", "/api/v1/conversations/{id}/read", {"seq": "1"}, 422),
        ("POST", "/api/v1/conversations/{id}/messages", {"text": "hello", "note": 1}, 422),
        ("POST", "/api/v1/conversations/{id}/snooze", {"until": 1_900_000_000}, 422),
        ("PATCH", "/api/v1/agents/{agent}", None, 400),
        ("PATCH", "/api/v1/agents/{agent}", {}, 422),
        ("PATCH", "/api/v1/agents/{agent}", {"disabled": "no"}, 422),
    ],
)
async def test_a_careless_body_is_refused(house: House, method: str, path: str, body: Any, status: int) -> None:
    admin = await house.hire("Admin", role=Role.ADMIN)
    made = await house.talk()
    answered, problem = await house.ask(admin, method, path.format(id=made.id, agent=admin.id), body)

    assert answered == status, problem


async def test_a_title_for_every_language_stands_under_a_star(house: House) -> None:
    agent = await house.hire("Agent")
    await house.talk("general")
    _, queues = await house.ask(agent, "GET", "/api/v1/queues")
    _, listed = await house.ask(agent, "GET", "/api/v1/conversations")

    assert [one["title"] for one in queues["items"] if one["name"] == "general"] == [{"*": "Everything else"}]
    assert [one["queue_title"] for one in listed["items"]] == [{"*": "Everything else"}]


async def test_the_sockets_are_a_document_whose_references_hold(house: House) -> None:
    status, spec = await house.ask(None, "GET", "/api/v1/asyncapi.json")
    refs = [node["$ref"] for node in nodes(spec) if isinstance(node.get("$ref"), str)]

    assert (status, spec["asyncapi"]) == (200, "3.0.0")
    assert refs
    for ref in refs:
        found: Any = spec
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
    assert {channel["address"] for channel in spec["channels"].values()} == {"/api/v1/events", "/chat/{channel}/socket"}
