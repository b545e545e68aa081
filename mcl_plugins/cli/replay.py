"""Repeat the step at which a training stopped, and name the first module that broke.

    mcl replay work_dirs/.../black_box [--rank RANK] [--device cuda] [--import MODULE]

A training that stops at a loss, gradient or buffer that is not finite leaves the folder in its work
dir. This command repeats the step on one process, on the batch of one rank: without the other
ranks' negatives and BatchNorm statistics. A step of a GPU draws other random numbers on a CPU.
The files are read as data: nothing in them runs. The exit status is 1 if the repeated step is
finite. MODULE defines parts of the model from outside the package.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from torch import nn

from ..checkpoint.files import load_file
from ..engine.finite import black_box
from ..engine.finite.repeat import repeat
from ..engine.finite.samples import from_plain
from ..engine.finite.trace import Finding
from ..registry import MODELS
from ..utils.known_parts import check_parts
from ..utils.literals import read_assignments
from .parsers.general import replay as parse_args

PRECISIONS = ('float16', 'bfloat16')


def main(argv: Sequence[str] | None = None) -> None:
    """Repeat the step of the command line's black box, and exit with status 1 if it is finite."""
    args = parse_args(argv)
    report = black_box.read_report(args.folder)
    print(f'{report.get("reason")}\n{report.get("found")}')
    for module in args.modules:
        importlib.import_module(module)
    rank = report['rank'] if args.rank is None else args.rank
    print(f'Repeating iteration {report["iteration"]} on the batch of rank {rank} ...', flush=True)
    finding = replay(args.folder, rank, args.device, args.modules)
    print(f'Repeated: {finding or "the step is finite"}.')
    sys.exit(0 if finding else 1)


def replay(
    folder: Path, rank: int, device: str = 'cpu', modules: Sequence[str] = ()
) -> Finding | None:
    """Repeat the step of a black box on the batch of one rank.

    Args:
        folder: the black box.
        rank: the process whose batch, generators and buffers are used.
        device: where the step is computed.
        modules: modules of the user that define parts of the model.

    Returns:
        The first module that is not finite, or None if the step is finite.

    Raises:
        FileNotFoundError: a file of the black box is missing.
        ValueError: a file is damaged, was not written by this package, or the config names
            something that is not a part of a model.
    """
    report = black_box.read_report(folder)
    path = black_box.rank_file(folder, rank)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist: the training had {report["processes"]} processes.'
        )
    content = load_file(path)
    try:
        passes = [(from_plain(part['batch']), part['generators']) for part in content['passes']]
        state = {**load_file(folder / black_box.MODEL)['state_dict'], **content['buffers']}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} was not written by this package: {error!r}.') from None
    hub = MessageHub.get_current_instance()
    for key, value in report['infos'].items():
        hub.update_info(key, value)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = build_model(folder / black_box.CONFIG, modules)
    load_state(model, state, folder)
    return repeat(model.to(device), passes, autocast(report.get('precision'), device))


def build_model(path: Path, modules: Sequence[str] = ()) -> Any:
    """Build the model of a config that is read as data: its literals are taken, no code is run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the config has no model, or names something that is not a part of a model.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; is the black box complete?')
    config = read_assignments(path.read_text(encoding='utf-8'))
    model = config.get('model')
    if not isinstance(model, dict):
        raise ValueError(f'{path} has no model that consists of literals only.')
    if 'data_preprocessor' in config:  # as MMEngine's Runner does
        model.setdefault('data_preprocessor', config['data_preprocessor'])
    model = without_initialisation(model)
    try:
        check_parts(model, modules)
    except ValueError as error:
        raise ValueError(f'{path} was not used: {error}') from None
    scope = config.get('default_scope')
    with DefaultScope.overwrite_default_scope(scope if scope in ('mmseg', 'mmdet') else None):
        return MODELS.build(ConfigDict(model))


def without_initialisation(config: Any) -> Any:
    """Leave out how weights are initialised: they come from the black box.

    Example:
        >>> without_initialisation([{'type': 'ViT', 'init_cfg': {'checkpoint': 'https://...'}}])
        [{'type': 'ViT'}]
    """
    if isinstance(config, dict):
        kept = {key: part for key, part in config.items() if key not in ('init_cfg', 'pretrained')}
        return {key: without_initialisation(part) for key, part in kept.items()}
    if isinstance(config, list | tuple):
        return type(config)(without_initialisation(part) for part in config)
    return config


def load_state(model: nn.Module, state: dict[str, Any], folder: Path) -> None:
    """Load the weights and buffers before the step; also buffers that checkpoints leave out.

    Raises:
        ValueError: they do not fit the model.
    """
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    extra = {name: state[name] for name in state.keys() & tensors.keys()}
    try:
        model.load_state_dict({name: state[name] for name in model.state_dict()})
        for name, value in extra.items():
            tensors[name].data.copy_(value)
    except (KeyError, RuntimeError) as error:
        lacks = isinstance(error, KeyError)
        reason = f'it lacks {error}' if lacks else ' '.join(str(error).split())
        raise ValueError(
            f'{folder / black_box.MODEL} does not fit the model of {black_box.CONFIG}: {reason}'
        ) from None


def autocast(precision: str | None, device: str) -> Callable[[], AbstractContextManager]:
    """Return what makes the context of a forward pass in the precision of the training."""
    if precision not in PRECISIONS:
        return nullcontext
    return partial(torch.autocast, torch.device(device).type, getattr(torch, precision))
