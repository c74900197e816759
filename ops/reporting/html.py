"""The report as one page that needs nothing else: no script, nothing fetched, light and dark, a table next to each chart."""

from collections.abc import Iterator
from html import escape
from typing import Any

from ops.reporting.charts import Point, bars, columns
from ops.reporting.tables import SECTIONS, Section, cell, is_number, known_since, rows_of
from ops.reporting.translations import word

_MOST_BARS = 15
_NARROW = 4  # columns of a table that leaves room for a chart next to it
_STYLE = """
:root { color-scheme: light dark; --ground: light-dark(#f4f3ef, #111516); --sheet: light-dark(#fff, #191e20);
  --ink: light-dark(#1c2321, #e6ebe9); --quiet: light-dark(#5a6460, #98a4a0); --line: light-dark(#e4e2dc, #2b3235);
  --accent: light-dark(#0f6b62, #6fcdbf);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
body { background: var(--ground); color: var(--ink); margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 0 0 .6rem; }
header p, .note, .none { color: var(--quiet); margin: .2rem 0 0; }
section { background: var(--sheet); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; margin-top: 1rem; }
.both { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.both > * { flex: 1 1 20rem; min-width: 0; } .scroll { overflow: auto; max-height: 22rem; }
:focus-visible { outline: 2px solid var(--accent); }
svg { max-width: 100%; height: auto; font-size: 12px; } .bar { fill: var(--accent); } .base { stroke: var(--line); }
svg text { fill: var(--ink); } svg .name, svg .last { text-anchor: end; } svg .top { text-anchor: middle; }
svg .first, svg .last { fill: var(--quiet); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: start; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: bottom; }
thead th { color: var(--quiet); font-weight: 500; } tbody th { font-weight: 500; }
td.name, tbody th { overflow-wrap: break-word; } .number { text-align: end; white-space: nowrap; } thead .number { white-space: normal; }
@media print { section { break-inside: avoid; } .scroll { max-height: none; } }
"""


def as_page(report: dict[str, Any], language: str) -> str:
    """The whole page; the figures as `--json` prints them."""
    heading = escape(word("title", language))
    span = f"{report['since'][:16]} – {report['until'][:16]} {report['timezone']}".replace("T", " ", 2)
    body = "".join(_section(section, report, language) for section in SECTIONS)
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{heading} {escape(span)}</title>'
        f"<style>{_STYLE}</style></head><body><header><h1>{heading}</h1>"
        f"<p>{escape(span)} · {escape(word('opened', language, count=report['opened']))}</p></header>"
        f"<main>{body}</main></body></html>\n"
    )


def _section(section: Section, report: dict[str, Any], language: str) -> str:
    title = escape(word(section.name, language))
    head = f'<section aria-labelledby="{section.name}"><h2 id="{section.name}">{title}</h2>'
    return f"{head}{''.join(_parts(section, report, language))}</section>"


def _parts(section: Section, report: dict[str, Any], language: str) -> Iterator[str]:
    if not report[section.name]:
        yield f'<p class="none">{escape(word("none", language))}</p>'
    else:
        yield '<div class="both">' if section.chart and len(section.columns) <= _NARROW else "<div>"
        if section.chart:
            yield f"<div>{_chart(section, section.chart, report, language)}</div>"
        yield f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{section.name}">'
        yield f"{_table(section, report, language)}</div></div>"
    if section.name == "handled" and (note := known_since(report, language)):
        yield f'<p class="note">{escape(note)}</p>'


def _chart(section: Section, column: str, report: dict[str, Any], language: str) -> str:
    points = [
        Point(_name(section, row, language), row[column], cell(column, row[column], language))
        for row in report[section.name]
        if row[column] is not None
    ]
    title = f"{word(section.name, language)}: {word(column, language)}"
    if section.name == "per_day":
        return columns(title, points)
    return bars(title, points[:_MOST_BARS])


def _name(section: Section, row: dict[str, Any], language: str) -> str:
    """What names a row: its words before the first number."""
    names = (name for name in section.columns if not is_number(name))
    return " · ".join(cell(name, row[name], language) for name in names)


def _table(section: Section, report: dict[str, Any], language: str) -> str:
    heads = "".join(
        f'<th scope="col"{_kind(column)}>{escape(word(column, language))}</th>' for column in section.columns
    )
    lines = "".join(f"<tr>{_line(section, row)}</tr>" for row in rows_of(section, report, language))
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"


def _line(section: Section, row: list[str]) -> str:
    first, *rest = row
    cells = zip(section.columns[1:], rest, strict=True)
    return f'<th scope="row">{escape(first)}</th>' + "".join(
        f"<td{_kind(column)}>{escape(text)}</td>" for column, text in cells
    )


def _kind(column: str) -> str:
    return ' class="number"' if is_number(column) else ' class="name"'
