"""Stop a training at a step that is not finite: write the black box, and find the module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size
from mmengine.runner import Runner

from ...utils.sharded import whole_state
from ...version import __version__
from ..unwrap import unwrapped_model
from . import black_box
from .guard import Step
from .passes import Pass, Recorder
from .repeat import repeat
from .trace import Finding, name_broken
from .verdict import BUFFER, GRADIENT, LOSS, OVERFLOW, bad_ranks

_WHAT = {
    LOSS: 'the loss',
    GRADIENT: 'the norm of the gradient',
    BUFFER: 'a buffer',
    OVERFLOW: 'the scaled gradient, step after step,',
}
_INFOS = ('iter', 'epoch', 'max_iters', 'max_epochs')


def describe(step: Step) -> str:
    """Say what of a step is not finite, and on which rank; called on every process.

    Example:
        >>> loss = torch.tensor(torch.nan)
        >>> part = Pass(7, None, {}, {}, {'loss_pixel': loss}, loss)
        >>> describe(Step([part], torch.tensor([[1.0, 0, 1, 0]])))
        'the loss is nan at iteration 7 (loss_pixel); a buffer is not finite'
    """
    values = all_gather_object(_loss_in_words(step.passes))
    sentences: list[str] = []
    for column, what in _WHAT.items():
        ranks = bad_ranks(step.verdict, column)
        if not ranks or (column == GRADIENT and sentences):  # it follows from the loss
            continue
        value, terms = values[ranks[0]] if column == LOSS else ('not finite', '')
        place = '' if sentences else f' at iteration {step.iteration}'
        if len(ranks) < len(step.verdict):
            place += f' on rank {", ".join(map(str, ranks))}'
        sentences.append(f'{what} is {value}{place}{terms and f" ({terms})"}')
    return '; '.join(sentences)


def _loss_in_words(passes: Sequence[Pass]) -> tuple[str, str]:
    """Return the value of the first loss that is not finite, and the names of such terms."""
    for part in passes:
        if part.loss is not None and not part.loss.isfinite().all():
            terms = [name for name in name_broken(part.losses) if name != 'loss']
            return str(part.loss.item()), ', '.join(terms)
    return 'finite', ''


def write_black_box(
    runner: Runner,
    recorder: Recorder,
    step: Step,
    reason: str,
    context: Callable[[], AbstractContextManager],
) -> tuple[str | None, str]:
    """Write the black box and repeat the step to find its first module; on every process.

    The model is left as it was before the step.

    Args:
        runner: the runner of the training.
        recorder: the passes of the model; it records no more.
        step: the step, whose verdict is known.
        reason: what :func:`describe` says of it.
        context: makes the context of a forward pass.

    Returns:
        The folder, or None if it could not be written; and in words what was found.
    """
    folder, model = Path(runner.work_dir, black_box.FOLDER), unwrapped_model(runner)
    recorder.close()
    recorder.restore(step.passes)
    weights = whole_state(model.state_dict())
    failure = _write_state(folder, runner, step.passes, weights)
    finding, note = _find(model, step.passes, context)
    recorder.restore(step.passes)
    told = all_gather_object((finding, note, failure))
    rank, found = first_of([entry[0] for entry in told])
    note = next(filter(None, (entry[1] for entry in told)), '')
    failure = next(filter(None, (entry[2] for entry in told)), '')
    words = f'{found} on rank {rank}' if found and get_world_size() > 1 else str(found or note)
    if not failure and get_rank() == 0:
        suspects = [row for column in _WHAT for row in bad_ranks(step.verdict, column)]
        report = {
            'reason': reason,
            'found': words,
            'finding': asdict(found) if found else None,
            'rank': rank if found else suspects[0],
            'iteration': step.iteration,
            'processes': get_world_size(),
            'precision': _precision(model, context),
            'seed': runner.seed,
            'infos': {key: runner.message_hub.get_info(key) for key in _INFOS},
            'scalars': black_box.last_scalars(runner.message_hub, step.passes),
            'versions': {'mcl_plugins': __version__, 'torch': torch.__version__},
        }
        try:
            black_box.write_report(folder, report)
        except OSError as error:
            failure = str(error)
    barrier()  # torchrun ends the others as soon as one process has ended
    if failure:
        return None, f'{words}. (The black box could not be written: {failure})'
    return str(folder), words


def first_of(findings: Sequence[Finding | None]) -> tuple[int, Finding | None]:
    """Return the rank on which something arose first, and what; collectives spread it to others.

    Example:
        >>> late = Finding('head', 'Head', 'output', '', 9)
        >>> early = Finding('backbone', 'ViT', 'output', '', 4)
        >>> first_of([late, early])[0]
        1
    """
    ranks = [rank for rank, finding in enumerate(findings) if finding is not None]
    if not ranks:
        return 0, None

    def order(rank: int) -> tuple[bool, int]:
        finding = findings[rank]
        assert finding is not None
        return finding.what == 'gradient', finding.place

    first = min(ranks, key=order)
    return first, findings[first]


def _write_state(folder: Path, runner: Runner, passes: list[Pass], weights: dict) -> str:
    """Write the files of this process; returns why that failed, or nothing."""
    try:
        black_box.write_rank(folder, get_rank(), passes)
        if get_rank() == 0:
            black_box.write_model(folder, weights, runner.cfg.pretty_text)
    except OSError as error:
        return str(error)
    return ''


def _find(
    model: Any, passes: list[Pass], context: Callable[[], AbstractContextManager]
) -> tuple[Finding | None, str]:
    """Repeat the step on the weights before it; an error in it is told, not raised."""
    try:
        finding = repeat(model, [(part.batch, part.generators) for part in passes], context)
    except Exception as error:  # the step's own error is the one to raise
        return None, f'repeating the step failed: {error}'
    return finding, '' if finding else 'repeated on its own, the step is finite on every rank'


def _precision(model: Any, context: Callable[[], AbstractContextManager]) -> str | None:
    """Return the type to which autocast casts, or None without it."""
    kind = next(model.parameters()).device.type
    with context():
        enabled = torch.is_autocast_enabled(kind)
        return str(torch.get_autocast_dtype(kind)).removeprefix('torch.') if enabled else None
