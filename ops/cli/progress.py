"""How far long work has come, on a terminal; nothing in a pipe."""

import sys
from time import monotonic
from typing import Self, TextIO

_EVERY = 0.1  # seconds between two looks
_WIDTH = 30


class Progress:
    """A bar with a rate on standard error. Leaving the context wipes it away."""

    def __init__(self, label: str, total: int, *, stream: TextIO | None = None) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._done = 0
        self._began = self._shown_at = monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    @property
    def rate(self) -> float:
        """Steps a second so far."""
        return self._done / max(monotonic() - self._began, 1e-6)

    def step(self, steps: int = 1) -> None:
        """So much more is done."""
        self._done += steps
        now = monotonic()
        if self._shown and (now - self._shown_at >= _EVERY or self._done >= self._total):
            self._shown_at = now
            self._draw()

    def _draw(self) -> None:
        share = min(1.0, self._done / self._total) if self._total else 1.0
        bar = "█" * round(share * _WIDTH)
        line = f"{self._label} {bar:░<{_WIDTH}} {self._done:,} of {self._total:,}, {self.rate:,.0f}/s"
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()
