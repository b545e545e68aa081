"""Find the encoders in a checkpoint of any origin, and say what they are."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from .beit import HF_BEIT, TIMM_BEIT
from .dino import DINO_LAYOUTS
from .layout import Layout, Tensors
from .swin import HF_SWIN, OWN_SWIN, RELEASED_SWIN, TIMM_SWIN, TORCHVISION_SWIN
from .vit import HF_DINOV2, HF_VIT, MMSEG_VIT, OWN_VIT, TIMM_VIT, TORCHVISION_VIT

LAYOUTS = (
    OWN_VIT,
    OWN_SWIN,
    TIMM_VIT,
    TIMM_BEIT,
    RELEASED_SWIN,
    TIMM_SWIN,
    HF_VIT,
    HF_BEIT,
    HF_DINOV2,
    HF_SWIN,
    TORCHVISION_VIT,
    TORCHVISION_SWIN,
    MMSEG_VIT,
    *DINO_LAYOUTS,
)
OWN = (OWN_VIT, OWN_SWIN)
# Words in a prefix that say that an encoder is an average of another one over the training.
_AVERAGED = re.compile(
    r'(^|[._])(ema|teacher|target|momentum|encoder_k|model_k|averaged|averager)([._]|$)'
)
# Words in a prefix of what is like an encoder and is none.
_NO_ENCODER = re.compile(r'(^|[._])(decoder|predictor|projector|head|neck|discriminator)s?([._]|$)')
# Words that wrap a model and say nothing about it.
_WRAPPERS = ('module', 'state_dict', 'model', '_orig_mod')


@dataclass(frozen=True)
class Found:
    """An encoder in a checkpoint.

    Attributes:
        layout: whose names it has.
        prefix: what is before them.
        tensors: by this package's names, without a prefix.
        averaged: whether it is an average over the training (EMA, momentum encoder, teacher).
        left_out: first parts of the names of the other tensors of the file.
    """

    layout: Layout
    prefix: str
    tensors: Tensors = field(repr=False)
    averaged: bool
    left_out: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """The prefix without words that only wrap a model."""
        return _without_wrappers(self.prefix)

    @property
    def num_heads(self) -> int | None:
        """The number of attention heads where it is not the width / 64: MoCo v3's ViT-S has 12."""
        token = self.tensors.get('cls_token')
        marks = ('base_encoder', 'momentum_encoder')
        named = any(mark in part for mark in marks for part in (self.prefix, *self.left_out))
        return 12 if named and token is not None and token.shape[-1] == 384 else None

    @property
    def is_relative(self) -> bool:
        """Whether all blocks share one table of relative positions, as in BEiT's pre-training."""
        return any(name.startswith('rel_pos_bias.') for name in self.tensors)

    def __str__(self) -> str:
        kind = 'EMA copy' if self.averaged else 'encoder'
        where = f' under {self.place!r}' if self.place else ''
        rest = f'; not used: {", ".join(self.left_out)}' if self.left_out else ''
        return f'the {kind}{where}, in the layout of {self.layout.name}{rest}'


def choose(found: Sequence[Found], which: str | None, source: str) -> Found:
    """Choose among the encoders of a checkpoint.

    Args:
        found: from :func:`find_encoders`.
        which: ``'ema'``, ``'student'``, or None for what the method is evaluated with: the average
            of ConMIM (whose positions are relative) and of DINO (which calls it teacher), the
            encoder itself of the others.
        source: where they are from, for the message.

    Raises:
        ValueError: there is no such encoder.
    """
    students = [encoder for encoder in found if not encoder.averaged]
    averages = [encoder for encoder in found if encoder.averaged]
    if which is None:
        preferred = any('teacher' in part.prefix or part.is_relative for part in averages)
        which = 'ema' if averages and (preferred or not students) else 'student'
    chosen = averages if which == 'ema' else students
    if not chosen:
        there = '; '.join(map(str, found))
        raise ValueError(
            f'{source} has no encoder for which={which!r}; it has {there}. Leave which out.'
        )
    return min(chosen, key=lambda encoder: len(encoder.prefix))


def flatten(content: Mapping[str, Any], depth: int = 4) -> Tensors:
    """Return all tensors of a checkpoint, those in nested dicts by names joined with dots.

    Args:
        content: the checkpoint.
        depth: of dicts in each other that are looked into; a dict may contain itself.

    Example:
        >>> import torch
        >>> flatten({'teacher': {'norm.weight': torch.ones(1)}, 'epoch': 3})
        {'teacher.norm.weight': tensor([1.])}
    """
    tensors = {}
    for name, value in content.items():
        if isinstance(value, Tensor):
            tensors[str(name)] = value
        elif isinstance(value, Mapping) and depth and 'optim' not in str(name):
            inside = flatten(value, depth - 1)
            tensors.update({f'{name}.{key}': part for key, part in inside.items()})
    return tensors


def find_encoders(content: Mapping[str, Any], source: str) -> list[Found]:
    """Find the encoders of a checkpoint.

    Args:
        content: the checkpoint, or a state dict.
        source: where it is from, for messages.

    Returns:
        At least one, those that are no averages first.

    Raises:
        ValueError: there is none in a known layout; the message lists the nearest ones. Or one has
            rotary positions or tensors that its layout does not know.

    Example:
        >>> from mcl_plugins.backbones import VisionTransformer
        >>> arch = dict(embed_dims=24, num_layers=1, num_heads=2, feedforward_channels=48)
        >>> state = VisionTransformer(arch, img_size=32, patch_size=8, out_type='raw').state_dict()
        >>> released = {f'module.{name}': tensor
        ...             for name, tensor in TIMM_VIT.to_theirs(state).items()}
        >>> [str(found) for found in find_encoders({'model': released}, 'vit.pth')]
        ["the encoder, in the layout of timm's ViT (MAE, MoCo v3, DINO, DINOv2, DeiT)"]
    """
    tensors = flatten(content)
    try:
        found = [
            _read(tensors, layout, prefix)
            for layout in LAYOUTS
            for prefix in layout.prefixes(tensors)
            if not _NO_ENCODER.search(prefix)
        ]
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from error
    if not found:
        raise unknown_layout(tensors, source)
    return sorted(found, key=lambda encoder: encoder.averaged)


def _read(tensors: Tensors, layout: Layout, prefix: str) -> Found:
    inside = {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    known = {name: tensor for name, tensor in inside.items() if layout.knows(name)}
    strange = [name for name in inside if name not in known and layout.is_inside(name)]
    if strange:
        raise ValueError(
            f'the blocks have tensors that {layout.name} does not have: {", ".join(strange[:4])}'
        )
    _refuse_rotary(inside)
    rest = {_top(name) for name in tensors if name.removeprefix(prefix) not in known}
    return Found(
        layout,
        prefix,
        layout.to_ours(known),
        bool(_AVERAGED.search(prefix)),
        tuple(sorted(rest)),
    )


def _refuse_rotary(tensors: Mapping[str, object]) -> None:
    """Raise a ValueError for timm's ViTs whose attention turns queries and keys (rotary positions).

    The turn is computed and has no tensor, so that they look like ViTs without it.
    """
    mixed = 'rope.freqs' in tensors
    # CLIP's ViT has a norm at the end and no pooling; Perception Encoders differ in one of the two.
    perception = 'norm_pre.weight' in tensors and (
        'attn_pool.latent' in tensors or 'norm.weight' not in tensors
    )
    if mixed or perception:
        kind = "timm's ViT with mixed rotary positions" if mixed else 'a Perception Encoder'
        raise ValueError(
            f'the encoder is {kind}: it turns queries and keys by their positions, which no '
            'encoder of this layout does here, so its features would be wrong.'
        )


def _top(name: str) -> str:
    """Return the part of a model that a tensor belongs to."""
    return _without_wrappers(name).partition('.')[0]


def _without_wrappers(name: str) -> str:
    """Leave out the first words of a name that say nothing about the model.

    Example:
        >>> _without_wrappers('state_dict.module.backbone.'), _without_wrappers('model.')
        ('backbone.', '')
    """
    first, dot, rest = name.partition('.')
    return _without_wrappers(rest) if dot and first in _WRAPPERS else name


def unknown_layout(tensors: Mapping[str, Tensor], source: str) -> ValueError:
    """Return the error for a checkpoint of no known layout, with the three nearest ones."""
    names = sorted({_template(name) for name in tensors})
    sample = names[:: len(names) // 64 + 1]
    near = sorted(LAYOUTS, key=lambda layout: _distance(layout, sample))[:3]
    lines = [f'\n  {layout.name}: {_difference(layout, tensors)}' for layout in near]
    return ValueError(
        f'{source} has no encoder in a known layout. Its names are like {", ".join(names[:4])}. '
        f'The three nearest of {len(LAYOUTS)} layouts:{"".join(lines)}\n'
        'Rename the tensors to one of them, for example with a few lines of Python and '
        'safetensors.torch.save_file.'
    )


def _template(name: str) -> str:
    return re.sub(r'\.\d+\.', '.0.', name)


def _distance(layout: Layout, names: list[str]) -> float:
    """Rate how far a layout's typical names are from those of a file, from 0 to 1."""
    typical = [*layout.needs, *layout.one_of[:1]]
    typical += [theirs.format(i=0, j=0) for theirs, _ in layout.pairs if '{' in theirs]
    total = 0.0
    for wanted in typical:
        ends = [name[-len(wanted) :] for name in names] or ['']
        total += max(difflib.SequenceMatcher(None, wanted, end).ratio() for end in ends)
    return 1 - total / len(typical)


def _difference(layout: Layout, tensors: Mapping[str, Tensor]) -> str:
    """Say what a file lacks of a layout, or has that the layout has not."""
    for name in tensors:
        if not name.endswith(layout.needs[0]):
            continue
        prefix = name.removesuffix(layout.needs[0])
        missing = [end for end in layout.needs if prefix + end not in tensors]
        extra = [end for end in layout.lacks if prefix + end in tensors]
        if missing:
            return f'{", ".join(missing)} missing'
        if extra:
            return f'{", ".join(extra)} in the file, which such an encoder does not have'
    return f'expects names such as {layout.needs[0]}'
