"""What a checkpoint's own config says of its encoder, read without running it."""

from __future__ import annotations

import ast
from typing import Any

from torch import nn


def check_heads(module: nn.Module, content: dict, path: str) -> None:
    """Compare the attention heads of an encoder with those of the one that a file was trained as.

    No tensor's shape depends on their number in a plain ViT: MoCo v3's ViT-S with 12 heads fits
    into one with 6, and computes something else. A Runner's file holds its config; a file without
    one, or of an encoder that is not a plain ViT, is not compared.

    Args:
        module: the encoder to be loaded.
        content: of the file.
        path: of the file.

    Raises:
        ValueError: they differ.
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
        raise ValueError(
            f'{path} was trained with {arch["num_heads"]} attention heads, and this encoder has '
            f"{heads}: set model.backbone.arch to the file's (arch='mocov3-small' for MoCo v3's "
            "and Masked MoCo's ViT-S)."
        )


def read_arch(content: dict) -> str | dict | None:
    """``arch`` of the backbone in the config that a file holds; None if it holds none."""
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
    return None if arch is None else _evaluate_literal(arch)


def _find_argument(node: ast.expr | None, name: str) -> ast.expr | None:
    """The argument ``name`` of ``dict(...)``."""
    if not isinstance(node, ast.Call):
        return None
    return next((word.value for word in node.keywords if word.arg == name), None)


def _evaluate_literal(node: ast.expr) -> Any:
    """The value of a literal or of a ``dict(...)`` of literals; None for anything else."""
    if isinstance(node, ast.Call):
        return {word.arg: _evaluate_literal(word.value) for word in node.keywords}
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
