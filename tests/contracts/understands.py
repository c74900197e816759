"""What a kind understands, told in its README from the twins of its payloads, so that the list can say nothing untrue.

The README holds two lines, `<!-- understands -->` and `<!-- /understands -->`; what stands between them is generated:

    python -m tests.contracts.understands telegram        # writes channels/telegram/README.md

and a test of the kind asks `assert_readme_lists("telegram")`.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.contracts.channel import TWIN

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- understands -->\n", "<!-- /understands -->"
_WORDS = {
    "MessageReceived": "message",
    "MessageEdited": "edit",
    "MessageRetracted": "taken back",
    "MessageReacted": "reaction",
    "MessageEchoed": "answer given in the provider's app",
    "ContactChanged": "contact",
    "DeliveryReported": "receipt",
    "CallbackRequested": "callback",
    "Malformed": "put aside",
}
_LISTED = {
    "html": "formatted",
    "reply_to": "names what it answers",
    "album": "one of an album",
    "machine": "written by a machine",
    "reply_until": "opens the reply window",
    "reply_token": "brings a reply token",
    "token": "proves its conversation",
    "language": "chosen language",
    "issue": "chosen issue",
    "attributes": "attributes",
    "edited_at": "dated",
    "up_to": "for everything before",
}


def listing(folder: Path) -> str:
    """The table of one folder of payloads."""
    rows = ["| payload | becomes |", "|---|---|"]
    for twin in sorted(folder.glob(f"*{TWIN}")):
        name = twin.name.removesuffix(TWIN).partition(".")[0].replace("-", " ").replace("_", " ")
        rows.append(f"| {name} | {_becomes(json.loads(twin.read_text('utf-8')))} |")
    return "\n".join(rows) + "\n"


def listed_in(readme: str, folder: Path) -> str:
    """The README with its list made anew."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"the README lacks the line {BEGIN.strip()}"
    assert end, f"the README lacks the line {END}"
    return f"{before}{BEGIN}{listing(folder)}{END}{after}"


def assert_readme_lists(kind: str) -> None:
    """Its README's list is what its payloads' twins say."""
    readme, folder = _places(kind)
    told = readme.read_text("utf-8")
    assert told == listed_in(told, folder), f"run: python -m tests.contracts.understands {kind}"


def _places(kind: str) -> tuple[Path, Path]:
    return ROOT / "channels" / kind / "README.md", ROOT / "tests" / "channels" / kind / "payloads"


def _becomes(told: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> str:
    if isinstance(told, Mapping):
        return f"refused: `{told['error']}`"
    counted = Counter(_event(event) for event in told)
    return "; ".join(f"{number} x {words}" if number > 1 else words for words, number in counted.items()) or "nothing"


def _event(event: Mapping[str, Any]) -> str:
    details = list(_details(event))
    return _WORDS[event["event"]] + (f" ({', '.join(details)})" if details else "")


def _details(event: Mapping[str, Any]) -> Sequence[str]:
    found = ["text"] if event.get("text") else []
    found += [f"file `{one['type']}`" for one in event.get("attachments", ())]
    found += [words for key, words in _LISTED.items() if event.get(key)]
    if unsupported := event.get("unsupported"):
        found.append(f"unsupported: `{unsupported}`, its bytes kept")
    found += [f"`{event[key]}`" for key in ("status", "code") if event.get(key)]
    found += _of_contact(event) if event["event"] == "ContactChanged" else ()
    if event["event"] == "MessageReacted":
        found.append("put" if event.get("emoji") else "removed")
    return found


def _of_contact(event: Mapping[str, Any]) -> Sequence[str]:
    moved = ["moved to a new address"] if event.get("new_address") else []
    told = {True: ["let us in again"], False: ["blocked us"], None: []}
    return [*told[event.get("reachable")], *moved]


if __name__ == "__main__":
    for named in sys.argv[1:]:
        page, payloads = _places(named)
        page.write_text(listed_in(page.read_text("utf-8"), payloads), "utf-8")
