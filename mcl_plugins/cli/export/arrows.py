"""Print the table of docs/interoperability.md from the results of the tests.

    MCL_ARROWS=arrows.jsonl python -m pytest -q -k 'export or foreign' tests/mcl_plugins
    mcl arrows arrows.jsonl --page docs/interoperability.md

Each test that compares an encoder here with the same one in another library adds a line to the file
that MCL_ARROWS names. A row of the table is a direction, a library and a family, with the largest
difference of a feature that a test has found. --page exchanges the table of that page.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...utils.writing import write_text
from .. import markdown
from ..parsers.export import arrows as parse_args

BEGIN, END = '<!-- mcl arrows -->', '<!-- end of mcl arrows -->'
_DIRECTIONS = {'out': 'ours → {other}', 'in': '{other} → ours'}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table of the command line's results, or write it to a page."""
    args = parse_args(argv)
    if not args.results.is_file():
        raise FileNotFoundError(f'{args.results} does not exist; the tests write it, see --help.')
    table = make_table(read_results(args.results))
    if args.page is None:
        print(table)
        return
    exchange_table(args.page, table)
    print(f'{args.page}: {table.count(chr(10)) - 1} arrows')


def read_results(path: Path) -> list[dict[str, Any]]:
    """Read what the tests have written.

    Raises:
        ValueError: a line is not one of theirs.
    """
    results = []
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), start=1):
        try:
            result = json.loads(line)
            results.append({key: result[key] for key in ('arrow', 'other', 'family', 'test')})
            results[-1]['difference'] = float(result['difference'])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f'{path}, line {number} is no result of a test: {error!r}') from None
    return results


def make_table(results: Iterable[dict[str, Any]]) -> str:
    """Return a table in Markdown with one row for each arrow.

    Example:
        >>> print(make_table([dict(arrow='out', other='timm', family='plain ViT', difference=0,
        ...                        test='tests/a.py::test_b[timm]')]))
        | arrow | encoder | largest difference of a feature | test |
        | --- | --- | --- | --- |
        | ours → timm | plain ViT | 0 | `a.py` |
    """
    rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        arrow = _DIRECTIONS[result['arrow']].format(other=result['other'])
        rows[arrow, result['family']].append(result)
    cells = []
    for (arrow, family), found in rows.items():
        largest = max(result['difference'] for result in found)
        test = found[0]['test'].rpartition('/')[2].partition('::')[0]
        cells.append((arrow, family, f'{largest:.1g}', f'`{test}`'))
    return markdown.table(['arrow', 'encoder', 'largest difference of a feature', 'test'], cells)


def exchange_table(page: Path, table: str) -> None:
    """Put a table in the place of the one in a page.

    Raises:
        ValueError: the page has no place for it.
    """
    text = page.read_text(encoding='utf-8')
    if BEGIN not in text or END not in text:
        raise ValueError(f'{page} has no lines {BEGIN} and {END}, between which the table goes.')
    between = re.compile(f'{re.escape(BEGIN)}.*{re.escape(END)}', re.DOTALL)
    write_text(page, between.sub(lambda _: f'{BEGIN}\n{table}\n{END}', text))
