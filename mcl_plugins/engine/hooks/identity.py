"""A hook that refuses to resume one training as if it were another."""

from __future__ import annotations

from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

from ...checkpoint.latest import find_checkpoint
from ...registry import HOOKS
from ..checkpoints import out_dir_of
from ..identity import config_differences, differences, identify
from .schedule import describe_end, is_finished


@HOOKS.register_module()
class IdentityHook(Hook):
    """Store in each checkpoint which training it is from, and compare that on resuming.

    A work dir is named after its config. The rows of an ablation share the config of fine-tuning,
    so that ``--resume`` with another encoder would find the first row and report its result. The
    hook compares the method, the files of weights that the training started from, the data and the
    seed; see :func:`~mcl_plugins.engine.identity.identify`. Other versions of the libraries and
    other settings of the config are listed in the log. A finished training says that it is
    finished.

    The package's Runner adds the hook if a config does not list it.

    Raises:
        ValueError: a checkpoint is resumed that is from another training. If only the data is
            elsewhere and the checkpoint is named (``--resume FILE``), that is a warning.
    """

    def __init__(self) -> None:
        self._identity: dict[str, Any] | None = None
        self._notices: list[str] = []

    def before_train(self, runner: Runner) -> None:
        """Describe the training while the files that it started from are there.

        What differs from the checkpoint is only said here, when no other hook has refused it.
        """
        for notice in self._notices:
            runner.logger.warning(notice)
        if self._identity is None and is_main_process():
            self._identity = identify(runner.cfg)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the identity to the checkpoint's ``meta``."""
        if self._identity is not None:
            checkpoint['meta']['identity'] = self._identity

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare the trainings before any tensor is loaded; a file of before has no identity."""
        if not runner._resume or not isinstance(runner.optim_wrapper, OptimWrapper):
            return
        file = str(runner._load_from or find_checkpoint(runner.work_dir, out_dir_of(runner.cfg)))
        meta = checkpoint.get('meta') or {}
        saved, present = meta.get('identity'), identify(runner.cfg)
        if saved is not None:
            found = runner.cfg.get('resume_found') or not runner.cfg.get('load_from')
            self._notices += _compare(differences(saved, present), file, bool(found))
            self._identity = {**present, 'start': saved['start']}
        if {'epoch', 'iter'} <= meta.keys():
            self._notices += _describe_resumption(runner, meta, file)


def _compare(found: dict[str, list[str]], file: str, strict: bool) -> list[str]:
    """Raise an error for differences that are refused, and return notices of the others."""
    refused = [line for name in ('method', 'start', 'seed') for line in found[name]]
    if found['data'] and (strict or refused):
        refused += found['data']
    if refused:
        only_data = refused == found['data']
        advice = f' If the same data was moved, name the checkpoint: --resume {file}' * only_data
        raise ValueError(
            f'{file} is from another training than the one that is to be resumed:\n  '
            + '\n  '.join(refused)
            + "\nSet the file's values to go on with it, or choose another --work-dir for this "
            f'training.{advice}'
        )
    words = {'data': 'the data is elsewhere', 'versions': 'other versions'}
    return [f'{file}: {words[name]}: {"; ".join(found[name])}.' for name in words if found[name]]


def _describe_resumption(runner: Runner, meta: dict[str, Any], file: str) -> list[str]:
    """Say that the training is finished, and which settings are others than the checkpoint's."""
    lines = config_differences(str(meta.get('cfg') or ''), runner.cfg)
    finished = is_finished(meta, runner.train_loop)
    notices = []
    if lines:
        use = 'are not used, because nothing is left to train' if finished else 'hold from here on'
        notices.append(
            f"Settings that differ from those of {file}'s config {use}:\n  " + '\n  '.join(lines)
        )
    if finished:
        notices.append(
            f'{file} is the end of a finished training ({describe_end(meta, runner.train_loop)}): '
            'nothing is left to train. For another training choose another --work-dir.'
        )
    return notices
