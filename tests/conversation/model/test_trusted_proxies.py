"""Whose request it is: past the proxies that are believed, and no further."""

from ipaddress import ip_network

import pytest

from conversation.model.trusted_proxies import Proxies, is_loopback, network_of

KNOWN = Proxies(tuple(ip_network(one) for one in ("127.0.0.1", "10.0.0.0/8", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("peer", "forwarded", "remote"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # nobody we believe
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # what stands left of it they wrote themselves
        ("127.0.0.1", "203.0.113.9, 198.51.100.1, 10.1.2.3", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        ("127.0.0.1", "10.1.2.3, 10.1.2.4", "10.1.2.3"),  # somebody inside
        ("127.0.0.1", "198.51.100.1, nonsense", "127.0.0.1"),
        ("127.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("127.0.0.1", "[2001:DB9::1]:4711", "2001:db9::1"),
        ("2001:db8::5", "2001:db9:0::1", "2001:db9::1"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        (None, "198.51.100.1", "198.51.100.1"),  # a Unix socket
        ("", "", ""),
    ],
)
def test_the_rightmost_address_that_is_no_proxy_asks(peer: str | None, forwarded: str, remote: str) -> None:
    assert KNOWN.remote_of(peer, forwarded) == remote


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "192.0.2.7", "::1"])
def test_without_proxies_nothing_that_is_written_is_believed(peer: str) -> None:
    assert Proxies().remote_of(peer, "198.51.100.1") == peer
    assert Proxies().remote_of(None, "198.51.100.1") == ""
    assert (bool(Proxies()), bool(KNOWN)) == (False, True)


def test_a_machine_knows_itself() -> None:
    assert [is_loopback(one) for one in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")] == [True] * 5
    assert [is_loopback(one) for one in ("support.example", "0.0.0.0", "10.0.0.1", "")] == [False] * 4


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("", ""),
    ],
)
def test_one_host_of_ipv6_counts_by_its_whole_network(address: str, network: str) -> None:
    assert network_of(address) == network
