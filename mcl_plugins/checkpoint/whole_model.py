"""Start from a whole model that was trained on other classes."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.runner.checkpoint import _load_checkpoint_to_model
from torch import Tensor, nn

from .files import extract_state_dict, load_file, read_safely
from .sources import load_checkpoint

# Parts whose tensors do not depend on the classes; their own hooks may resize tables of positions.
_ENCODERS = ('backbone.', 'neck.', 'rpn_head.')


def source_of(model: nn.Module) -> str | None:
    """Return the checkpoint of ``model.init_cfg``, or None if that is no whole model.

    Example:
        >>> from mmengine.model import BaseModule
        >>> source_of(BaseModule(dict(type='Pretrained', checkpoint='iter_160000.pth')))
        'iter_160000.pth'
    """
    config = getattr(model, 'init_cfg', None)
    if not isinstance(config, dict) or config.get('type') != 'Pretrained' or 'prefix' in config:
        return None
    return config.get('checkpoint')


def load_whole(model: nn.Module, checkpoint: str | Path) -> dict[str, Any]:
    """Load all weights of a model from the checkpoint of its own training.

    Returns:
        The content of the file.

    Raises:
        ValueError: the weights are not exactly the model's.
    """
    content = load_file(checkpoint)
    try:
        model.load_state_dict(extract_state_dict(content))
    except RuntimeError as error:
        raise ValueError(
            f'{checkpoint} does not fit {type(model).__name__} of this config; is it a checkpoint '
            f'of another one? {str(error).splitlines()[1].strip()}'
        ) from None
    return content


def class_layers(model: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """List the tensors that have another number of outputs in a file than in the model.

    Args:
        model: the model.
        tensors: those of the file.

    Returns:
        Names of tensors of heads with ``num_classes`` whose shapes differ in the first dimension
        only, as those of the last layer do when the numbers of classes differ. Empty if tensors
        outside of the encoder differ in another way, too: then it is another architecture.

    Example:
        >>> from mmpretrain.models import LinearClsHead
        >>> model = nn.ModuleDict({'head': LinearClsHead(num_classes=2, in_channels=4)})
        >>> file = nn.ModuleDict({'head': LinearClsHead(num_classes=3, in_channels=4)})
        >>> class_layers(model, file.state_dict())
        ['head.fc.weight', 'head.fc.bias']
    """
    own = {name: tensor.shape for name, tensor in model.state_dict().items()}
    heads = tuple(
        f'{name}.' for name, part in model.named_modules() if name and hasattr(part, 'num_classes')
    )
    differing = [
        name
        for name, tensor in tensors.items()
        if name in own and own[name] != tensor.shape and not name.startswith(_ENCODERS)
    ]
    for name in differing:
        outputs_only = own[name][1:] == tensors[name].shape[1:] and len(own[name]) > 0
        if not outputs_only or not name.startswith(heads):
            return []
    return differing


def check_classes(model: nn.Module, path: str) -> None:
    """Raise a ValueError if a local checkpoint was trained on other classes than the model has.

    Only names and shapes are read, so that this costs nothing before data sets are built. Files
    that do not exist or cannot be read are left to whoever loads them.
    """
    if not Path(path).is_file() or not zipfile.is_zipfile(path):
        return
    load = partial(torch.load, path, map_location='cpu', weights_only=True, mmap=True)
    tensors = extract_state_dict(read_safely(load, path))
    tensors = {name.removeprefix('module.'): tensor for name, tensor in tensors.items()}
    if differing := class_layers(model, tensors):
        raise other_classes_error(model, path, tensors, differing)


def other_classes_error(
    model: nn.Module, path: str, tensors: dict[str, Tensor], differing: list[str]
) -> ValueError:
    """Return the error to raise for a checkpoint of other classes; it names the way to use it."""
    own = model.state_dict()
    shapes = [
        f'{name} {tuple(tensors[name].shape)} in the file, {tuple(own[name].shape)} here'
        for name in differing[:4]
    ]
    return ValueError(
        f'{path} was trained on other classes than this config has: {"; ".join(shapes)}'
        f'{"; ..." if len(differing) > 4 else ""}. To start from all of its weights but those of '
        f'the class layers, set model.init_cfg.checkpoint={path} instead of load_from.'
    )


def load_but_classes(model: nn.Module, path: str) -> None:
    """Load a whole model; layers with another number of classes keep their initial values.

    The log states which layers are new.

    Args:
        model: a detector, segmentor or classifier.
        path: the checkpoint, as for ``load_from``.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not a checkpoint, or differs in more than the class layers.
    """
    tensors = extract_state_dict(load_checkpoint(path))
    tensors = {name.removeprefix('module.'): tensor for name, tensor in tensors.items()}
    differing = class_layers(model, tensors)
    own = model.state_dict()
    kept = {name: own[name].detach().clone().cpu() for name in differing}
    try:
        _load_checkpoint_to_model(model, {'state_dict': {**tensors, **kept}}, strict=True)
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ValueError(
            f'{path} (model.init_cfg.checkpoint) does not fit the {type(model).__name__} of this '
            'config in more than the layers of the classes. Is it a checkpoint of another '
            'architecture? To initialise only the encoder, set model.backbone.init_cfg.\n'
            + '\n'.join(lines[:12])
        ) from error
    layers = sorted({name.rpartition('.')[0] for name in differing})
    print_log(
        f'Loaded {type(model).__name__} from {path}: {len(tensors) - len(differing)} of {len(own)} '
        f'tensors; new here: {", ".join(layers) or "nothing"}.',
        logger='current',
    )
