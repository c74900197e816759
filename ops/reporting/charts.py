"""Small charts as SVG: one series, one hue, every value is also in the table next to it. No script, no style but classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 560
_ROW = 24
_BAR = 14
_LABEL = 150
_VALUE = 84
_HEIGHT = 150
_FOOT = 20
_LONGEST = 20  # letters of a label


@dataclass(frozen=True, slots=True)
class Point:
    """One value with its name, and how it is read."""

    name: str
    value: float
    label: str


def bars(title: str, points: Sequence[Point]) -> str:
    """Horizontal bars, one below the other, with name and value at each."""
    top = max((point.value for point in points), default=0) or 1
    width = _WIDTH - _LABEL - _VALUE
    drawn = "".join(_bar(number, point, width * point.value / top) for number, point in enumerate(points))
    return _svg(title, len(points) * _ROW, drawn)


def _bar(number: int, point: Point, width: float) -> str:
    y = number * _ROW
    middle = y + _ROW / 2 + 4
    return (
        f'<text class="name" x="{_LABEL - 8}" y="{middle}">{escape(_short(point.name))}</text>'
        f'<rect class="bar" x="{_LABEL}" y="{y + (_ROW - _BAR) / 2}" width="{max(width, 1):.1f}" height="{_BAR}" rx="3">'
        f"<title>{escape(point.name)}: {escape(point.label)}</title></rect>"
        f'<text class="value" x="{_LABEL + max(width, 1) + 6:.1f}" y="{middle}">{escape(point.label)}</text>'
    )


def columns(title: str, points: Sequence[Point]) -> str:
    """Columns side by side, as of days; the first, the last and the greatest are written out."""
    top = max((point.value for point in points), default=0) or 1
    step = _WIDTH / max(len(points), 1)
    greatest = max(points, key=lambda point: point.value, default=None)
    drawn = [_column(number * step, step, point, point.value / top) for number, point in enumerate(points)]
    base = _HEIGHT + _FOOT
    drawn.append(f'<line class="base" x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>')
    if greatest is not None:
        middle = min(max((points.index(greatest) + 0.5) * step, 30), _WIDTH - 30)
        drawn.append(f'<text class="top" x="{middle:.1f}" y="{_FOOT - 6}">{escape(greatest.label)}</text>')
        drawn.append(f'<text class="first" x="0" y="{base + 15}">{escape(points[0].name)}</text>')
    if len(points) > 1:
        drawn.append(f'<text class="last" x="{_WIDTH}" y="{base + 15}">{escape(points[-1].name)}</text>')
    return _svg(title, base + _FOOT, "".join(drawn))


def _column(x: float, step: float, point: Point, share: float) -> str:
    height = max(_HEIGHT * share, 1)
    width = min(max(step - 2, 1), 48)
    return (
        f'<rect class="bar" x="{x + (step - width) / 2:.1f}" y="{_FOOT + _HEIGHT - height:.1f}" width="{width:.1f}"'
        f' height="{height:.1f}" rx="2"><title>{escape(point.name)}: {escape(point.label)}</title></rect>'
    )


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _svg(title: str, height: float, drawn: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}"'
        f' height="{height:.0f}">{drawn}</svg>'
    )
