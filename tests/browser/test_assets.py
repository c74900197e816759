"""What can be known of the pages without a browser: catalogues complete, budgets kept, nothing inline, sums right."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "desk" / "console"
CHAT = ROOT / "channels" / "webchat" / "page"
LANGUAGES = ("zh", "en", "fr", "de", "es")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def catalogue(folder: Path, language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "i18n" / f"{language}.json").read_text("utf-8"))
    return found


def sources(folder: Path) -> str:
    scripts = [path for path in folder.rglob("*.js") if "vendor" not in path.parts]
    pages = list(folder.glob("*.html"))
    return "\n".join(path.read_text("utf-8") for path in [*scripts, *pages])


def compressed(*paths: Path) -> int:
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in paths)


@pytest.mark.parametrize("folder", [CONSOLE, CHAT], ids=["console", "chat"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_has_the_same_keys_and_placeholders(folder: Path, language: str) -> None:
    english, other = catalogue(folder, "en"), catalogue(folder, language)
    assert list(other) == list(english)
    for key, text in english.items():
        assert other[key].strip(), key
        assert set(PLACEHOLDER.findall(other[key])) == set(PLACEHOLDER.findall(text)), key


@pytest.mark.parametrize("listed", [CONSOLE / "i18n.js", CHAT / "words.js"], ids=["console", "chat"])
def test_a_language_is_a_catalogue_and_an_entry_in_the_list_of_languages(listed: Path) -> None:
    entries = re.findall(r'(\w+): "', re.findall(r"LANGUAGES = \{(.*)\}", listed.read_text("utf-8"))[0])
    assert set(entries) == {path.stem for path in (listed.parent / "i18n").glob("*.json")} == set(LANGUAGES)


@pytest.mark.parametrize("folder", [CONSOLE, CHAT], ids=["console", "chat"])
def test_every_key_that_is_said_is_in_the_catalogue_and_the_other_way_round(folder: Path) -> None:
    text, known = sources(folder), catalogue(folder, "en")
    called = re.findall(r"\bsay\(([^()`]*(?:\([^()]*\)[^()`]*)*)\)", text)
    said = {key for call in called for key in re.findall(r'"([a-z][\w.]*)"', call.partition("{")[0])}
    said |= set(re.findall(r'data-(?:say|label|title)="(\w+)"', text))
    wanted = {key for key in said if not any(f'=== "{key}"' in call for call in called)}
    assert not {key for key in wanted if key not in known}
    groups = (
        set(re.findall(r'\bterm\("(\w+)"', text))
        | set(re.findall(r"say\(`(\w+)\.", text))
        | {"fact.of", "key", "empty"}
    )
    spare = [key for key in known if f'"{key}"' not in text and key.rpartition(".")[0] not in groups]
    assert not spare


def test_every_key_of_the_keyboard_is_explained() -> None:
    keys = re.findall(r'\{ key: "(.)"', (CONSOLE / "actions.js").read_text("utf-8"))
    assert len(keys) > 10
    assert all(f"key.{key}" in catalogue(CONSOLE, "en") for key in keys)


def test_no_page_has_an_inline_script_style_or_handler() -> None:
    for page in (CONSOLE / "index.html", CHAT / "index.html"):
        text = page.read_text("utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text), page
        assert "http" not in text.replace("http-equiv", ""), page
    assert not re.search(r"\bstyle=|javascript:|innerHTML|eval\(|new Function", sources(CONSOLE))
    assert not re.search(r"fonts\.g|@import|url\((?!#)", (CONSOLE / "styles.css").read_text("utf-8"))


def test_the_widget_keeps_its_budget() -> None:
    loader = compressed(CHAT / "widget.js")
    page = [path for path in CHAT.glob("*") if path.is_file() and path.name != "widget.js"]
    heaviest = max(compressed(CHAT / "i18n" / f"{language}.json") for language in LANGUAGES)
    assert loader <= 3 * 1024
    assert loader + compressed(*page) + heaviest <= 20 * 1024


def test_the_console_stays_light() -> None:
    parts = [path for path in CONSOLE.rglob("*.js") if path.name != "entry.js"]
    assert compressed(*parts, CONSOLE / "styles.css", CONSOLE / "i18n" / "en.json") <= 64 * 1024


def test_the_vendored_bundle_is_the_one_whose_sum_was_kept() -> None:
    vendor = CONSOLE / "vendor"
    lines = (vendor / "SHA256").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        digest, name = line.split()
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    licences = (vendor / "LICENSES").read_text("utf-8")
    assert all(name in licences for name in ("preact", "@preact/signals", "htm", "Apache License"))
