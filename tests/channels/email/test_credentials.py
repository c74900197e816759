"""Access tokens: bought with a refresh token, used until shortly before their end, bought anew when refused."""

import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from pydantic import SecretStr, ValidationError

from channels.email.credentials import Tokens
from channels.email.settings import OAuth
from conversation.errors import ChannelMisconfigured, TransientFailure, Unknown
from tests.fakes import FakeClock

SETTINGS = OAuth.model_validate(
    {
        "token_url": "https://login.example/token",
        "client_id": "an application",
        "client_secret": "its secret",
        "refresh_token": "a refresh token",
        "scope": "mail",
    }
)


class Provider:
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, list[str]]] = []
        self.answer = (200, b'{"access_token": "t1", "expires_in": 3600}')
        self.failure: Exception | None = None

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str], timeout: float, trusted: bool
    ) -> tuple[int, bytes]:
        assert trusted
        self.asked.append(parse_qs(body.decode()))
        if self.failure is not None:
            raise self.failure
        return self.answer


def test_secrets_are_sent_over_tls_only() -> None:
    given = SETTINGS.model_dump() | {"token_url": "http://login.example/token"}
    with pytest.raises(ValidationError, match="https://"):
        OAuth.model_validate(given)
    assert OAuth.model_validate(given | {"token_url": "http://127.0.0.1:9/token"}).token_url.startswith("http://127")


async def test_a_token_is_used_until_shortly_before_its_end() -> None:
    clock, provider = FakeClock(), Provider()
    tokens = Tokens(SETTINGS, provider, clock)
    assert [await tokens.secret(), await tokens.secret()] == ["t1", "t1"]
    assert len(provider.asked) == 1
    assert provider.asked[0]["grant_type"] == ["refresh_token"]
    assert provider.asked[0]["scope"] == ["mail"]
    clock.advance(timedelta(minutes=56))
    provider.answer = (200, b'{"access_token": "t2"}')
    assert await tokens.secret() == "t2"
    tokens.refused()
    provider.answer = (200, b'{"access_token": "t3"}')
    assert await tokens.secret() == "t3"


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ((400, b'{"error": "invalid_grant"}'), ChannelMisconfigured),
        ((401, b""), ChannelMisconfigured),
        ((500, b"<html>"), TransientFailure),
        ((200, b"[]"), TransientFailure),
        ((200, b'{"access_token": 7}'), TransientFailure),
    ],
)
async def test_what_the_provider_answers_is_told_apart(answer: tuple[int, bytes], wanted: type[Exception]) -> None:
    provider = Provider()
    provider.answer = answer
    with pytest.raises(wanted) as caught:
        await Tokens(SETTINGS, provider, FakeClock()).secret()
    assert "a refresh token" not in str(caught.value).replace("the refresh token", "")


async def test_silence_of_the_provider_is_no_silence_of_the_mail_server() -> None:
    provider = Provider()
    provider.failure = Unknown("no answer")
    with pytest.raises(TransientFailure):
        await Tokens(SETTINGS, provider, FakeClock()).secret()


async def test_a_refresh_token_that_is_replaced_is_kept_until_another_first_one_is_written(tmp_path: Path) -> None:
    kept = tmp_path / "mail.token"
    settings = SETTINGS.model_copy(update={"keep": kept})
    provider = Provider()
    provider.answer = (200, b'{"access_token": "t1", "refresh_token": "the second"}')
    await Tokens(settings, provider, FakeClock()).secret()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    await Tokens(settings, provider, FakeClock()).secret()  # after a restart
    fresh = settings.model_copy(update={"refresh_token": SecretStr("consented again")})
    await Tokens(fresh, provider, FakeClock()).secret()
    assert [asked["refresh_token"] for asked in provider.asked] == [
        ["a refresh token"], ["the second"], ["consented again"],
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["mail.token"]


async def test_a_file_that_cannot_be_written_or_read_keeps_no_mail_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = SETTINGS.model_copy(update={"keep": tmp_path / "nowhere" / "mail.token"})
    provider = Provider()
    provider.answer = (200, b'{"access_token": "t1", "refresh_token": "the second"}')
    assert await Tokens(settings, provider, FakeClock()).secret() == "t1"
    assert [record.getMessage() for record in caplog.records] == ["refresh_token_not_kept"]
    assert "the second" not in caplog.text
    (tmp_path / "odd").write_text("no json")
    odd = Tokens(SETTINGS.model_copy(update={"keep": tmp_path / "odd"}), provider, FakeClock())
    await odd.secret()
    assert provider.asked[-1]["refresh_token"] == ["a refresh token"]
