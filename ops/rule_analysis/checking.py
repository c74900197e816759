"""A configuration read whole: its faults, its own tests, and what is probably not meant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from channels import registry as kinds
from ops.configuration.settings import Settings, load, parse_rules
from ops.configuration.sources import Located, SettingsFaults
from ops.rule_analysis.dry_run import DryRun
from ops.rule_analysis.inline_tests import Tested, run_tests
from ops.rule_analysis.warnings import warnings_of
from ops.system_clock import SystemClock
from router.rules.rulebook import RuleBook
from router.understanding.language import Detector
from router.understanding.language_detector import load_detector

_SHORT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What was found. `faults` keep a configuration from being used, so do `failures` of its own tests; `warnings` do not."""

    path: Path
    faults: tuple[Located, ...] = ()
    warnings: tuple[Located, ...] = ()
    failures: tuple[Located, ...] = ()
    passed: int = 0
    settings: Settings | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether it may be used."""
        return not self.faults and not self.failures

    @property
    def failed(self) -> int:
        """How many cases did not come as expected."""
        return len({(one.file, one.line) for one in self.failures})

    @property
    def problems(self) -> tuple[Located, ...]:
        """What keeps it from being used."""
        return (*self.faults, *self.failures)

    @property
    def unreadable(self) -> bool:
        """Whether a file is missing, or no TOML at all."""
        return any(fault.unreadable for fault in self.faults)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "file": str(self.path),
            "faults": [_located(one) for one in self.faults],
            "warnings": [_located(one) for one in self.warnings],
            "tests": {
                "passed": self.passed,
                "failed": self.failed,
                "failures": [_located(one) for one in self.failures],
            },
        }


def check(
    path: Path, env: Mapping[str, str], *, detector: Detector | None = None, today: date | None = None
) -> CheckResult:
    """Read, compile, run the file's tests, look for what is probably not meant. Nothing is written, nothing is connected."""
    try:
        settings = load(path, env, make_secrets=False, calls_webhooks=True)
    except SettingsFaults as found:
        return CheckResult(path=path, faults=found.faults)
    rulebook = parse_rules(settings.source, settings.hints)
    tested = _tested(settings, rulebook, detector)
    return CheckResult(
        path=path,
        warnings=tuple(_warnings(settings, rulebook, tested, today or SystemClock().now().date())),
        failures=tuple(_failures(settings, tested)),
        passed=sum(one.passed for one in tested),
        settings=settings,
    )


def _tested(settings: Settings, rulebook: RuleBook, detector: Detector | None) -> Sequence[Tested]:
    if not settings.document.tests:
        return ()
    trial = DryRun(rulebook, detector or load_detector(rulebook.languages))
    return tuple(run_tests(settings.document, trial))


def _failures(settings: Settings, tested: Sequence[Tested]) -> Iterator[Located]:
    for one in tested:
        for wrong in one.wrong:
            yield settings.located(one.path, f"test '{one.name}': \"{_short(one.text)}\": {wrong}")


def _warnings(settings: Settings, rulebook: RuleBook, tested: Sequence[Tested], today: date) -> Iterator[Located]:
    for fault in (*rulebook.warnings, *warnings_of(settings.document, rulebook, today)):
        yield settings.located(fault.path, fault.message)
    yield from _service_warnings(settings)
    for name, account in settings.channels.items():
        for doubtful in kinds.settings_warnings(account):
            yield settings.located(("channels", name, *doubtful.path), f"channel '{name}': {doubtful.message}")
    for one in tested:
        for words in one.unexpected:
            yield settings.located(one.path, f"test '{one.name}': \"{_short(one.text)}\": {words}")


def _service_warnings(settings: Settings) -> Iterator[Located]:
    if settings.service.hidden_by_a_proxy:
        message = (
            "customers come by a proxy on this machine (public_url) that 'proxies' does not name: nothing distinguishes them, "
            "limits by network address do not count, and wrong logins delay the account that they guess at"
        )
        yield settings.located(("service", "public_url"), message)
    if settings.service.signals == "local" and settings.service.database.startswith("postgresql"):
        message = (
            'signals = "local" is for one node: `serve` refuses to start beside another that serves this database; '
            'several nodes need "postgres" or "nats://host:4222"'
        )
        yield settings.located(("service", "signals"), message)
    if settings.service.perhaps_pooled:
        message = (
            "this is PgBouncer's usual port: LISTEN and migrations do not pass a pooler in transaction mode; "
            "name the server itself as 'database_direct'"
        )
        yield settings.located(("service", "database"), message)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 1]}…"


def _located(one: Located) -> dict[str, Any]:
    return {"file": one.file, "line": one.line, "message": one.message}
