"""Compare the width of an encoder with that of the part that takes its features."""

from __future__ import annotations

from mmpretrain.models import BaseClassifier, BaseSelfSupervisor, GlobalAveragePooling
from torch import nn


def check_widths(model: nn.Module) -> None:
    """Raise a ValueError if the neck or head takes features of another width than the encoder's.

    PyTorch finds out in the first step, and says "mat1 and mat2 shapes cannot be multiplied". The
    first linear layer of the neck, or of the head behind a neck without one, has to be as wide as
    the encoder. Segmentors and detectors, which take maps of several levels, are not checked.

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
    width = getattr(backbone, 'embed_dims', None)
    if isinstance(getattr(backbone, 'num_features', None), list | tuple):  # one for each stage
        width = backbone.num_features[-1]  # type: ignore[union-attr]
    if not isinstance(width, int):
        return
    for name in ('neck', 'head'):
        part = getattr(model, name, None)
        if not isinstance(part, nn.Module):
            continue
        if isinstance(part, GlobalAveragePooling):  # the width stays
            continue
        first = next((layer for layer in part.modules() if isinstance(layer, nn.Linear)), None)
        if first is None:
            return  # it may join features
        if first.in_features != width:
            raise ValueError(
                f'model.{name} takes features of width {first.in_features}, but model.backbone '
                f'({type(backbone).__name__}) gives {width}: set model.{name}.in_channels={width} '
                '(of a decoder embed_dim), or another model.backbone.arch.'
            )
        return
