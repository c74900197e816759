"""The files of the catalogue, and those of the console and the chat: every language has the same messages and placeholders."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel import Locale

from conversation.model.callback import CallOutcome
from conversation.model.conversation import OPEN_STATES, State
from conversation.wording import CATALOGUE
from conversation.wording.text_template import TextTemplate
from ops.reporting.tables import SECTIONS
from router.understanding.language_request import OWN_NAMES
from router.wording.callback_messages import CALLBACK_REPLIES

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("channels", "conversation", "desk", "migrations", "ops", "router", "storage")
FOLDER = ROOT / "conversation" / "wording"
FILES = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.toml")}
# the subject of an automatic mail must not repeat the customer's: it is known in more languages than the rest
SUBJECT_ONLY = {language for language, tables in FILES.items() if tables.keys() == {"name", "automatic_mail"}}
# the other languages that have some tables only, and why
PARTIAL = {"zh-Hant": "traditional characters so far only for openings; the rest comes in simplified ones"}
COMPLETE = sorted(FILES.keys() - SUBJECT_ONLY - PARTIAL.keys())
TABLES = [(language, table) for language in sorted(FILES) for table in FILES[language] if table != "name"]
COUNTED = range(1_001)
BY_RULES = "missing_information."  # whose names stand in rules
COMPOSED = "number_"  # before the code of what is wrong with a number


def messages(language: str) -> Iterator[tuple[str, TextTemplate]]:
    for table, written in CATALOGUE.tables.items():
        if language in written:
            yield from ((f"{table}.{name}", one) for name, one in written[language].messages.items())


def test_the_languages_that_are_complete_are_these() -> None:
    assert COMPLETE == ["de", "en", "es", "fr", "zh"]


@pytest.mark.parametrize("language", COMPLETE)
def test_a_complete_language_has_every_table(language: str) -> None:
    assert FILES[language].keys() == FILES["en"].keys()


@pytest.mark.parametrize(("language", "table"), TABLES)
def test_a_table_has_every_message_of_english(language: str, table: str) -> None:
    assert FILES[language][table].keys() == FILES["en"][table].keys()


@pytest.mark.parametrize("language", sorted(FILES))
def test_a_message_has_the_placeholders_of_english_with_their_types(language: str) -> None:
    english = dict(messages("en"))

    assert {name: one.placeholders for name, one in messages(language)} == {
        name: english[name].placeholders for name, _ in messages(language)
    }


@pytest.mark.parametrize("language", sorted(FILES))
def test_a_plural_has_the_forms_that_counting_in_its_language_needs(language: str) -> None:
    locale = Locale.parse(language, sep="-")
    needed = {locale.plural_form(number) for number in COUNTED} | {"other"}

    assert {name: set(one.forms) for name, one in messages(language) if one.count and set(one.forms) != needed} == {}


@pytest.mark.parametrize("language", sorted(FILES))
def test_no_text_is_blank(language: str) -> None:
    assert [(table, name) for table, name, text in texts(FILES[language]) if not text.strip()] == []


def texts(file: dict[str, object]) -> Iterator[tuple[str, str, str]]:
    for table, written in file.items():
        if isinstance(written, dict):
            for name, one in written.items():
                yield from ((table, name, text) for text in (one.values() if isinstance(one, dict) else [one]))


def test_every_table_that_code_names_exists_and_every_one_is_used() -> None:
    sources = "".join(path.read_text("utf-8") for path in python_files())
    named = set(re.findall(r'\.(?:texts|languages|tables)[(\[]\s*"(\w+)"', sources))

    assert named == CATALOGUE.tables.keys()


def test_every_message_is_named_in_code() -> None:
    sources = "".join(path.read_text("utf-8") for path in python_files())
    quoted = set(re.findall(r"""["']([a-z][\w.]*)["']""", sources))
    quoted |= {name for section in SECTIONS for name in (section.name, *section.columns)}
    names = {name: name.partition(".")[2] for name, _ in messages("en") if not name.startswith(BY_RULES)}

    assert [name for name, one in names.items() if not {one, one.removeprefix(COMPOSED)} & quoted] == []


def test_every_outcome_state_and_reply_of_calls_has_a_message() -> None:
    english = {table: CATALOGUE.texts(table).messages.keys() for table in CATALOGUE.tables}

    assert {one.value for one in CallOutcome} == english["call_outcomes"]
    assert {one.value for one in State if one is not State.OFFERED} | {"placed"} == english["conversation_status"]
    assert CALLBACK_REPLIES | {"as_soon_as_possible"} == english["callback_messages"]


def test_the_console_knows_every_state_of_a_conversation() -> None:
    console = ROOT / "desk/console"
    (listed,) = re.findall(r"(?m)^export const OPEN = (\[.*\]);$", (console / "states.js").read_text("utf-8"))
    worded = json.loads((console / "i18n/en.json").read_text("utf-8")).keys()

    assert set(json.loads(listed)) == {state.value for state in OPEN_STATES}
    assert {f"state.{state.value}" for state in State} <= worded


def test_the_button_that_opens_a_list_fits_on_whatsapp() -> None:
    assert [
        written.language for written in CATALOGUE.tables["choices"].values() if len(written("open_list")) > 20
    ] == []


def test_a_language_is_named_as_it_is_to_whoever_is_asked_for_theirs() -> None:
    both = CATALOGUE.names.keys() & OWN_NAMES.keys()

    assert {name: CATALOGUE.names[name] for name in both} == {name: OWN_NAMES[name] for name in both}


# -- nowhere else ------------------------------------------------------------------------------------------------------


def python_files() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def sentences_by_language(source: str) -> list[int]:
    """The lines of dict literals with texts under two or more codes of languages."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Dict) and by_language(node)]


def by_language(node: ast.Dict) -> bool:
    keys = {key.value for key in node.keys if isinstance(key, ast.Constant)}
    holds_text = any(
        isinstance(one, ast.Constant) and isinstance(one.value, str) for one in ast.walk(node) if one not in node.keys
    )
    return len(keys & FILES.keys()) > 1 and holds_text


def test_no_module_has_sentences_by_language() -> None:
    found = {
        path.relative_to(ROOT).as_posix() for path in python_files() if sentences_by_language(path.read_text("utf-8"))
    }

    assert found == set()


def test_sentences_by_language_are_found_out() -> None:
    assert sentences_by_language('A = {"en": "Hello", "de": "Hallo"}') == [1]
    assert sentences_by_language('A = {"x": 1,\n "y": {"zh": ("a", "b"), "fr": ("c",)}}') == [2]
    assert sentences_by_language('LEVELS = {"en": 5, "de": 3}\nB = {"en": "Hello"}') == []


# -- catalogues that browsers read -------------------------------------------------------------------------------------

BROWSER = {
    path.parent.relative_to(ROOT).as_posix(): sorted(path.parent.glob("*.json"))
    for path in sorted((ROOT).glob("*/**/i18n/en.json"))
    if path.relative_to(ROOT).parts[0] in ROOMS
}


def test_the_console_and_the_chat_have_catalogues_of_their_own() -> None:
    assert sorted(BROWSER) == ["channels/webchat/page/i18n", "desk/console/i18n"]


@pytest.mark.parametrize("folder", sorted(BROWSER))
def test_a_browsers_catalogue_has_the_messages_and_placeholders_of_english(folder: str) -> None:
    catalogues = {path.stem: json.loads(path.read_text("utf-8")) for path in BROWSER[folder]}
    english = {key: placeholders(text) for key, text in catalogues["en"].items()}

    assert {"de", "en", "fr", "zh"} <= catalogues.keys()
    for language, written in catalogues.items():
        assert {key: placeholders(text) for key, text in written.items()} == english, language
        assert [key for key, text in written.items() if not json.dumps(text).strip(' "')] == [], language


def placeholders(text: object) -> set[str]:
    """Of a text, or of all forms of a plural."""
    return set(re.findall(r"\{(\w+)(?::\w+)?\}", json.dumps(text)))


@pytest.mark.parametrize("folder", sorted(BROWSER))
def test_a_browser_offers_each_language_that_it_has_by_its_name(folder: str) -> None:
    scripts = "".join(path.read_text("utf-8") for path in sorted((ROOT / folder).parent.glob("*.js")))
    (listed,) = re.findall(r"const LANGUAGES = \{([^}]*)\}", scripts)

    assert dict(re.findall(r'(\w+): "([^"]+)"', listed)) == {
        path.stem: CATALOGUE.name_of(path.stem) for path in BROWSER[folder]
    }
