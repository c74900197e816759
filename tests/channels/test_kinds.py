"""Every installed kind has its papers: settings that are documented, a README, a checklist, payloads."""

import sys
import tomllib
from pathlib import Path

import pytest

from channels import registry as kinds
from tests.contracts.tools import Bench
from tests.fakes import FakeClock

RULES = {
    "fixtures-captured", "normalize-pure", "render-pure", "dedupe-key", "threading", "attachments", "signature-verified",
    "replay-window", "error-map-complete", "retry-after", "health-detail", "secrets-redacted", "limits-documented",
    "docs-setup", "docs-removal", "journey-test",
}  # fmt: skip


def folder_of(kind: str) -> Path:
    file = sys.modules[kinds.create_of(kind).__module__].__file__
    assert file is not None
    return Path(file).parent


@pytest.mark.parametrize("kind", kinds.names())
def test_every_rule_of_the_checklist_is_done_planned_or_exempt_with_a_reason(kind: str) -> None:
    found = tomllib.loads((folder_of(kind) / "quality.toml").read_text("utf-8"))
    assert set(found) == RULES
    for rule, state in found.items():
        assert state in ("done", "todo") or state["exempt"], rule


@pytest.mark.parametrize("kind", kinds.names())
def test_every_setting_is_described_and_named_in_the_readme(kind: str) -> None:
    model = kinds.settings_of(kind)
    assert model is not None
    readme = (folder_of(kind) / "README.md").read_text("utf-8")
    for name, field in model.model_fields.items():
        assert field.description, name
        assert name in readme, name


@pytest.mark.parametrize("kind", kinds.names())
def test_payloads_were_captured(kind: str) -> None:
    assert len(list((Path(__file__).parent / kind / "payloads").iterdir())) >= 10


def test_accounts_are_built_without_the_keys_that_all_kinds_share() -> None:
    accounts = {
        "site": {"kind": "webchat", "language": "zh", "brand": "pay"},
        "app": {"kind": "webhook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "issue": "topup"},
    }
    built = kinds.build(accounts, lambda _: Bench(clock=FakeClock()).tools())
    assert {name: channel.name for name, channel in built.items()} == {"site": "site", "app": "app"}
    assert kinds.hints(accounts["site"]) == kinds.Hints(kind="webchat", language="zh", brand="pay")


def test_a_shared_key_of_the_wrong_type_is_a_fault() -> None:
    (fault,) = kinds.settings_faults("webchat", "site", {"kind": "webchat", "language": 7})
    assert fault.path == ("language",)
