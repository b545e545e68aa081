"""Look whether an encoder fits the part that takes its features."""

from __future__ import annotations

from mmpretrain.models import BaseClassifier, BaseSelfSupervisor, GlobalAveragePooling
from torch import nn


def check_widths(model: nn.Module) -> None:
    """Raise a ValueError if a part takes features of another width than it gets.

    PyTorch finds out in the first step, and says "mat1 and mat2 shapes cannot be multiplied". The
    first linear layer of the neck, of the head behind a neck without one, or of a projector has to
    be as wide as the encoder, and that of a predictor as wide as its projector. Segmentors and
    detectors, which take maps of several levels, are not checked.

    Args:
        model: a method of pre-training or a classifier.

    Example:
        >>> from mmpretrain.models import ImageClassifier
        >>> head = dict(type='VisionTransformerClsHead', num_classes=10, in_channels=192)
        >>> model = ImageClassifier(dict(type='VisionTransformer', arch='deit-t'), head=head)
        >>> check_widths(model)
    """
    if not isinstance(model, BaseSelfSupervisor | BaseClassifier):
        return
    backbone = getattr(model, 'backbone', None)
    if isinstance(model, BaseClassifier):
        check_kind(backbone)
    width = getattr(backbone, 'embed_dims', None)
    if isinstance(getattr(backbone, 'num_features', None), list | tuple):  # one for each stage
        width = backbone.num_features[-1]  # type: ignore[union-attr]
    if not isinstance(width, int):
        return
    parts = {name: part for name, part in model.named_modules() if not name.startswith('ema.')}
    for name in ('neck', 'head'):
        # The width stays in a pooling.
        if name in parts and not isinstance(parts[name], GlobalAveragePooling):
            _compare(name, parts[name], width, f'model.backbone ({type(backbone).__name__})')
            break  # a neck without a linear layer may join features
    for name, part in parts.items():
        if name.rpartition('.')[2] != 'projector':
            continue
        _compare(name, part, width, f'model.backbone ({type(backbone).__name__})')
        follower = f'{name.removesuffix("projector")}predictor'
        layers = [layer for layer in part.modules() if isinstance(layer, nn.Linear)]
        if follower in parts and layers:
            _compare(follower, parts[follower], layers[-1].out_features, f'model.{name}')


def _compare(name: str, part: nn.Module, width: int, origin: str) -> None:
    first = next((layer for layer in part.modules() if isinstance(layer, nn.Linear)), None)
    if first is not None and first.in_features != width:
        other = 'out_channels of the projector' if 'projector' in origin else 'model.backbone.arch'
        raise ValueError(
            f'model.{name} takes features of width {first.in_features}, but {origin} gives '
            f'{width}: set model.{name}.in_channels={width} (of a decoder embed_dim), or another '
            f'{other}.'
        )


def check_kind(backbone: nn.Module | None) -> None:
    """Raise a ValueError if the encoder of a classifier is one for pre-training.

    Those return their tokens, of which a classifier's head makes no feature of the image.

    Example:
        >>> from mcl_plugins.backbones import MaskedViT
        >>> check_kind(MaskedViT('deit-tiny'))
        Traceback (most recent call last):
        ValueError: model.backbone is a MaskedViT, an encoder for pre-training, which returns the \
visible tokens and no feature of the image: set model.backbone.type='mcl_plugins.VisionTransformer'.
    """
    returned = getattr(backbone, 'masked_output', None)
    if returned in (None, 'one map'):
        return
    unmasked = next(
        kind.__name__
        for kind in type(backbone).__mro__
        if getattr(kind, 'masked_output', 0) is None
    )
    raise ValueError(
        f'model.backbone is a {type(backbone).__name__}, an encoder for pre-training, which '
        f'returns {returned} and no feature of the image: set '
        f"model.backbone.type='mcl_plugins.{unmasked}'."
    )
