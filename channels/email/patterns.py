"""Where the patterns of this channel are made: constants, each without nested repetition, tried on hostile mail by the suite."""

import re
from typing import overload


@overload
def pattern(source: str, flags: int = 0) -> re.Pattern[str]: ...
@overload
def pattern(source: bytes, flags: int = 0) -> re.Pattern[bytes]: ...
def pattern(source: str | bytes, flags: int = 0) -> re.Pattern[str] | re.Pattern[bytes]:
    """A compiled constant."""
    return re.compile(source, flags)  # noqa: TID251 written here, never by an operator or a sender
