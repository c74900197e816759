"""What a state means is asked of the state: a new one is added in the model, not in each of its readers."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "router/flows/agents/conversation_lock.py": "the state that a refusal names",
    "storage/schema/conversations.py": "the conditions of statements",
}


def _compares_a_state(tree: ast.Module) -> bool:
    imported = any(
        isinstance(node, ast.ImportFrom)
        and node.module == "conversation.model.conversation"
        and any(name.name == "State" for name in node.names)
        for node in ast.walk(tree)
    )
    compared = (part for node in ast.walk(tree) if isinstance(node, ast.Compare) for part in ast.walk(node))
    return imported and any(
        isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "State"
        for part in compared
    )


def test_no_room_but_the_model_compares_states_by_hand() -> None:
    rooms = ("router", "channels", "storage", "desk", "ops")
    paths = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in paths if _compares_a_state(ast.parse(path.read_text("utf-8")))}
    assert found == set(ALLOWED)
