"""What a work dir says of its run: checkpoint, config, verdicts, versions and cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from ...checkpoint.files import load_file
from ...checkpoint.latest import checkpoint_folder, find_checkpoint
from ...engine.checkpoints import out_dir_of
from ...engine.hooks.doctor import read_verdicts
from ...engine.hooks.schedule import describe_schedule
from ...engine.identity import differing, identify, read_settings
from ...utils.places import home
from ..logs import Run, read_run
from ..preflight.plan import duration


@dataclass
class Facts:
    """What is known of a run.

    Attributes:
        folder: its work dir.
        run: the scalars of its log.
        meta: of its last checkpoint; empty without one.
        checkpoint: the last one.
        config: text of the config.
        verdicts: what the doctor has said.
        damage: why that is not known, if its file is damaged.
    """

    folder: Path
    run: Run
    meta: dict[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None
    config: str = ''
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    damage: str = ''

    @property
    def watched(self) -> bool:
        """Whether the doctor's hook was there, which leaves its values in the log."""
        return bool(self.verdicts) or 'weight_change' in self.run.curves

    @property
    def settings(self) -> dict[str, Any]:
        """The values of the config by their dotted names; nothing in it is run."""
        return read_settings(self.config)

    def add_verdicts(self) -> None:
        """Read what the doctor has said; a damaged file ends no report."""
        try:
            self.verdicts = read_verdicts(self.folder)
        except ValueError as error:
            self.damage = str(error)

    def summary(self) -> dict[str, str]:
        """Return what the run is and what it has cost, in words, by the name of the row."""
        identity, batch = self.meta.get('identity') or {}, self.meta.get('batch') or {}
        schedule, rows = self.meta.get('schedule') or {}, {}
        if identity:
            rows['method'] = str(identity.get('method'))
            rows['data'] = ', '.join(map(str, (identity.get('data') or {}).values()))
            rows['seed'] = str(identity.get('seed'))
            versions = identity.get('versions') or {}
            rows['versions'] = ', '.join(f'{name} {text}' for name, text in versions.items())
        if schedule:
            processes = batch.get('processes', 1)
            rows['batch'] = f'{schedule.get("effective batch")} images'
            if processes > 1:
                rows['batch'] += f' on {processes} processes'
            rows['learning rate'] = (
                f'{schedule.get("learning rate")} for {schedule.get("base batch") or "any batch"}'
            )
        if self.checkpoint is not None:
            length = schedule.get('epochs')
            done = f'epoch {self.meta.get("epoch")}' + (f' of {length}' if length else '')
            rows['last checkpoint'] = (
                f'{self.checkpoint.name}, {done}, {self.meta.get("iter")} steps'
            )
        rows['cost'] = self._cost(batch.get('processes') or 1)
        return {name: text for name, text in rows.items() if text}

    def _cost(self, processes: int) -> str:
        """Return the time of the iterations that the log has lines of."""
        steps, seconds = self.run.curves.get('time', ([], []))
        if not steps:
            return ''
        # The log of a run that goes on in another folder does not begin with its first steps.
        interval = steps[1] - steps[0] if len(steps) > 1 else steps[0]
        lengths = np.diff(steps, prepend=max(0, steps[0] - interval))
        hours = float(lengths @ np.array(seconds)) / 3600
        if processes == 1:
            return duration(hours)
        return f'{duration(hours)}, {duration(processes * hours)} of all {processes} processes'


def read_facts(folder: Path, name: str) -> Facts:
    """Read what a work dir says of its run.

    Args:
        folder: the work dir.
        name: of the run.

    Raises:
        FileNotFoundError: it has no log.
        ValueError: a log or checkpoint is damaged.
    """
    facts = Facts(folder, read_run(folder, name))
    file = config_file(folder)
    text = file.read_text(encoding='utf-8') if file is not None else ''
    found = find_checkpoint(folder, read_settings(text).get('default_hooks.checkpoint.out_dir'))
    if found and '://' not in found:  # the page is made of what is on this machine
        facts.checkpoint = Path(found)
        facts.meta = dict(load_file(found).get('meta') or {})
    facts.config = str(facts.meta.get('cfg') or text)
    facts.add_verdicts()
    return facts


def facts_of(runner: Runner) -> Facts:
    """Return what is known of a training that runs, without reading its checkpoint."""
    folder = Path(runner.work_dir)
    last = runner.message_hub.runtime_info.get('last_ckpt')
    meta = {
        'epoch': runner.iter // len(runner.train_dataloader),
        'iter': runner.iter,
        'identity': identify(runner.cfg),
        'schedule': describe_schedule(runner),
        'batch': {'processes': runner.world_size},
    }
    facts = Facts(
        folder,
        read_run(folder, str(folder)),
        meta,
        checkpoint_folder(folder, out_dir_of(runner.cfg)) / Path(last).name if last else None,
        runner.cfg.pretty_text,
    )
    facts.add_verdicts()
    return facts


def config_file(folder: Path) -> Path | None:
    """Return the config that the Runner wrote into a work dir; None if there is not exactly one."""
    files = list(folder.glob('*.py'))
    return files[0] if len(files) == 1 else None


def differences(facts: Facts, others: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which a run differs from others, as (other, own) by name."""
    own = facts.settings
    return {
        key: (others.get(key, '(not set)'), own.get(key, '(not set)'))
        for key in differing(own, others)
    }


def find_base(facts: Facts) -> tuple[str, dict[str, Any]] | None:
    """Return name and settings of the package's config of the same file name that differs least.

    Returns:
        None if no config of the package has the name of the run's.
    """
    file = config_file(facts.folder)
    if file is None:
        return None
    configs = home() / 'configs'
    kind = facts.settings.get('model.type')
    candidates = {}
    for path in sorted(configs.glob(f'[!_]*/**/{file.name}')):
        config = Config.fromfile(path)
        if kind is not None and config.get('model', {}).get('type') != kind:
            continue  # before its text is made, which takes long
        settings = read_settings(config.pretty_text)
        if settings.get('model.type') == kind:
            candidates[path.relative_to(configs).as_posix()] = settings
    if not candidates:
        return None
    name = min(candidates, key=lambda key: len(differences(facts, candidates[key])))
    return name, candidates[name]
