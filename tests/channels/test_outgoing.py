"""The guarded door: what a stranger's URL may not reach, and which error tells what happened."""

import socket
from datetime import timedelta

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from channels.address_guard import is_public
from channels.http_client import OutgoingHttp, retry_after
from conversation.errors import PermanentFailure, RateLimited, TransientFailure, Unknown
from tests.contracts.provider import Provider, provider
from tests.fakes import FakeClock

INTERNAL = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2002:c0a8:1::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "100::1", "3fff::1", "5f00::1", "fc00::1",
    "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:800::200e", "64:ff9b::808:808")
TRICKS = (
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/", "http://017700000001:{port}/", "http://0177.0.0.1:{port}/", "http://127.0.1:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://[::1]:{port}/", "http://[::]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", "http://[::127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://localhost.:{port}/", "http://ip6-localhost:{port}/",
    "http://１２７.0.0.1:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/", "http://127%2e0%2e0%2e1:{port}/",
    "http://user@127.0.0.1:{port}/", "http://example.com@127.0.0.1:{port}/", "http://127.0.0.1:{port}#@example.com/",
    "http://example.com\\@127.0.0.1:{port}/", "http://127.0.0.1:{port}\t/", "\thttp://127.0.0.1:{port}/",
    "HTTP://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http:127.0.0.1:{port}/", "http:///127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "unix:///var/run/docker.sock",
    "data:text/plain,x", "javascript:alert(1)", "http://[fe80::1%25lo]:{port}/", "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/", "http://100.100.100.200/", "http://127.0.0.1.:{port}/", "http://", "", "x" * 3000,
    "http://127.0.0.2:{port}/", "http://127.255.255.254:{port}/", "http://127.000.000.001:{port}/", "http://0177.1:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/", "http://0X7F000001:{port}/", "http://0x7f.0.0.1:{port}/", "http://00000177.0.0.1:{port}/",
    "http://127.0x1:{port}/", "http://127.65535.1:{port}/", "http://4294967295:{port}/", "http://4294967296:{port}/",
    "http://6425673729:{port}/", "http://256.256.256.256:{port}/", "http://-127.0.0.1:{port}/", "http://127.0.0.1%00.example.com:{port}/",
    "http://127.0.0.1%0d%0a.example.com:{port}/", "http://127.0.0.1\r\nHost: x:{port}/", "http://127.0.0.1\x00:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{port}/", "http://[::1%25lo]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/", "http://[2002:7f00:1::]:{port}/", "http://[2002:7f00:0001::1]:{port}/",
    "http://[64:ff9b:1::7f00:1]:{port}/", "http://[fec0::1]:{port}/", "http://[fc00::1]:{port}/", "http://[ff02::1]:{port}/",
    "http://[::1]:{port}@example.com/", "http://[:]:{port}/", "http://[::1:{port}/", "http://::1:{port}/", "http://[127.0.0.1]:{port}/",
    "http://localhost%00:{port}/", "http://localhost.localdomain:{port}/", "http://LocalHost%2e:{port}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/",
    "http://ｌｏｃａｌｈｏｓｔ:{port}/", "http://loc\u00adalhost:{port}/", "http://localho\u200bst:{port}/", "http://ip6-loopback:{port}/",
    "http://169.254.169.254.:80/", "http://0xA9FEA9FE/", "http://2852039166/", "http://0251.0376.0251.0376/", "http://168.63.129.16/",
    "http://192.0.0.192/", "http://metadata.google.internal/", "http://127.0.0.1:{port}:80/", "http://127.0.0.1:0{port}/",
    "https://127.0.0.1:{port}/", "http://example.com:80@127.0.0.1:{port}/", "http://a:b@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}?@example.com/", "http://127.0.0.1:{port};@example.com/", "http:/\\127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}\\",
    "http://example.com#@127.0.0.1:{port}/../", "dict://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "ws://127.0.0.1:{port}/",
)  # fmt: skip


class Told(AbstractResolver):
    """Every name leads to these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(hostname=host, host=a, port=port, family=socket.AF_INET, proto=0, flags=0)
            for a in self.addresses
        ]

    async def close(self) -> None:
        return


async def post(http: OutgoingHttp, url: str, *, trusted: bool = False) -> tuple[int, bytes]:
    return await http.post(url, b"{}", headers={}, timeout=3.0, trusted=trusted)


@pytest.mark.parametrize("address", INTERNAL)
def test_an_internal_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def test_no_trick_of_a_strangers_url_reaches_an_internal_server(clock: FakeClock) -> None:
    async with provider() as canary, OutgoingHttp(clock) as http:
        port = canary.url.rpartition(":")[2].partition("/")[0]
        for url in TRICKS:
            with pytest.raises((PermanentFailure, TransientFailure)):
                await post(http, url.replace("{port}", port))
        assert canary.seen == []


async def fetch(http: OutgoingHttp, url: str, *, trusted: bool = False) -> None:
    await http.fetch(url, headers={"authorization": "secret"}, timeout=3.0, trusted=trusted, limit=1000)


def test_there_are_more_than_eighty_tricks() -> None:
    assert len(set(TRICKS)) >= 80


async def test_no_file_at_a_strangers_url_is_fetched_from_an_internal_server(clock: FakeClock) -> None:
    """Refused at once, or there is nobody: `example.com` behind a `#` or `@` may be asked for by its name, and nothing comes of it."""
    nobody = Told()
    async with provider() as canary, OutgoingHttp(clock) as http, OutgoingHttp(clock, resolver=nobody) as lonely:
        port = canary.url.rpartition(":")[2].partition("/")[0]
        for url in TRICKS:
            for door in (http, lonely):
                with pytest.raises((PermanentFailure, TransientFailure)):
                    await fetch(door, url.replace("{port}", port))
        assert canary.seen == []


async def test_no_redirect_leads_to_an_internal_server(clock: FakeClock) -> None:
    """Also where an operator's own server, which may be internal, is the one that redirects."""
    async with provider() as canary, provider() as leading, OutgoingHttp(clock) as http:
        port = canary.url.rpartition(":")[2].partition("/")[0]
        for trick in TRICKS:
            location = trick.replace("{port}", port)
            if not location.isprintable() or not location.isascii() or not location.strip():
                continue  # no header carries it
            leading.status, leading.headers = 302, {"Location": location}
            with pytest.raises((PermanentFailure, TransientFailure)):
                await fetch(http, leading.url, trusted=True)
        assert canary.seen == []
        assert len(leading.seen) >= 80


async def test_a_chain_of_redirects_ends_and_tells_nobody_else_the_headers(clock: FakeClock) -> None:
    async with provider() as leading, OutgoingHttp(clock) as http:
        leading.status, leading.headers = 302, {"Location": leading.url + "/on"}
        with pytest.raises(PermanentFailure) as caught:
            await fetch(http, leading.url, trusted=True)
        assert caught.value.code == "refused"
        assert len(leading.seen) == 4


@pytest.mark.parametrize(
    ("status", "size", "code"),
    [(404, 1, "expired"), (410, 1, "expired"), (403, 1, "refused"), (200, 2000, "too_large")],
)
async def test_what_is_no_file_any_more_has_a_code(clock: FakeClock, status: int, size: int, code: str) -> None:
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.status, playing.body = status, b"x" * size
        with pytest.raises(PermanentFailure) as caught:
            await fetch(http, playing.url, trusted=True)
        assert caught.value.code == code


async def test_a_name_with_any_internal_address_is_refused(clock: FakeClock) -> None:
    async with provider() as canary:
        port = canary.url.rpartition(":")[2].partition("/")[0]
        for addresses in (("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("127.0.0.1", "1.1.1.1"), ()):
            async with OutgoingHttp(clock, resolver=Told(*addresses)) as http:
                with pytest.raises(PermanentFailure) as caught:
                    await post(http, f"http://rebinding.example:{port}/")
                assert caught.value.code == "address_refused"
        assert canary.seen == []


async def test_the_name_is_asked_once_and_the_checked_address_is_used(clock: FakeClock) -> None:
    resolver = Told("127.0.0.1")
    async with provider() as playing, OutgoingHttp(clock, resolver=resolver) as http:
        port = playing.url.rpartition(":")[2].partition("/")[0]
        assert (await post(http, f"http://operator.example:{port}/", trusted=True))[0] == 200
    assert resolver.asked == ["operator.example"]


async def test_an_operators_own_url_may_be_private(clock: FakeClock) -> None:
    async with provider() as playing, OutgoingHttp(clock) as http:
        assert await post(http, playing.url, trusted=True) == (200, b"{}")
        with pytest.raises(PermanentFailure):
            await post(http, playing.url)
    assert len(playing.seen) == 1


async def test_a_redirect_is_not_followed(clock: FakeClock) -> None:
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.status, playing.headers = 302, {"Location": playing.url + "/elsewhere"}
        assert (await post(http, playing.url, trusted=True))[0] == 302
    assert len(playing.seen) == 1


async def test_an_endless_answer_is_cut_off(clock: FakeClock) -> None:
    async with provider() as playing, OutgoingHttp(clock) as http:
        playing.body = b"x" * 1_000_000
        assert len((await post(http, playing.url, trusted=True))[1]) == 64 * 1024


async def refusal(http: OutgoingHttp, playing: Provider, status: int, **headers: str) -> Exception:
    playing.status, playing.headers = status, headers
    with pytest.raises((RateLimited, TransientFailure)) as caught:
        await post(http, playing.url, trusted=True)
    return caught.value


async def test_the_providers_troubles_become_errors(clock: FakeClock) -> None:
    async with provider() as playing, OutgoingHttp(clock) as http:
        limited = await refusal(http, playing, 429, **{"Retry-After": "12"})
        assert isinstance(limited, RateLimited)
        assert limited.retry_after == timedelta(seconds=12)
        assert isinstance(await refusal(http, playing, 500), TransientFailure)
        playing.silent = True
        with pytest.raises(Unknown):
            await post(http, playing.url, trusted=True)


def test_retry_after_is_read_as_seconds_or_date_and_bounded(clock: FakeClock) -> None:
    assert retry_after({"retry-after": "5"}, clock) == timedelta(seconds=5)
    assert retry_after({"retry-after": "999999999999"}, clock) == timedelta(hours=6)
    assert retry_after({"retry-after": "Mon, 23 Nov 2026 02:01:00 GMT"}, clock) == timedelta(minutes=1)
    assert retry_after({"retry-after": "Mon, 23 Nov 2020 02:01:00 GMT"}, clock) == timedelta(0)
    for nonsense in ("", "soon", "-5", "٣"):
        assert retry_after({"retry-after": nonsense}, clock) is None
