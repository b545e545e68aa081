"""The HTML of a report: one file that needs nothing beside it, and no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

from matplotlib.figure import Figure

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1200px; padding: 24px;
  color: #1c2733; background: #fff; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 32px 0 8px; }
h3 { font-size: 15px; margin: 16px 0 4px; overflow-wrap: anywhere; }
p { margin: 4px 0 8px; } .note { color: #5c7080; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; padding: 5px 10px; border-bottom: 1px solid #d5dbe1;
  overflow-wrap: anywhere; }
th { color: #5c7080; font-weight: 600; }
img { max-width: 100%; display: block; margin: 8px 0; }
.ill { border-left: 4px solid #b03a2e; background: #fbeeec; padding: 8px 14px; margin: 8px 0; }
.well { border-left: 4px solid #2e8540; background: #eef7f0; padding: 8px 14px; margin: 8px 0; }
pre { background: #f4f6f8; padding: 12px; overflow-x: auto; font-size: 13px; }
summary { cursor: pointer; color: #2b6cb0; }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """Return a whole page.

    Args:
        title: of the page.
        parts: HTML of its sections.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        f'<h1>{escape(title)}</h1>\n' + '\n'.join(parts) + '\n</body>\n</html>\n'
    )


def section(title: str, *parts: str) -> str:
    """Return a section with a heading."""
    return f'<section>\n<h2>{escape(title)}</h2>\n' + '\n'.join(parts) + '\n</section>'


def paragraph(text: str, kind: str = '') -> str:
    """Return a paragraph.

    Example:
        >>> paragraph('a < b', 'note')
        '<p class="note">a &lt; b</p>'
    """
    return f'<p{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{escape(text)}</p>'


def table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table of texts, whose first column names the rows.

    Example:
        >>> table(['', 'run'], [['seed', 0]]).count('<td>')
        1
    """
    head = ''.join(f'<th scope="col">{escape(str(text))}</th>' for text in header)
    body = ''.join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + ''.join(f'<td>{escape(str(text))}</td>' for text in rest)
        + '</tr>\n'
        for name, *rest in rows
    )
    return f'<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>'


def verdicts(found: Sequence[dict[str, Any]], watched: bool) -> str:
    """Return what the doctor has said of a run.

    Args:
        found: content of ``doctor.json``.
        watched: whether the doctor's hook was there.
    """
    if not found:
        text = (
            'Nothing unusual was seen.'
            if watched
            else 'The run had no DoctorHook, see docs/checks.md.'
        )
        return f'<div class="{"well" if watched else "note"}">{text}</div>'
    return '\n'.join(
        f'<div class="ill"><b>{escape(str(part["illness"]))}</b>, step {int(part["step"])}: '
        f'{escape(str(part["text"]))}<br>{escape(str(part["remedy"]))}</div>'
        for part in found
    )


def picture(figure: Figure, text: str) -> str:
    """Return a figure as an image within the page.

    Args:
        figure: what is drawn.
        text: what it shows, for those who do not see it.
    """
    file = io.BytesIO()
    figure.savefig(file, dpi=100, format='png')
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escape(text, quote=True)}" src="data:image/png;base64,{data}">'


def details(title: str, text: str) -> str:
    """Return a text that is shown on a click."""
    return f'<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>'
