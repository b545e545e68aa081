"""Changes of tensors between layouts that are more than another name."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from ..swin import count_stages, reorder_merging
from .layout import Step, Tensors


def joined(attention: str, query: str = 'query', key: str = 'key', value: str = 'value') -> Step:
    """Return the step that joins the projections to queries, keys and values to one.

    Args:
        attention: what is before ``query`` in a name, such as ``'attention.attention.'``.
        query: what the projection to queries is called.
        key: the one to keys.
        value: the one to values.

    Example:
        >>> step = joined('attn.', 'q', 'k', 'v')
        >>> names = step.to_ours({f'0.attn.{part}.weight': torch.ones(2, 2) for part in 'qkv'})
        >>> {name: tuple(tensor.shape) for name, tensor in names.items()}
        {'0.attn.qkv.weight': (6, 2)}
        >>> sorted(step.to_theirs(names))
        ['0.attn.k.weight', '0.attn.q.weight', '0.attn.v.weight']
    """
    words = (query, key, value)

    def join(tensors: Tensors) -> Tensors:
        found = dict(tensors)
        for name in tensors:
            start, middle, kind = name.rpartition(f'{attention}{key}.')
            if middle:
                parts = [found.pop(f'{start}{attention}{word}.{kind}') for word in words]
                found[f'{start}{attention}qkv.{kind}'] = torch.cat(parts)
        return found

    def split(tensors: Tensors) -> Tensors:
        found = {}
        for name, tensor in tensors.items():
            start, middle, kind = name.rpartition(f'{attention}qkv.')
            if not middle:
                found[name] = tensor
                continue
            for word, part in zip(words, tensor.chunk(3), strict=True):
                found[f'{start}{attention}{word}.{kind}'] = part
        return found

    return Step(join, split)


def without_bias_of_keys(attention: str) -> Step:
    """Return the step that renames the biases of queries and values where keys have none (BEiT).

    Args:
        attention: what is before ``query`` in a name.

    Example:
        >>> list(without_bias_of_keys('attn.').to_ours({'0.attn.query.bias': torch.ones(2)}))
        ['0.attn.q_bias']
    """
    pairs = [(f'{attention}query.bias', f'{attention}q_bias')]
    pairs += [(f'{attention}value.bias', f'{attention}v_bias')]

    def exchange(tensors: Tensors, back: bool) -> Tensors:
        found = {}
        for name, tensor in tensors.items():
            for theirs, ours in pairs:
                old, new = (ours, theirs) if back else (theirs, ours)
                if name.endswith(old):
                    name = name.removesuffix(old) + new  # noqa: PLW2901
            found[name] = tensor
        return found

    return Step(lambda tensors: exchange(tensors, False), lambda tensors: exchange(tensors, True))


# Patch merging joins 2 x 2 tokens, in mmpretrain in another order than elsewhere.
MERGING = Step(
    lambda tensors: reorder_merging(tensors, to_ours=True),
    lambda tensors: reorder_merging(tensors, to_ours=False),
)


def _name_last_norm(tensors: Tensors, to_ours: bool) -> Tensors:
    last = f'norm{count_stages([f".{name}" for name in tensors], ".stages.") - 1}.'
    old, new = ('last_norm.', last) if to_ours else (last, 'last_norm.')
    return {
        new + name.removeprefix(old) if name.startswith(old) else name: tensor
        for name, tensor in tensors.items()
    }


# Swin's norm after the last stage, which mmpretrain gives the number of the stage.
LAST_NORM = Step(
    lambda tensors: _name_last_norm(tensors, True), lambda tensors: _name_last_norm(tensors, False)
)


def _shift_merging(tensors: Tensors, by: int) -> Tensors:
    def shift(found: re.Match) -> str:
        return f'layers.{int(found[1]) + by}.downsample.'

    return {
        re.sub(r'^layers\.(\d+)\.downsample\.', shift, name): tensor
        for name, tensor in tensors.items()
    }


# timm merges patches at the beginning of a stage, the released code at the end of the one before.
MERGING_FIRST = Step(
    lambda tensors: _shift_merging(tensors, -1), lambda tensors: _shift_merging(tensors, 1)
)


def _without_index(tensors: Tensors) -> Tensors:
    return {name: t for name, t in tensors.items() if not name.endswith(_CONSTANT)}


_CONSTANT = ('relative_position_index', 'attn_mask', 'k_bias', 'qkv.bias_mask')
# Tensors that follow from the sizes of the encoder; libraries keep them in various forms.
CONSTANTS = Step(_without_index, _without_index)


def fold_layer_scale(tensors: Tensors) -> Tensors:
    """Multiply each layer scale into the layer before it, which computes the same.

    Args:
        tensors: those of a plain ViT by this package's names, such as DINOv2's.

    Returns:
        The tensors of an encoder without layer scale.

    Example:
        >>> tensors = {'layers.0.attn.gamma1.weight': torch.tensor([2.0]),
        ...            'layers.0.attn.proj.weight': torch.ones(1, 1)}
        >>> fold_layer_scale(tensors)
        {'layers.0.attn.proj.weight': tensor([[2.]])}
    """
    scales = ('.attn.gamma1.weight', '.ffn.gamma2.weight')
    found = {name: tensor for name, tensor in tensors.items() if not name.endswith(scales)}
    for block in {
        name.partition('.attn.gamma1.')[0] for name in tensors if '.attn.gamma1.' in name
    }:
        layers = ('attn.gamma1.weight', 'attn.proj'), ('ffn.gamma2.weight', 'ffn.layers.1')
        swiglu = f'{block}.ffn.w3.weight' in found
        for scale, layer in (layers[0], (layers[1][0], 'ffn.w3') if swiglu else layers[1]):
            gamma = tensors.get(f'{block}.{scale}')
            for kind in ('weight', 'bias'):
                name = f'{block}.{layer}.{kind}'
                if gamma is not None and name in found:
                    found[name] = _scaled(found[name], gamma)
    return found


def _scaled(tensor: Tensor, gamma: Tensor) -> Tensor:
    return tensor * (gamma[:, None] if tensor.ndim == 2 else gamma)
