"""`signals` over NATS and `[service.nats]`: several servers, one way to be known, nothing shown that is secret."""

from pathlib import Path

import pytest
import trustme

from ops.configuration.service import Service
from ops.configuration.settings import load
from tests.ops.configuration.test_settings import GOOD, faults_in, write

NAMED = 'signals = ["nats://a:4222", "nats://b:4222"]'
CREDENTIALS = (
    "-----BEGIN NATS USER JWT-----\nshown.to.servers\n------END NATS USER JWT------\n"
    "-----BEGIN USER NKEY SEED-----\nhidden\n------END USER NKEY SEED------\n"
)


def service(folder: Path, lines: str, env: dict[str, str] | None = None) -> Service:
    return load(write(folder, GOOD.replace('name = "Try"', lines)), env or {}).service


def test_servers_are_a_list_or_named_with_commas(tmp_path: Path) -> None:
    assert service(tmp_path, NAMED).signals == "nats://a:4222,nats://b:4222"
    assert service(tmp_path, 'signals = "tls://a:4222, tls://b:4222"').signals == "tls://a:4222,tls://b:4222"
    assert service(tmp_path, "", {"HUNTGROUP_SERVICE__SIGNALS": '["nats://a:1"]'}).signals == "nats://a:1"


def test_what_a_node_shows_comes_from_secrets(tmp_path: Path) -> None:
    table = '[service.nats]\nuser = "anna"\npassword = { env = "NATS_PASSWORD" }\nprefix = "support.eu"'
    found = service(tmp_path, f"{NAMED}\n{table}", {"NATS_PASSWORD": "a hidden word"})
    options = found.nats.options()
    assert (options.user, options.password, options.prefix) == ("anna", "a hidden word", "support.eu")
    assert "hidden" not in f"{found!r} {found} {options!r}"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('signals = ["nats://a", "tls://b"]', "must be"),
        ('signals = ["postgres", "nats://b"]', "must be"),
        ("signals = []", "must be"),
        (f'{NAMED}\n[service.nats]\nprefix = "a b"', "prefix"),
        (f'{NAMED}\n[service.nats]\nuser = "anna"', "belong together"),
        (f'{NAMED}\n[service.nats]\ntoken = "t"\nuser = "a"\npassword = "p"', "in one way: 'user' or 'token'"),
        (f'{NAMED}\n[service.nats]\ncredentials = {{ env = "CREDENTIALS" }}', "damaged"),
        (f'{NAMED}\n[service.nats]\nca = "none.pem"', "cannot be read as certificates"),
        (f'{NAMED}\n[service.nats]\nca = "CA"', "begin with tls://"),
    ],
)
def test_what_does_not_fit_together_is_a_fault(tmp_path: Path, lines: str, words: str) -> None:

    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    text = GOOD.replace('name = "Try"', lines.replace('"CA"', f'"{tmp_path / "ca.pem"}"'))
    faults = faults_in(write(tmp_path, text), {"CREDENTIALS": CREDENTIALS})
    assert len(faults) == 1
    assert words in " ".join(message for _, message in faults)
    assert "hidden" not in str(faults)
