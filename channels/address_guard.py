"""Addresses: of the web, and which network addresses a stranger's URL may never reach."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

_LONGEST_URL = 2048
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_GLOBAL_UNICAST = ip_network("2000::/3")
_SIX_TO_FOUR = ip_network("2002::/16")

# `is_global` alone lets NAT64, 6to4, site-local and shared (CGNAT) space through: an own table, whatever the Python version
_DENIED: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's internal service address, public by number
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)


def http_url(text: str) -> str:
    """The text, when it is an absolute http(s) URL without user or password; `ValueError` otherwise."""
    if len(text) > _LONGEST_URL or any(c <= " " or c == "\x7f" for c in text):
        raise ValueError("not a URL: too long, or a space or control character in it")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an absolute http:// or https:// URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not carry a user or a password")
    parts.port  # noqa: B018 raises ValueError for a port that is none
    return text


def is_public(text: str) -> bool:
    """Whether a stranger's URL may lead to this resolved address. Addresses wrapped in IPv6 are judged unwrapped as well."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_allowed(one) for one in _unwrapped(address))


def _allowed(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _DENIED if network.version == address.version)


def _unwrapped(address: Address) -> tuple[Address, ...]:
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if any(address in network for network in _NAT64):
        return (IPv4Address(int(address) & 0xFFFFFFFF), *_other_nat64(address))
    if address in _SIX_TO_FOUR:
        return (IPv4Address((int(address) >> 80) & 0xFFFFFFFF),)
    return (address,)


def _other_nat64(address: IPv6Address) -> tuple[Address, ...]:
    # the local-use prefix may embed the address at several places: never from a stranger
    return (IPv4Address("127.0.0.1"),) if address in _NAT64[1] else ()
