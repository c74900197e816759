"""Where a number may be: the zones of its country, as the zone database lists them."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NOWHERE = "Factory"  # what a machine has whose clock nobody has set


@cache
def _names() -> frozenset[str]:
    """Those of the database's own list: the `posix/`, `right/` and `localtime` of a machine's folder are not among them."""
    return frozenset((files("tzdata") / "zones").read_text("ascii").split()) - {_NOWHERE}


@cache
def zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """Zones by ISO 3166 country code; the first of a country is its most populous as the database has it."""
    found: dict[str, list[str]] = {}
    for line in (files("tzdata.zoneinfo") / "zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found.setdefault(country, []).append(zone)
    # clocks all over China show Beijing's time, whatever the sun does
    return {country: tuple(zones) for country, zones in found.items()} | {"CN": ("Asia/Shanghai",)}


def zones_of(region: str | None, *, stated: str | None) -> tuple[str, ...]:
    """Where this customer may be: the zone that they state wins; else any zone of the number's country."""
    zone = known(stated)
    if zone is not None:
        return (zone,)
    return zones_by_country().get(region or "", ("UTC",))


def known(name: str | None) -> str | None:
    """The name, where it is a zone's."""
    return name if name in _names() else None
