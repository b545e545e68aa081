"""What a user can do after a step that is not finite, as far as it fits the training."""

from __future__ import annotations

from mmengine.optim import AmpOptimWrapper
from mmengine.runner import Runner

from ...checkpoint.latest import find_checkpoint
from ..checkpoints import out_dir_of
from ..wrappers import wrappers_of

_HOOK = 'default_hooks.finite_loss.max_bad_steps'


def advice(runner: Runner, skipped: int, allowed: int, box: str | None) -> str:
    """Return instructions that fit the state of the training.

    They do not suggest a smaller learning rate together with ``--resume``, because resuming
    restores the learning rate schedule of the checkpoint.

    Args:
        runner: the runner of the training.
        skipped: how many steps were skipped before.
        allowed: how many may be skipped.
        box: the folder of the black box, if one was written.
    """
    said = [f'To repeat the step: mcl replay {box}.'] if box else []
    wrappers = wrappers_of(getattr(runner, 'optim_wrapper', None))
    changes = []
    if wrappers and not any(getattr(part, 'clip_grad_kwargs', None) for part in wrappers):
        changes.append('--cfg-options optim_wrapper.clip_grad.max_norm=1')
    if any(isinstance(part, AmpOptimWrapper) for part in wrappers):
        changes.append('without --amp')
    if checkpoint := _newest(runner):
        how = f' {" or ".join(changes)}' if changes else ''
        said.append(
            f'Continue from {checkpoint} with --resume{how}. Or start a new schedule with a '
            f'smaller learning rate from it: --cfg-options load_from={checkpoint} '
            'optim_wrapper.optimizer.lr=LR, in another --work-dir.'
        )
    else:
        also = f', or {" or ".join(changes)}' if changes else ''
        said.append(
            'No checkpoint was written yet: start again with a smaller learning rate '
            f'(optim_wrapper.optimizer.lr) or a longer warm-up{also}.'
        )
    if box and skipped >= allowed:
        said.append(f'To skip a few such steps: --cfg-options {_HOOK}={max(2 * allowed, 3)}.')
    return ' '.join(said)


def _newest(runner: Runner) -> str | None:
    """Return the newest checkpoint of the work dir, or None if none is whole."""
    try:
        return find_checkpoint(runner.work_dir, out_dir_of(runner.cfg))
    except (ValueError, OSError):
        return None
