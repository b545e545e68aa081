"""Write the result of a record into the page and the metafile of its method.

    mcl zoo update work_dirs/reproduce/conmim/table-1-vit-b-16-300-epochs-224-px/record.json

The entry of the column "this package" in the record's row, and the Results of the model in
metafile.yml, get the metrics. The record itself is copied to configs/METHOD/records/, because no
number stands in a table without its record. A record of --tiny, or one whose configs have changed
since, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ...utils.places import find_config, home
from ...utils.reading import read_json
from ...utils.writing import write_text
from ..common import read_config
from ..parsers.reproduce import zoo as parse_args
from .record import cell, config_digest
from .rows import OURS, find_row, page_of

_NAMES = {
    'accuracy/top1': ('Image Classification', 'ImageNet-1k', 'Top 1 Accuracy'),
    'mIoU': ('Semantic Segmentation', 'ADE20K', 'mIoU'),
    'coco/bbox_mAP': ('Object Detection', 'COCO', 'box AP'),
    'coco/segm_mAP': ('Instance Segmentation', 'COCO', 'mask AP'),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Update the page and the metafile."""
    args = parse_args(argv)
    for path in update(args.record):
        print(f'written: {path}')


def update(file: Path) -> list[Path]:
    """Write a record's result into page and metafile; return the files that changed.

    Raises:
        FileNotFoundError: the record does not exist.
        ValueError: it is no record of a complete run, or not one of the configs as they are, or
            the metafile has no place for its metrics. Nothing is written.
    """
    record = _read(file)
    row = find_row(record['method'], record['row'])
    shown = [record['stages'][name]['metrics'] for name in record['shown']]
    if not any(shown):
        raise ValueError(f'{file} has no metric: its row is a pre-training without a benchmark.')
    page = page_of(row.method)
    lines = page.read_text(encoding='utf-8').split('\n')
    cells = lines[row.line].strip().strip('|').split('|')
    cells[list(row.cells).index(OURS)] = f' {cell(shown)} '
    lines[row.line] = f'|{"|".join(cells)}|'
    metafile = page.with_name('metafile.yml')
    texts = {
        page: '\n'.join(lines),
        page.parent / 'records' / f'{row.slug}.json': file.read_text(encoding='utf-8'),
        metafile: _with_results(metafile, record),
    }
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def _read(file: Path) -> dict[str, Any]:
    record = read_json(file, 'mcl reproduce writes a record.json for each finished row.')
    missing = [key for key in ('method', 'row', 'stages', 'shown', 'tiny') if key not in record]
    if missing:
        raise ValueError(f'{file} is no record of mcl reproduce: it lacks {", ".join(missing)}.')
    if record['tiny']:
        raise ValueError(f'{file} is the record of a --tiny run, whose numbers mean nothing.')
    for name, stage in record['stages'].items():
        if 'given' in stage:
            raise ValueError(
                f'{file}: {stage["given"]} was given for stage {name} (--start), so it is not '
                f'known that {stage["config"]} has trained it.'
            )
        if config_digest(read_config(find_config(stage['config']))) != stage['config_sha256']:
            raise ValueError(
                f'{file}: {stage["config"]} of stage {name} has changed since the row was run, so '
                'its number is not that of the config.'
            )
    return record


def _with_results(file: Path, record: dict[str, Any]) -> str:
    """Return a metafile with the Results of the models whose config is that of a shown stage.

    A model is one that the record has trained from its start.
    """
    text = file.read_text(encoding='utf-8')
    models = yaml.safe_load(text)['Models']
    first = next(iter(record['stages'].values()))['config']
    configs = {stage['config'] for stage in record['stages'].values()}
    starts = [model for model in models if model['Config'].removeprefix('configs/') in configs]
    followers = {name for model in starts for name in model.get('Downstream') or []}
    for name in record['shown']:
        stage = record['stages'][name]
        for model in models:
            same = model['Config'] == f'configs/{stage["config"]}'
            started = model['Name'] in followers or stage['config'] == first
            if same and started and stage['metrics']:
                text = _set_results(text, file, model['Name'], stage['metrics'])
    return text


def _set_results(text: str, file: Path, name: str, metrics: dict[str, float]) -> str:
    """Replace the Results of a model in the text of a metafile.

    Raises:
        ValueError: the metafile has no Results of the model, or a metric has no name in metafiles.
    """
    if unknown := metrics.keys() - _NAMES.keys():
        raise ValueError(
            f'The metrics {", ".join(sorted(unknown))} of {name} have no name in metafiles; those '
            f'of tables are {", ".join(_NAMES)}.'
        )
    lines = ['    Results:']
    for key, value in metrics.items():
        task, data, label = _NAMES[key]
        lines += [f'      - Task: {task}', f'        Dataset: {data}']
        lines += ['        Metrics:', f'          {label}: {value}']
    pattern = (
        rf'(  - Name: {re.escape(name)}\n(?:(?!  - Name:).*\n)*?)    Results:.*\n(?:      .*\n)*'
    )
    found, count = re.subn(pattern, lambda match: match[1] + '\n'.join(lines) + '\n', text, count=1)
    if not count:
        raise ValueError(
            f'{file.relative_to(home())} has no Results of {name}: add the line "Results: null" to '
            'this model.'
        )
    return found
