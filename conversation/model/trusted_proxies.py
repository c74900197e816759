"""Who is at the other end of a request, past the trusted proxies. Pure."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class Proxies:
    """Networks whose `X-Forwarded-For` is believed. Without any there is no proxy."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.networks)

    def remote_of(self, peer: str | None, forwarded: str) -> str:
        """The network address of whoever asks.

        `peer` is the other end of the connection (None or "" for a Unix socket), `forwarded` the header. Of that the rightmost address
        that is no proxy's: what stands left of it anybody may have written.
        """
        found = _shown(peer or "")
        for hop in reversed(forwarded.split(",")):
            if not self._is_proxy(found) or _address(hop) is None:
                break
            found = _shown(hop)
        return found

    def believes(self, peer: str | None) -> bool:
        """Whether the header of this other end is believed."""
        return self._is_proxy(_shown(peer or ""))

    def _is_proxy(self, remote: str) -> bool:
        address = _address(remote)
        if address is None:
            return not remote and bool(self)  # a Unix socket: nobody but this machine
        return any(address in network for network in self.networks)


def network_of(remote: str) -> str:
    """The network that limits count for this address: itself for IPv4, its /64 for IPv6, which one host holds whole."""
    address = _address(remote)
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), 64), strict=False).network_address)
    return _shown(remote)


def is_loopback(host: str) -> bool:
    """Whether this name or address is of the machine itself."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _shown(text: str) -> str:
    """An address as it is always written; anything else as it is."""
    address = _address(text)
    return text if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Also of `[::1]:80` and `192.0.2.1:80`, as some proxies write; one of IPv4 inside one of IPv6 is that of IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
