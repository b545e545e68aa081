"""The tables of ``docs/pocket-benchmark.md``, made from the records in the tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ...utils.places import home
from .claims import CLAIMS, Claim
from .records import read_kept
from .rows import ROWS

METRICS = {
    'knn': 'k-NN',
    'linear': 'linear',
    'finetune_50': 'fine-tuned, 50 labels',
    'finetune_200': '200 labels',
    'finetune_all': 'all labels',
}
CLAIM_METRICS = ('finetune_200', 'linear', 'knn')
# Student's t for a two-sided interval of 90 %, by the number of seeds.
T_90 = {2: 6.314, 3: 2.920, 4: 2.353, 5: 2.132}
_PLACE = re.compile(r'(<!-- table: (\w+) (\w+) -->\n).*?(<!-- end -->)', re.DOTALL)


def page() -> Path:
    """Return the file of the page."""
    return home() / 'docs' / 'pocket-benchmark.md'


def fill(text: str) -> str:
    """Replace the tables of the page's text by those of the records."""

    def table(found: re.Match[str]) -> str:
        lines = TABLES[found[2]](found[3])
        return f'{found[1]}{lines}\n{found[4]}'

    return _PLACE.sub(table, text)


def values(records: dict[str, dict], row: str, metric: str) -> dict[int, float]:
    """Return a metric of a row by seed."""
    found = {}
    for name, record in records.items():
        start, _, seed = name.rpartition('/')
        if start == row and metric in record['metrics']:
            found[int(seed)] = record['metrics'][metric]
    return dict(sorted(found.items()))


def spread(numbers: list[float]) -> str:
    """Format mean and standard deviation; one number has no deviation.

    Example:
        >>> spread([1.0, 2.0, 3.0]), spread([4.0]), spread([])
        ('2.0 ± 1.0', '4.0', '')
    """
    if len(numbers) < 2:
        return ''.join(f'{number:.1f}' for number in numbers)
    return f'{mean(numbers):.1f} ± {stdev(numbers):.1f}'


def main_table(data: str) -> str:
    """Return the table of all rows that have a record on a data set."""
    records = read_kept('main', data)
    lines = [_line('row', *METRICS.values(), 'seeds', 'GFLOP', 'seconds'), _line(*['---'] * 9)]
    for row in ROWS.values():
        own = [record for name, record in records.items() if name.startswith(f'{row.name}/')]
        if not own:
            continue
        cells = [spread(list(values(records, row.name, metric).values())) for metric in METRICS]
        work = mean(record['gflops'] + _teacher(record, 'gflops') for record in own)
        seconds = mean(record['seconds']['pretraining'] for record in own)
        lines.append(_line(row.title, *cells, len(own), f'{work:,.0f}', f'{seconds:.0f}'))
    missing = [row.title for row in ROWS.values() if not values(records, row.name, 'knn')]
    return _with_missing(lines, missing)


def _teacher(record: dict[str, Any], key: str) -> float:
    return record['teacher'][key] if 'teacher' in record else 0.0


def claims_table(data: str) -> str:
    """Return the table of the claims that have been measured on a data set."""
    records, base = read_kept('claims', data), read_kept('main', data)
    titles = ['change', 'paper', *(METRICS[name] for name in CLAIM_METRICS), 'seeds', 'verdict']
    lines = [_line(*titles), _line(*['---'] * len(titles))]
    missing = []
    for claim in CLAIMS.values():
        effects = {name: effect(claim, records, base, name) for name in CLAIM_METRICS}
        count = len(effects['knn'])
        if not count:
            missing.append(claim.name)
            continue
        paper = f'{"better" if claim.sign > 0 else "worse"} ({claim.paper})'
        cells = [_signed(effects[name]) for name in CLAIM_METRICS]
        judged = effects['finetune_200'] or effects['linear']
        title = f'{ROWS[claim.row].title}, {claim.change}'
        lines.append(_line(title, paper, *cells, count, verdict(judged, claim.sign)))
    return _with_missing(lines, missing)


def effect(claim: Claim, records: dict, base: dict, metric: str) -> list[float]:
    """Return the difference that a change makes, for each seed with both runs."""
    changed, without = values(records, claim.name, metric), values(base, claim.row, metric)
    return [changed[seed] - without[seed] for seed in changed if seed in without]


def verdict(effects: list[float], sign: int) -> str:
    """Say whether differences between paired runs have the paper's sign.

    They are within the noise if the 90 % interval of Student's t around their mean contains 0.

    Example:
        >>> verdict([-3.0, -4.0, -5.0], -1), verdict([3.0, 4.0, 5.0], -1), verdict([-3.0, 4.0], -1)
        ('agrees', 'disagrees', 'within noise')
    """
    count = len(effects)
    if count < 2:
        return 'one seed'
    half = T_90.get(count, 2.0) * stdev(effects) / count**0.5
    if abs(mean(effects)) <= half:
        return 'within noise'
    return 'agrees' if (mean(effects) > 0) == (sign > 0) else 'disagrees'


def choice_table(data: str) -> str:
    """Return the trials of the learning rates, on the validation part."""
    records = read_kept('choice', data)
    rates = sorted({float(name.split('/')[0].rpartition('_')[2]) for name in records})
    lines = [_line('row', *(f'{rate:g}' for rate in rates)), _line(*['---'] * (1 + len(rates)))]
    for row in ROWS.values():
        found = [score(records, row.name, rate) for rate in rates]
        if any(value is not None for value in found):
            best = max(value for value in found if value is not None)
            cells = [
                '' if value is None else f'**{value:.1f}**' if value == best else f'{value:.1f}'
                for value in found
            ]
            lines.append(_line(row.title, *cells))
    return '\n'.join(lines)


def score(records: dict[str, dict], row: str, rate: float) -> float | None:
    """Return what a learning rate is chosen by: the mean of k-NN and linear accuracy."""
    found = [
        mean((record['metrics']['knn'], record['metrics']['linear']))
        for name, record in records.items()
        if name.startswith(f'{row}_{rate:g}/')
    ]
    return found[0] if found else None


def _with_missing(lines: list[str], missing: list[str]) -> str:
    """Return a table, without its head if it is empty, and what has not been run."""
    parts = ['\n'.join(lines)] if len(lines) > 2 else []
    if missing:
        parts.append(f'Not run yet: {"; ".join(missing)}.')
    return '\n\n'.join(parts)


def _signed(effects: list[float]) -> str:
    text = spread(effects)
    return text if not text or text.startswith('-') else f'+{text}'


def _line(*cells: object) -> str:
    return f'| {" | ".join(map(str, cells))} |'.replace('  ', ' ')


TABLES: dict[str, Callable[[str], str]] = {
    'main': main_table,
    'claims': claims_table,
    'choice': choice_table,
}
