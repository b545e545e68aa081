"""The stages of a row in its folder: which have run, with what result, and what is left."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ...checkpoint.digest import sha256_of
from ...utils.places import find_config, workspace
from ...utils.reading import read_json
from ...utils.writing import write_text
from ...version import __version__
from ..common import read_config
from ..parsers.options import read_option
from . import tiny_data
from .forecast import Forecast, count, count_images, measure
from .plan import ENCODER, Stage, plan
from .record import config_digest, curves, describe_machine, in_percent
from .rows import Row
from .shared import content_of, find_finished, identify
from .stages import Launch, run_retrieval, run_test, run_training
from .tiny import shrink

STATE, RECORD = 'state.json', 'record.json'
OUT_DIR = 'default_hooks.checkpoint.out_dir'


class Chain:
    """The stages of a row in a folder, and what they have come to.

    Args:
        row: the row.
        folder: its folder.
        tiny, launch, start, options: see :func:`reproduce`.

    Raises:
        ValueError: the folder has the state of other configs, options or start files, it is not
            known from which checkpoint the chain starts, or an option moves the checkpoints.
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
        # Shrunken networks start from random weights where these would start from a file.
        self.starts = {
            stage.name: '' if tiny else str(start or stage.file)
            for stage in self.stages
            if stage.is_foreign
        }
        self.given: dict[str, Path] = {}  # checkpoints in place of trainings
        self._check_starts(start)
        if OUT_DIR in options:
            raise ValueError(
                f'{OUT_DIR}={options[OUT_DIR]}: the checkpoints of a chain stay in its folder, '
                'where the next stage and other rows look for them. Set --work-dir instead.'
            )
        digest = {stage.name: config_digest(self.configs[stage.name]) for stage in self.stages}
        self.state: dict[str, Any] = {
            'row': row.name,
            'tiny': tiny,
            'options': options,
            'configs': digest,
            'starts': self.starts,
        }
        files: dict[str, Path | str] = {**self.starts, **self.given}
        self.state['contents'] = {name: content_of(file) for name, file in files.items()}
        setting = {
            'tiny': tiny,
            'options': options,
            'starts': sorted(self.state['contents'].values()),
            'processes': launch.total,  # on which the effective batch depends
        }
        self.identities = identify(self.stages, digest, setting)
        self._load_state()
        if tiny:
            tiny_data.make(self.data)

    @property
    def last_training(self) -> Stage:
        """The training whose result the row shows."""
        return [stage for stage in self.stages if stage.kind == 'train'][-1]

    def forecast(self, preflight: bool) -> Iterator[Forecast]:
        """Predict the time of each training that is still to run.

        Args:
            preflight: begin each training, with all of its checks, and measure its steps.

        Raises:
            SystemExit: a training has a fault, which was printed.
        """
        for stage in self.stages:
            finished = stage.name in self.state['stages'] or self._find_shared(stage)
            if stage.kind != 'train' or finished or stage.name in self.given:
                continue
            config, forecast = self.configs[stage.name], None
            if preflight:
                file = self.starts.get(stage.name)
                options = {**self.options, **({ENCODER: file} if file else {})}
                out = self.folder / 'preflight' / f'{stage.name}.json'
                images = count_images(config)
                forecast = measure(stage, self._config_of(stage), images, options, out, self.launch)
            yield forecast or count(stage, config, self.launch.total)

    def run(self, stage: Stage, sweep: tuple[str, list[str]] | None = None) -> None:
        """Run a stage, unless this row or another one has run it."""
        done = self.state['stages']
        if stage.name in done:
            if sweep:
                self._check_swept(done[stage.name], *sweep)
            print(f'{stage.name}: done before{self._otherwise(done[stage.name])}')
            return
        if stage.name in self.given:
            done[stage.name] = self._take(self.given[stage.name])
            self._save_state()
            print(f'{stage.name}: {self.given[stage.name]} stands for {stage.config}', flush=True)
            return
        begin = time.monotonic()
        result = None if sweep else self._find_shared(stage)
        if result:
            origin = f'{result["shared"]}{self._otherwise(result)}'
            print(f'{stage.name}: {stage.config} was run for {origin}', flush=True)
        else:
            print(f'\n{stage.name}: {stage.config}', flush=True)
            result = self._sweep(stage, *sweep) if sweep else self._run(stage, stage.name, {})
            result |= {
                'seconds': round(time.monotonic() - begin, 1),
                'processes': self.launch.total,
                'machine': describe_machine(),
                **({} if sweep else {'identity': self.identities[stage.name]}),
            }
        done[stage.name] = result
        self._save_state()

    def _otherwise(self, result: dict[str, Any]) -> str:
        """Say how a stage was run if it would be run in another way now."""
        processes = result.get('processes') or self.launch.total
        version = result.get('machine', {}).get('mcl_plugins', __version__)
        words = f', on {processes} processes' * (processes != self.launch.total)
        if version != __version__:
            words += f', with mcl_plugins {version} (this is {__version__})'
        return words

    def write_record(self) -> Path:
        """Write the record of a chain whose stages are all done."""
        stages = {}
        for stage in self.stages:
            result = dict(self.state['stages'][stage.name])
            if result.get('checkpoint'):
                path = self.folder / result['checkpoint']
                result['sha256'] = sha256_of(path)
                result['curves'] = curves(path.parent)
            seed = self.configs[stage.name].get('randomness', {}).get('seed')
            stages[stage.name] = {
                'config': stage.config,
                'config_sha256': self.state['configs'][stage.name],
                'seed': self.options.get('randomness.seed', seed),
                **result,
            }
        sources = {stage.source for stage in self.stages}
        shown = [stage.name for stage in self.stages if stage.name not in sources]
        content = {
            'method': self.row.method,
            'row': self.row.name,
            'tiny': self.tiny,
            'options': self.options,
            'starts': self.starts,
            'hours': round(sum(stage['seconds'] for stage in stages.values()) / 3600, 2),
            'stages': stages,
            'shown': shown,
        }
        _write(self.folder / RECORD, content)
        return self.folder / RECORD

    def _check_starts(self, start: Path | str | None) -> None:
        if start and not any(stage.is_foreign for stage in self.stages):
            first = self.stages[0]
            if all(stage.source != first.name for stage in self.stages):
                raise ValueError(
                    f'--start {start}: {self.row.name!r} starts from no file, and nothing follows '
                    f'its training {first.config}.'
                )
            self.given[first.name] = Path(start).absolute()
        for stage in self.stages:
            if not self.tiny and self.starts.get(stage.name) == '':
                raise ValueError(
                    f'{stage.config} starts from a checkpoint that no config of this row trains: '
                    'give it with --start FILE.'
                )

    def _load_state(self) -> None:
        file = self.folder / STATE
        self.state['stages'] = {}
        if not file.is_file():
            return
        before = read_json(file, f'Remove {self.folder} to start anew.')
        for key in ('configs', 'options', 'tiny', 'starts'):
            if before.get(key, self.state[key]) != self.state[key]:
                raise ValueError(
                    f'{self.folder} has a chain with other {key}; choose another --work-dir, or '
                    'remove the folder to start anew.'
                )
        for name, result in before['stages'].items():
            then, now = result.get('given'), self.given.get(name)
            if then != (str(now) if now else None):
                raise ValueError(
                    f'{self.folder} has a chain whose {name} is {then or "trained"}, not '
                    f'{now or "trained"}: choose another --work-dir.'
                )
        self._check_contents(before.get('contents', {}))
        self.state = before

    def _check_contents(self, before: dict[str, str]) -> None:
        """Raise a ValueError if a file to start from is not the one of before."""
        for name, file in {**self.starts, **self.given}.items():
            then, now = before.get(name), self.state['contents'][name]
            # A finished chain needs the file no more.
            if then is not None and now not in (then, str(file)):
                raise ValueError(
                    f'{self.folder} has a chain whose {name} is of another {file}, with the hash '
                    f'{then[:12]} and not {now[:12]}: choose another --work-dir, or remove the '
                    'folder to start anew.'
                )

    def _save_state(self) -> None:
        if os.environ.get('NODE_RANK', '0') == '0':
            _write(self.folder / STATE, self.state)

    def _find_shared(self, stage: Stage) -> dict[str, Any] | None:
        return find_finished(self.identities[stage.name], self.folder, STATE)

    def _sweep(self, stage: Stage, key: str, values: Sequence[str]) -> dict[str, Any]:
        """Run a stage with each value of an option; return the result of the best."""
        short = key.rpartition('.')[2]
        tried = {
            value: self._run(stage, f'{stage.name}_{short}={value}', {key: read_option(value)})
            for value in values
        }
        listed = {value: tried[value]['metrics'] for value in values}
        best = max(values, key=lambda value: _score(listed[value]))
        if _score(listed[best]) == -math.inf:
            raise ValueError(f'--sweep {key}: {stage.config} has no metric to choose by.')
        return {**tried[best], 'sweep': listed, 'swept': key, 'best': best}

    def _check_swept(self, result: dict[str, Any], key: str, values: Sequence[str]) -> None:
        """Raise a ValueError if a stage that is done was not swept over the same."""
        before = result.get('swept', key), list(result.get('sweep', ()))
        if before != (key, list(values)):
            shown = f'{before[0]}={",".join(before[1])}' if before[1] else 'no sweep'
            raise ValueError(
                f'--sweep {key}={",".join(values)}: {self.folder} has the result of {shown}; '
                'choose another --work-dir.'
            )

    def _run(self, stage: Stage, name: str, more: dict[str, Any]) -> dict[str, Any]:
        """Train and test a stage in the folder ``name``; return checkpoint and metrics."""
        folder = self.folder / name
        config, checkpoint = self._config_of(stage), self._source_of(stage)
        if stage.kind == 'retrieval':
            assert checkpoint is not None
            return {'metrics': run_retrieval(config, checkpoint, self.data, folder)}
        options = {**self.options, **more}
        if stage.option and checkpoint:
            options[stage.option] = str(checkpoint)
        last = run_training(config, folder, options, self.launch, report=not self.tiny)
        result: dict[str, Any] = {'checkpoint': str(last.relative_to(self.folder)), 'metrics': {}}
        if stage.tested:
            given = {**self.options, **more}
            metrics = run_test(config, last, folder, given, stage.tta, self.launch)
            result['metrics'] = in_percent(metrics)
        return result

    def _take(self, file: Path) -> dict[str, Any]:
        """Return the result of a training that has been done elsewhere."""
        return {
            'checkpoint': os.path.relpath(file, self.folder),
            'metrics': {},
            'given': str(file),
            'seconds': 0.0,
            'processes': 0,
            'machine': describe_machine(),
        }

    def _source_of(self, stage: Stage) -> Path | None:
        if stage.source:
            checkpoint = self.folder / self.state['stages'][stage.source]['checkpoint']
            return Path(os.path.normpath(checkpoint))  # another row's has .. in it
        file = self.starts.get(stage.name)
        return Path(file) if file else None

    def _config_of(self, stage: Stage) -> Path:
        """The stage's config file: the package's own, or its shrunken copy in the folder."""
        if not self.tiny:
            return find_config(stage.config)
        file = self.folder / 'configs' / f'{self.row.slug[:40]}_{stage.name}.py'
        file.parent.mkdir(parents=True, exist_ok=True)
        config = Config(self.configs[stage.name].to_dict(), format_python_code=False)
        config = shrink(config, self.data)
        if stage.is_foreign:
            config.model.backbone.init_cfg = None
        config.dump(file)
        return file


def _write(path: Path, content: dict) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False))


def _score(metrics: dict[str, float]) -> float:
    """Return the best metric; -inf if there is none, as of a training that has diverged."""
    return max((value for value in metrics.values() if math.isfinite(value)), default=-math.inf)
