"""What a checkpoint says about its encoder beside the tensors: in its config, or a file with it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ..checkpoint.origin import read_arch, read_preprocessing
from ..checkpoint.sources import WEIGHTS
from ..preprocessors.statistics import Statistics, read_statistics, statistics_of
from ..utils.literals import read_assignments
from .config import EncoderConfig
from .reading import Reading, from_settings, read_reading

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
        statistics: with which images are normalised.
        crop: middle part of an image that is used.
        reading: how files of images were read.
        method: class of the model.
        text: the config of the training.
    """

    arch: str | Mapping[str, Any] | None = None
    num_heads: int | None = None
    img_size: int | None = None
    eps: float | None = None
    statistics: Statistics | None = None
    crop: float | None = None
    reading: Reading = field(default_factory=Reading)
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
    size = backbone.get('img_size')
    return Hints(
        arch=backbone.get('arch') or read_arch(dict(content)),
        img_size=size if isinstance(size, int) else None,
        eps=_number(_dict(backbone.get('norm_cfg')).get('eps')),
        statistics=read_statistics(read_preprocessing(dict(content))),
        reading=read_reading(assigned),
        method=model['type'] if isinstance(model.get('type'), str) else None,
        text=text,
    )


def from_export(encoder: Mapping[str, Any]) -> Hints:
    """Read what :meth:`PretrainedEncoder.describe` has written."""
    architecture, prepare = _dict(encoder.get('architecture')), _dict(encoder.get('preprocessing'))
    text, reading = encoder.get('config'), prepare.get('reading')
    if reading is None and isinstance(text, str):  # an export of before they were described
        found = read_reading(read_assignments(text))
    else:
        found = from_settings(_dict(reading))
    return Hints(
        arch=architecture.get('arch'),
        img_size=architecture.get('img_size'),
        eps=_number(architecture.get('eps')),
        statistics=read_statistics({**prepare, 'to_rgb': True}),
        crop=_number(prepare.get('crop')),
        reading=found,
        method=encoder.get('method'),
        text=text,
    )


def from_folder(weights: Path, sizes: EncoderConfig) -> Hints:
    """Read what an export, timm or Hugging Face has written beside weights; all is optional.

    A description counts only for a file of the name that these libraries give to weights, and only
    if it states the sizes that the tensors have: other weights may lie in the same folder. A
    warning says which description is left out, and why.

    Args:
        weights: the file.
        sizes: of the encoder in it, as its tensors show them.
    """
    export, config, prepare = (
        _read_json(path) if path.is_file() else {}
        for path in (weights.parent / name for name in DESCRIPTIONS)
    )
    own = _dict(export or config.get('mcl_plugins'))
    hints = from_export(own) if own else _from_library(config, prepare)
    if hints == Hints():
        return hints
    stated = _sizes_of_export(own) if own else _sizes_of_library(config)
    reason = _reason_against(weights, stated, _sizes_of_tensors(sizes))
    if not reason:
        return hints
    there = [name for name in DESCRIPTIONS if (weights.parent / name).is_file()]
    warnings.warn(
        f'{" and ".join(there)} beside {weights} may be of another encoder and '
        f'{"is" if len(there) == 1 else "are"} not used: {reason}.',
        stacklevel=3,  # who called load_encoder
    )
    return Hints()


def _reason_against(
    weights: Path, stated: Mapping[str, Any], sizes: Mapping[str, Any]
) -> str | None:
    """Say why a description is not of weights; None if it is."""
    differing = [
        f'{name}={value} (the weights: {sizes[name]})'
        for name, value in stated.items()
        if value is not None and value != sizes[name]
    ]
    if differing:
        return ', '.join(differing)
    if stated.get('width') is None:
        return 'it does not state the width of the encoder'
    if weights.name not in WEIGHTS:
        return (
            f'weights that it describes are named {", ".join(WEIGHTS[:-1])} or {WEIGHTS[-1]}; if '
            'it is theirs, give them one of these names'
        )
    return None


def _sizes_of_tensors(config: EncoderConfig) -> dict[str, Any]:
    arch = config.arch
    return {
        'width': config.width,
        'blocks': arch.get('num_layers', sum(arch.get('depths', ()))),
        'patch size': config.patch_size,
        'bands': config.in_channels,
    }


def _sizes_of_export(encoder: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _sizes_of_tensors(EncoderConfig(**_dict(encoder.get('architecture'))))
    except (TypeError, KeyError, IndexError, AttributeError):  # it is not what this package writes
        return {}


def _sizes_of_library(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes that timm's or Hugging Face's description states; None for the others."""
    model = _dict(config.get('model_args'))
    size = _dict(config.get('pretrained_cfg')).get('input_size')
    depths = config.get('depths', model.get('depths'))
    swin = _numbers(depths) is not None
    width = config.get('hidden_size', config.get('num_features'))
    return {
        # timm's embed_dim of a Swin is that of its first stage.
        'width': width if width is not None or swin else model.get('embed_dim'),
        'blocks': sum(depths) if swin else config.get('num_hidden_layers', model.get('depth')),
        'patch size': config.get('patch_size', model.get('patch_size')),
        'bands': config.get('num_channels', size[0] if isinstance(size, list) and size else None),
    }


def _from_library(config: Mapping[str, Any], prepare: Mapping[str, Any]) -> Hints:
    """Read the descriptions of timm or Hugging Face."""
    timm, model = _dict(config.get('pretrained_cfg')), _dict(config.get('model_args'))
    heads = config.get('num_attention_heads', model.get('num_heads'))
    size = config.get('image_size', model.get('img_size'))
    names = config.get('architectures') or config.get('architecture')
    return Hints(
        num_heads=heads if isinstance(heads, int) else None,
        img_size=size if isinstance(size, int) else None,
        eps=_number(config.get('layer_norm_eps')),
        statistics=_statistics_of_library(prepare, timm),
        crop=_number(timm.get('crop_pct')),
        method=names[0] if isinstance(names, list) else names,
    )


def _statistics_of_library(
    prepare: Mapping[str, Any], timm: Mapping[str, Any]
) -> Statistics | None:
    """Return mean and standard deviation on the scale of 0 to 255; None if they are not stated.

    Hugging Face multiplies pixels by ``rescale_factor``, by default 1 / 255, and then subtracts the
    mean; timm divides them by 255.
    """
    factor = prepare.get('rescale_factor', 1 / 255)
    if prepare.get('do_rescale') is False:
        factor = 1
    scale = 1 / factor if isinstance(factor, int | float) and factor > 0 else 255
    mean, std = (_numbers(prepare.get(f'image_{name}', timm.get(name))) for name in ('mean', 'std'))
    if prepare.get('do_normalize') is False:
        bands = len(mean or 'RGB')
        mean, std = (0.0,) * bands, (1.0,) * bands
    if mean is None or std is None:
        return None
    return Statistics(tuple(scale * part for part in mean), tuple(scale * part for part in std))


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
    own = statistics_of(getattr(model, 'data_preprocessor', None))
    timm = _dict(getattr(model, 'pretrained_cfg', None))
    size = getattr(getattr(model, 'backbone', model), 'img_size', None)
    return Hints(
        num_heads=heads[0] if heads else None,
        img_size=size[0] if isinstance(size, list | tuple) else size,
        eps=eps[-1] if eps else None,
        statistics=own or _statistics_of_library({}, timm),
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
