"""What a checkpoint says about its encoder beside the tensors: in its config, or a file with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from ..checkpoint.origin import read_arch
from ..utils.literals import read_assignments

DESCRIPTIONS = ('encoder.json', 'config.json', 'preprocessor_config.json')
IMAGENET = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])


@dataclass(frozen=True)
class Hints:
    """What is known of an encoder beside its tensors; None where nothing is.

    Attributes:
        arch: name or settings of the architecture.
        num_heads: of all layers of a plain ViT.
        img_size: side of the images in pixels.
        eps: of the layer norms.
        mean, std: of each band, 0 to 255, RGB.
        crop: middle part of an image that is used.
        method: class of the model.
        text: the config of the training.
    """

    arch: str | Mapping[str, Any] | None = None
    num_heads: int | None = None
    img_size: int | None = None
    eps: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    crop: float | None = None
    method: str | None = None
    text: str | None = None


def from_checkpoint(content: Mapping[str, Any]) -> Hints:
    """Read the config that a Runner stores in a checkpoint. It is read as data, nothing is run.

    Example:
        >>> cfg = "model = dict(type='CAE', backbone=dict(arch='small', img_size=224))"
        >>> hints = from_checkpoint({'meta': {'cfg': cfg}})
        >>> hints.arch, hints.img_size, hints.method
        ('small', 224, 'CAE')
    """
    meta = content.get('meta')
    meta = meta if isinstance(meta, Mapping) else {}
    if isinstance(meta.get('encoder'), Mapping):  # written by this package's export
        return from_export(meta['encoder'])
    text = meta.get('cfg')
    if not isinstance(text, str):
        return Hints()
    assigned = read_assignments(text)
    model = _dict(assigned.get('model'))
    backbone = _dict(model.get('backbone'))
    prepare = _dict(assigned.get('data_preprocessor') or model.get('data_preprocessor'))
    size = backbone.get('img_size')
    return Hints(
        arch=backbone.get('arch') or read_arch(dict(content)),
        img_size=size if isinstance(size, int) else None,
        eps=_number(_dict(backbone.get('norm_cfg')).get('eps')),
        mean=_numbers(prepare.get('mean')),
        std=_numbers(prepare.get('std')),
        method=model['type'] if isinstance(model.get('type'), str) else None,
        text=text,
    )


def from_export(encoder: Mapping[str, Any]) -> Hints:
    """Read what :meth:`PretrainedEncoder.describe` has written."""
    architecture, prepare = _dict(encoder.get('architecture')), _dict(encoder.get('preprocessing'))
    return Hints(
        arch=architecture.get('arch'),
        img_size=architecture.get('img_size'),
        eps=_number(architecture.get('eps')),
        mean=_numbers(prepare.get('mean')),
        std=_numbers(prepare.get('std')),
        crop=_number(prepare.get('crop')),
        method=encoder.get('method'),
        text=encoder.get('config'),
    )


def from_folder(folder: Path) -> Hints:
    """Read what an export, timm or Hugging Face has written beside weights; all is optional."""
    export, config, prepare = (
        _read_json(path) if path.is_file() else {}
        for path in (folder / name for name in DESCRIPTIONS)
    )
    if export or isinstance(config.get('mcl_plugins'), Mapping):
        return from_export(export or config['mcl_plugins'])
    timm, model = _dict(config.get('pretrained_cfg')), _dict(config.get('model_args'))
    heads = config.get('num_attention_heads', model.get('num_heads'))
    size = config.get('image_size', model.get('img_size'))
    mean, std = (_numbers(prepare.get(f'image_{name}', timm.get(name))) for name in ('mean', 'std'))
    return Hints(
        num_heads=heads if isinstance(heads, int) else None,
        img_size=size if isinstance(size, int) else None,
        eps=_number(config.get('layer_norm_eps')),
        mean=tuple(255 * value for value in mean) if mean else None,
        std=tuple(255 * value for value in std) if std else None,
        crop=_number(timm.get('crop_pct')),
        method=next(iter(config.get('architectures') or [config.get('architecture')])),
    )


def _read_json(path: Path) -> dict[str, Any]:
    """Read a dict; a file of this name that is something else says nothing about an encoder."""
    try:
        return _dict(json.loads(path.read_text(encoding='utf-8')))
    except ValueError:
        return {}


def from_model(model: nn.Module) -> Hints:
    """Read the heads and the preprocessing of a model in memory."""
    heads = [
        getattr(module, name)
        for module in model.modules()
        for name in ('num_heads', 'num_attention_heads')
        if isinstance(getattr(module, name, None), int)
    ]
    eps = [module.eps for module in model.modules() if isinstance(module, nn.LayerNorm)]
    prepare = getattr(model, 'data_preprocessor', None)
    mean, std = (getattr(prepare, name, None) for name in ('mean', 'std'))
    # Ours keeps them on the scale of 0 to 1, mmpretrain's on that of 0 to 255.
    scale = 255 if mean is not None and float(mean.max()) <= 1 else 1
    size = getattr(getattr(model, 'backbone', model), 'img_size', None)
    return Hints(
        num_heads=heads[0] if heads else None,
        img_size=size[0] if isinstance(size, list | tuple) else size,
        eps=eps[-1] if eps else None,
        mean=None if mean is None else tuple((mean.flatten() * scale).tolist()),
        std=None if std is None else tuple((std.flatten() * scale).tolist()),
        method=type(model).__name__,
    )


def _dict(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) else None


def _numbers(value: Any) -> tuple[float, ...] | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    return tuple(value) if all(isinstance(part, int | float) for part in value) else None
