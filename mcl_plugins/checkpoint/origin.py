"""Read the encoder's architecture from the config inside a checkpoint, without running it."""

from __future__ import annotations

import ast
from typing import Any

from torch import nn

from ..utils.literals import evaluate, read_assignments


def check_heads(module: nn.Module, content: dict, path: str) -> None:
    """Compare the number of attention heads of an encoder with that in a checkpoint's config.

    In a plain ViT no tensor's shape depends on the number of heads. The weights of MoCo v3's ViT-S,
    with 12 heads, can be loaded into a ViT-S with 6 heads, whose outputs are then wrong. The Runner
    stores its config in the checkpoint. A file without a config, or of an encoder that is not a
    plain ViT, is not compared.

    Args:
        module: the encoder to be loaded.
        content: the checkpoint.
        path: file of the checkpoint, for the message.

    Raises:
        ValueError: the numbers differ.
    """
    layers: Any = getattr(module, 'layers', None)
    zoo = getattr(module, 'arch_zoo', None)
    if not layers or zoo is None or not hasattr(layers[0].attn, 'num_heads'):
        return
    arch = read_arch(content)
    if isinstance(arch, str):
        arch = zoo.get(arch.lower())
    heads = layers[0].attn.num_heads
    if isinstance(arch, dict) and arch.get('num_heads', heads) != heads:
        raise other_heads_error(path, arch['num_heads'], heads)


def other_heads_error(path: str, in_file: int | None, here: int | None) -> ValueError:
    """Return the error for an encoder with another number of attention heads."""
    return ValueError(
        f'{path} was trained with {in_file} attention heads, and this encoder has {here}. Set '
        "model.backbone.arch to the file's (arch='mocov3-small' for MoCo v3's and Masked MoCo's "
        'ViT-S).'
    )


def read_arch(content: dict) -> str | dict | None:
    """Return ``arch`` of the backbone in a checkpoint's config, or None if it has no config.

    Example:
        >>> read_arch({'meta': {'cfg': "model = dict(backbone=dict(arch='small'))"}})
        'small'
    """
    meta = content.get('meta')
    text = meta.get('cfg') if isinstance(meta, dict) else None
    if not isinstance(text, str):
        return None
    try:
        assigned = {
            target.id: node.value
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
    except SyntaxError:
        return None
    arch = _find_argument(_find_argument(assigned.get('model'), 'backbone'), 'arch')
    try:
        return None if arch is None else evaluate(arch)
    except ValueError:  # it is no literal
        return None


def read_preprocessing(content: dict) -> dict[str, Any]:
    """Return the settings of the data preprocessor in a checkpoint's config; empty if it has none.

    Example:
        >>> read_preprocessing({'meta': {'cfg': 'data_preprocessor = dict(mean=[0.0], std=[1.0])'}})
        {'mean': [0.0], 'std': [1.0]}
    """
    meta = content.get('meta')
    meta = meta if isinstance(meta, dict) else {}
    text, exported = meta.get('cfg'), meta.get('encoder')
    if isinstance(exported, dict):  # written by this package's export, which takes RGB
        return {**exported.get('preprocessing', {}), 'to_rgb': True}
    assigned = read_assignments(text) if isinstance(text, str) else {}
    model = assigned.get('model')
    inner = model.get('data_preprocessor') if isinstance(model, dict) else None
    found = assigned.get('data_preprocessor') or inner
    return dict(found) if isinstance(found, dict) else {}


def _find_argument(node: ast.expr | None, name: str) -> ast.expr | None:
    """Return the argument ``name`` of a ``dict(...)`` call; None if there is no such argument."""
    if not isinstance(node, ast.Call):
        return None
    return next((word.value for word in node.keywords if word.arg == name), None)
