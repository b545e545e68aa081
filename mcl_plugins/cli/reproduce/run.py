"""Reproduce a row of a table: all its trainings and evaluations, in one folder.

    mcl reproduce --list [METHOD]
    mcl reproduce conmim "table 1: ViT-B/16, 300 epochs, 224" [--processes 8]
    mcl reproduce conmim "table 1: ViT-B/16, 300 epochs, 224" --tiny

METHOD is a folder of configs, and the row is named by its table and the cells that describe it, as
--list prints them; a part that no other row has is enough. Before the first training the command
checks that all data are there. Pre-training, intermediate trainings, fine-tuning and tests then run
one after the other in work_dirs/reproduce/METHOD/ROW. If it is stopped, the same command goes on
where it was. On several machines, run it on each with NNODES, NODE_RANK and MASTER_ADDR set, with
the folder on a shared file system; under Slurm use --slurm PARTITION.

--tiny runs the same chain of the same configs, shrunken, on made data: seconds to minutes on a CPU,
and numbers that mean nothing. The folder's record.json has the configs' hashes, the commit, the
versions, the devices, hours, seeds, curves, metrics and the checkpoints' digests; `mcl zoo update
RECORD` writes its result into the page.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...checkpoint.digest import sha256_of
from ...engine.run_lock import hold
from ...utils.literals import read_literal
from ...utils.places import find_config, workspace
from ...utils.writing import atomic_write
from ..common import read_config
from ..parsers.reproduce import run as parse_args
from . import tiny_data
from .data_check import check_data
from .forecast import describe
from .plan import Stage, plan
from .record import config_digest, curves, describe_machine, in_percent
from .rows import Row, find_row, methods_with_rows, read_rows
from .stages import Launch, run_retrieval, run_test, run_training
from .tiny import shrink

STATE, RECORD = 'state.json', 'record.json'


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line says."""
    args = parse_args(argv)
    if args.list:
        print_rows([args.method] if args.method else methods_with_rows())
        return
    if args.all:
        reproduce_all([args.method] if args.method else methods_with_rows(), args.work_dir)
        return
    record = reproduce(
        args.method,
        args.row,
        work_dir=args.work_dir,
        tiny=args.tiny,
        launch=Launch(args.processes, args.slurm),
        start=args.start,
        sweep=args.sweep,
        options=args.cfg_options,
    )
    print(f'record: {record}')


def print_rows(methods: Sequence[str]) -> None:
    """Print the rows of the methods' tables; those without configs are marked."""
    for method in methods:
        for row in read_rows(method):
            mark = '' if row.configs else '   (quoted from the paper, not in this package)'
            print(f'{method} "{row.name}"{mark}')


def reproduce_all(methods: Sequence[str], work_dir: Path | None = None) -> None:
    """Run every chain of the methods' tables shrunken, each combination of configs once."""
    seen: dict[tuple, str] = {}
    for method in methods:
        for row in read_rows(method):
            key = (row.configs, 'retrieval' in row.section)
            if not row.configs or key in seen:
                continue
            seen[key] = row.name
            start = time.monotonic()
            reproduce(method, row.name, work_dir=work_dir, tiny=True, start='random')
            print(f'{method} "{row.name}": {time.monotonic() - start:.0f} s', flush=True)


def reproduce(
    method: str,
    name: str,
    work_dir: Path | None = None,
    tiny: bool = False,
    launch: Launch | None = None,
    start: Path | str | None = None,
    sweep: tuple[str, list[str]] | None = None,
    options: dict[str, Any] | None = None,
) -> Path:
    """Run the chain of a row, or what of it has not run yet.

    Args:
        method: name of the folder of configs.
        name: name of the row; see :func:`~mcl_plugins.cli.reproduce.rows.find_row`.
        work_dir: folder for the folders of the rows; by default ``work_dirs/reproduce``, or
            ``work_dirs/reproduce_tiny``.
        tiny: run the shrunken chain on made data.
        launch: processes of the trainings; by default everything runs in this process.
        start: checkpoint for a chain whose first stage is another code's training.
        sweep: option and its values for the last training; the best by validation counts.
        options: options of all configs, by dotted name.

    Returns:
        The file of the record.

    Raises:
        FileNotFoundError: the method or data do not exist.
        ValueError: the row does not exist or cannot be run, or the folder is that of other configs.
    """
    row = find_row(method, name)
    base = Path(work_dir or workspace() / 'work_dirs' / f'reproduce{"_tiny" * tiny}')
    chain = Chain(row, base / method / row.slug, tiny, launch or Launch(), start, options or {})
    if not tiny:
        check_data(chain.configs)
        print(describe(chain.stages, chain.configs))
    first = os.environ.get('NODE_RANK', '0') == '0'
    with hold(chain.folder) if first else nullcontext():
        for stage in chain.stages:
            chain.run(stage, sweep if stage == chain.last_training else None)
        return chain.write_record()


class Chain:
    """The stages of a row in a folder, and what they have come to.

    Args:
        row: the row.
        folder: its folder.
        tiny, launch, start, options: see :func:`reproduce`.

    Raises:
        ValueError: the folder has the state of other configs or options.
    """

    def __init__(
        self,
        row: Row,
        folder: Path,
        tiny: bool,
        launch: Launch,
        start: Path | str | None,
        options: dict[str, Any],
    ) -> None:
        self.row, self.folder, self.tiny, self.launch = row, folder, tiny, launch
        self.options = options
        self.data = folder.parents[1] / 'data' if tiny else workspace() / 'data'
        read = cache(lambda config: read_config(find_config(config)))
        self.stages = plan(row, read)
        self.configs = {stage.name: read(stage.config) for stage in self.stages}
        self.start = str(start) if start else None
        self._check_start()
        digest = {stage.name: config_digest(self.configs[stage.name]) for stage in self.stages}
        self.state: dict[str, Any] = {
            'row': row.name,
            'tiny': tiny,
            'options': options,
            'configs': digest,
        }
        self._load_state()
        if tiny:
            tiny_data.make(self.data)

    @property
    def last_training(self) -> Stage:
        """The training whose result the row shows."""
        return [stage for stage in self.stages if stage.kind == 'train'][-1]

    def run(self, stage: Stage, sweep: tuple[str, list[str]] | None = None) -> None:
        """Run a stage unless it is done."""
        done = self.state['stages']
        if stage.name in done:
            print(f'{stage.name}: done before')
            return
        print(f'\n{stage.name}: {stage.config}', flush=True)
        begin = time.monotonic()
        if sweep is None:
            result = self._run(stage, stage.name, {})
        else:
            key, values = sweep
            short = key.rpartition('.')[2]
            tried = {
                value: self._run(stage, f'{stage.name}_{short}={value}', {key: read_literal(value)})
                for value in values
            }
            if not all(tried[value]['metrics'] for value in values):
                raise ValueError(f'--sweep {key}: {stage.config} has no metric to choose by.')
            best = max(values, key=lambda value: max(tried[value]['metrics'].values()))
            listed = {value: tried[value]['metrics'] for value in values}
            result = {**tried[best], 'sweep': listed, 'best': best}
        result['seconds'] = round(time.monotonic() - begin, 1)
        done[stage.name] = result
        self._save_state()

    def write_record(self) -> Path:
        """Write the record of a chain whose stages are all done."""
        stages = {}
        for stage in self.stages:
            result = dict(self.state['stages'][stage.name])
            if result.get('checkpoint'):
                path = self.folder / result['checkpoint']
                result['sha256'] = sha256_of(path)
                result['curves'] = curves(path.parent)
            config = self.configs[stage.name]
            stages[stage.name] = {
                'config': stage.config,
                'config_sha256': self.state['configs'][stage.name],
                'seed': config.randomness.seed if 'randomness' in config else None,
                **result,
            }
        sources = {stage.source for stage in self.stages}
        shown = [stage.name for stage in self.stages if stage.name not in sources]
        content = {
            'method': self.row.method,
            'row': self.row.name,
            'tiny': self.tiny,
            'options': self.options,
            'processes': max(1, self.launch.processes) * int(os.environ.get('NNODES', '1')),
            'machine': describe_machine(),
            'hours': round(sum(stage['seconds'] for stage in stages.values()) / 3600, 2),
            'stages': stages,
            'shown': shown,
        }
        _write(self.folder / RECORD, content)
        return self.folder / RECORD

    def _check_start(self) -> None:
        for stage in self.stages:
            if stage.option and not stage.source and not self.start:
                raise ValueError(
                    f'{stage.config} starts from a checkpoint that no config of this row trains: '
                    'give it with --start FILE.'
                )

    def _load_state(self) -> None:
        file = self.folder / STATE
        self.state['stages'] = {}
        if not file.is_file():
            return
        before = json.loads(file.read_text(encoding='utf-8'))
        for key in ('configs', 'options', 'tiny'):
            if before[key] != self.state[key]:
                raise ValueError(
                    f'{self.folder} has a chain with other {key}; choose another --work-dir, or '
                    'remove the folder to start anew.'
                )
        self.state = before

    def _save_state(self) -> None:
        if os.environ.get('NODE_RANK', '0') == '0':
            _write(self.folder / STATE, self.state)

    def _run(self, stage: Stage, name: str, more: dict[str, Any]) -> dict[str, Any]:
        """Train and test a stage in the folder ``name``; return checkpoint and metrics."""
        folder = self.folder / name
        config, checkpoint = self._config_of(stage), self._source_of(stage)
        if stage.kind == 'retrieval':
            assert checkpoint is not None
            return {'metrics': run_retrieval(config, checkpoint, self.data)}
        options = {**self.options, **more}
        if stage.option and checkpoint:
            options[stage.option] = str(checkpoint)
        last = run_training(config, folder, options, self.launch)
        result: dict[str, Any] = {'checkpoint': str(last.relative_to(self.folder)), 'metrics': {}}
        if stage.tested:
            given = {**self.options, **more}
            metrics = run_test(config, last, folder, given, stage.tta, self.launch)
            result['metrics'] = in_percent(metrics)
        return result

    def _source_of(self, stage: Stage) -> Path | None:
        if stage.source:
            return self.folder / self.state['stages'][stage.source]['checkpoint']
        if stage.option and self.start != 'random':
            return Path(self.start or '')
        return None

    def _config_of(self, stage: Stage) -> Path:
        """The stage's config file: the package's own, or its shrunken copy in the folder."""
        if not self.tiny:
            return find_config(stage.config)
        file = self.folder / 'configs' / f'{self.row.slug[:40]}_{stage.name}.py'
        file.parent.mkdir(parents=True, exist_ok=True)
        config = shrink(Config(self.configs[stage.name].to_dict()), self.data)
        if stage.option and not stage.source:  # of another code: from random weights
            config.model.backbone.init_cfg = None
        config.dump(file)
        return file


def _write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding='utf-8')
