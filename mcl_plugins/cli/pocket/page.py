"""The tables of ``docs/pocket-benchmark.md``, made from the records in the tree."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from ...utils.places import home
from .. import markdown
from .claims import CLAIMS
from .curves import curves_file, read_curves
from .dense import DENSE_METRICS, DENSE_ROWS, DenseRow
from .effects import differences, signed, spread, values, verdict
from .records import read_kept
from .rows import ROWS, Row
from .tables import REFERENCE

METRICS = {
    'knn': 'k-NN',
    'linear': 'linear',
    'finetune_50': 'fine-tuned, 50 labels',
    'finetune_200': '200 labels',
    'finetune_all': 'all labels',
}
WORK_METRICS = ('knn', 'linear', 'finetune_200')
COURSE = (0.05, 0.1, 0.25, 0.5, 1.0)  # shares of a training at which its losses are shown
CLAIM_METRICS = ('finetune_200', 'linear', 'knn')
PAPER_SAYS = {1: 'better', -1: 'worse', 0: 'drawn only'}
_PLACE = re.compile(r'(<!-- table: (\w+) (\w+) -->\n).*?(<!-- end -->)', re.DOTALL)


def page() -> Path:
    """Return the file of the page."""
    return home() / 'docs' / 'pocket-benchmark.md'


def pages() -> tuple[Path, ...]:
    """Return the files with tables: that of the benchmark, and others that show some of them."""
    return page(), *(page().with_name(name) for name in ('what-to-expect.md', 'get-started.md'))


def fill(text: str) -> str:
    """Replace the tables of the page's text by those of the records."""

    def table(found: re.Match[str]) -> str:
        lines = TABLES[found[2]](found[3])
        return f'{found[1]}{lines}\n{found[4]}'

    return _PLACE.sub(table, text)


def main_table(data: str) -> str:
    """Return the table of all rows that have a record on a data set."""
    return _rows_table('main', data, ROWS, METRICS, {'GFLOP': _work, 'seconds': _seconds})


def work_table(data: str) -> str:
    """Return the table of the rows that did the work of MAE's row in the main table."""
    titles = {metric: METRICS[metric] for metric in WORK_METRICS}
    rows = {row.name: row for row in ROWS.values() if row.config and row.name != REFERENCE}
    return _rows_table('work', data, rows, titles, {'images': _images, 'GFLOP': _work})


def dense_table(data: str) -> str:
    """Return the table of segmentation and detection, and what pre-training gains there."""
    table = _rows_table('dense', data, DENSE_ROWS, DENSE_METRICS, {'seconds': _seconds})
    records = read_kept('dense', data)
    return '\n\n'.join([table, *(_gain(records, row) for row in DENSE_ROWS.values() if row.config)])


def _gain(records: dict[str, dict], row: DenseRow) -> str:
    """Say in a sentence what a pre-training gains over random weights, by pairs of equal seeds."""
    base = next(
        other for other in DENSE_ROWS.values() if other.tasks == row.tasks and not other.config
    )
    gains = []
    for metric, title in DENSE_METRICS.items():
        found = differences(records, row.name, records, base.name, metric)
        if found:
            gains.append(f'{title} {signed(found)} ({verdict(found, 0)})')
    return f'{row.title}, minus {base.title}: {"; ".join(gains) or "not run yet"}.'


def _rows_table(
    table: str,
    data: str,
    rows: Mapping[str, Row | DenseRow],
    metrics: dict[str, str],
    means: dict[str, Callable[[dict[str, Any]], float]],
) -> str:
    """Return a table with a line for each row that has records: spread of metrics, means of more.

    Args:
        table: key of the records.
        data: name of the data set.
        rows: its rows by name.
        metrics: titles of the metrics' columns by name.
        means: what further columns show of a record, by title.
    """
    records = read_kept(table, data)
    titles = ('row', *metrics.values(), 'seeds', *means)
    lines, missing = [], []
    for row in rows.values():
        own = [record for name, record in records.items() if name.startswith(f'{row.name}/')]
        if not own:
            missing.append(row.title)
            continue
        cells = [spread(list(values(records, row.name, metric).values())) for metric in metrics]
        more = [f'{mean(map(show, own)):,.0f}' for show in means.values()]
        lines.append((row.title, *cells, len(own), *more))
    return _with_missing(titles, lines, missing)


def _work(record: dict[str, Any]) -> float:
    return record['gflops'] + _teacher(record, 'gflops')


def _images(record: dict[str, Any]) -> float:
    return record['images'] + _teacher(record, 'images')


def _seconds(record: dict[str, Any]) -> float:
    return record['seconds']['pretraining']


def _teacher(record: dict[str, Any], key: str) -> float:
    return record['teacher'][key] if 'teacher' in record else 0.0


def claims_table(data: str) -> str:
    """Return the table of the claims that have been measured on a data set."""
    records, base = read_kept('claims', data), read_kept('main', data)
    titles = ['change', 'paper', *(METRICS[name] for name in CLAIM_METRICS), 'seeds', 'verdict']
    lines, missing = [], []
    for claim in CLAIMS.values():
        changed = (base, claim.other) if claim.other else (records, claim.name)
        plain = (records, claim.base) if claim.base else (base, claim.row)
        effects = {name: differences(*changed, *plain, name) for name in CLAIM_METRICS}
        count = len(effects['knn'])
        if not count:
            missing.append(claim.name)
            continue
        paper = f'{PAPER_SAYS[claim.sign]} ({claim.paper})'
        cells = [signed(effects[name]) for name in CLAIM_METRICS]
        title = f'{ROWS[claim.row].title}, {claim.change}'
        if claim.base:
            title += f', to {CLAIMS[claim.base].change}'
        lines.append((title, paper, *cells, count, verdict(effects[claim.metric], claim.sign)))
    return _with_missing(titles, lines, missing)


def choice_table(data: str) -> str:
    """Return the trials of the learning rates, on the validation part."""
    records = read_kept('choice', data)
    rates = sorted({float(name.split('/')[0].rpartition('_')[2]) for name in records})
    lines = []
    for row in ROWS.values():
        found = [score(records, row.name, rate) for rate in rates]
        if any(value is not None for value in found):
            best = max(value for value in found if value is not None)
            cells = [
                '' if value is None else f'**{value:.1f}**' if value == best else f'{value:.1f}'
                for value in found
            ]
            lines.append([row.title, *cells])
    return markdown.table(['row', *(f'{rate:g}' for rate in rates)], lines)


def losses_table(data: str) -> str:
    """Return how the losses of the rows fall in the course of a training, as means of the seeds."""
    titles = ('row', 'loss', 'first', *(f'{share:.0%}' for share in COURSE), 'steps', 'seeds')
    lines, missing = [], []
    for row in ROWS.values():
        runs = [run.curves for run in read_curves(curves_file(data, row.name))]
        names = sorted({name for run in runs for name in run if name.startswith('loss')})
        if 'loss' in names and len(names) == 2:  # its only part
            names.remove('loss')
        for name in names:
            courses = [_course(*run[name]) for run in runs if name in run]
            cells = [f'{mean(found):.3g}' for found in zip(*courses, strict=True)]
            steps = max(run[name][0][-1] for run in runs if name in run)
            lines.append((row.title, f'`{name}`', *cells, steps, len(courses)))
        if row.config and not names:
            missing.append(row.title)
    return _with_missing(titles, lines, missing)


def _course(steps: list[int], values: list[float]) -> list[float]:
    """Return the first value of a curve, and those at the shares of its length in ``COURSE``."""
    return [values[0], *np.interp([share * steps[-1] for share in COURSE], steps, values).tolist()]


def score(records: dict[str, dict], row: str, rate: float) -> float | None:
    """Return what a learning rate is chosen by: the mean of k-NN and linear accuracy."""
    found = [
        mean((record['metrics']['knn'], record['metrics']['linear']))
        for name, record in records.items()
        if name.startswith(f'{row}_{rate:g}/')
    ]
    return found[0] if found else None


def _with_missing(titles: Sequence[str], lines: Sequence[tuple], missing: list[str]) -> str:
    """Return a table unless it is empty, and what has not been run."""
    parts = [markdown.table(titles, lines)] if lines else []
    if missing:
        parts.append(f'Not run yet: {"; ".join(missing)}.')
    return '\n\n'.join(parts)


TABLES: dict[str, Callable[[str], str]] = {
    'main': main_table,
    'work': work_table,
    'claims': claims_table,
    'choice': choice_table,
    'dense': dense_table,
    'losses': losses_table,
}
