"""The table of docs/performance.md, from the record of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...markdown import table
from ..sections import write_section
from .cards import peak_tflops
from .plan import METHODS, PEERS, VARIANTS, Subject
from .record import checks_of, failed_checks

HEADING = '## On a GPU'
COLUMNS = (
    'Method',
    'images/s',
    'MFU',
    'GiB',
    'checkpointed: images/s',
    'GiB',
    'compiled: images/s',
    'GiB',
    'augmentation',
    "mmpretrain's nearest",
)
DASH = '-'


def make_section(record: dict[str, Any] | None) -> str:
    """Return the section of the page, with its heading.

    Args:
        record: of a GPU at the full size; None if there is none.
    """
    lines = [HEADING, '']
    if record is None:
        lines += [
            'Not measured: time, memory, MFU, and the kernels that attention takes.',
            '`bash tools/benchmark/gpu.sh --json docs/performance-gpu.json` checks and measures',
            'all methods in nine minutes. From this record the table is made by',
            '`mcl bench gpu --json docs/performance-gpu.json --page docs/performance.md`.',
        ]
    else:
        lines += _describe(record)
    results = record['results'] if record else {}
    peak = peak_tflops(record['card']) if record else None
    rows = [_cells('ours', subject, results, peak) for subject in METHODS]
    rows += [_cells('mmpretrain', subject, results, peak) for subject in PEERS]
    return '\n'.join([*lines, '', table(COLUMNS, rows), ''])


def _describe(record: dict[str, Any]) -> list[str]:
    checks, failed = checks_of(record['results']), failed_checks(record['results'])
    verdict = f'failed: {", ".join(failed)}' if failed else 'all passed'
    return [
        f'{record["card"]}, {record["date"]}, PyTorch {record["torch"]}, mcl_plugins '
        f'{record["mcl_plugins"]}: `bash tools/benchmark/gpu.sh`, batches of {record["batch"]} '
        f'images of 224 px in bfloat16. {len(checks)} checks, {verdict}. MFU is the share of the '
        "card's peak, without what checkpointing repeats; augmentation is its share of the step. "
        "mmpretrain's steps have no augmentation, which its workers do.",
    ]


def _cells(whose: str, subject: Subject, results: dict[str, Any], peak: float | None) -> list[str]:
    measured = {
        variant: results.get(f'{whose}/{subject.name}/{variant}', {}) for variant in VARIANTS
    }
    eager = measured['eager']
    cells = [_label(whose, subject)]
    for variant in VARIANTS:
        found = measured[variant]
        cells.append(_rate(found, missing='not measured' if variant == 'eager' else DASH))
        if variant == 'eager':
            cells.append(_utilisation(eager, peak))
        cells.append(f'{found["gib"]:.1f}' if found.get('gib') else DASH)
    cells.append(_share(eager) if whose == 'ours' else DASH)
    cells.append(_ratio(eager, results.get(f'mmpretrain/{subject.nearest}/eager', {}), subject))
    return cells


def _label(whose: str, subject: Subject) -> str:
    return subject.name if whose == 'ours' else f"mmpretrain's {subject.name}"


def _rate(found: dict[str, Any], missing: str) -> str:
    if 'error' in found:
        return f'({found["error"]})'
    return f'{1000 * found["images"] / found["ms"]:,.0f}' if found else missing


def _utilisation(found: dict[str, Any], peak: float | None) -> str:
    if not found.get('tflop') or peak is None:
        return DASH
    return f'{found["tflop"] / (found["ms"] / 1000) / peak:.0%}'


def _share(found: dict[str, Any]) -> str:
    return f'{found["preprocess_ms"] / found["ms"]:.1%}' if 'ms' in found else DASH


def _ratio(found: dict[str, Any], other: dict[str, Any], subject: Subject) -> str:
    if 'ms' not in found or 'ms' not in other:
        return DASH
    return f'{other["ms"] / found["ms"]:.2f} x {subject.nearest}'


def write_page(page: Path, record: dict[str, Any]) -> None:
    """Write the section of a record into a page.

    Raises:
        ValueError: the record is not of a GPU at the full size.
    """
    if record['tiny'] or record['card'].startswith('CPU'):
        raise ValueError(
            f'The record is of {record["card"]}{" at the tiny size" * record["tiny"]}: the page '
            'has figures of GPUs at the full size only. Run bash tools/benchmark/gpu.sh on one.'
        )
    write_section(page, make_section(record))
