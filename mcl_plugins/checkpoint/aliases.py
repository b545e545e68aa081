"""Earlier names of the EMA's tensors, under which checkpoints were written before version 0.2.

Each method had a name of its own for its averaged copy; now every method calls it ``ema``. Files
and configs with the earlier names stay valid: whatever reads a name looks it up here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

# Beginnings of names: the earlier one, and the present one.
EMA_ALIASES = (
    ('teacher.backbone.', 'ema.backbone.'),  # ConMIM
    ('teacher.neck.', 'ema.neck.'),
    ('target.', 'ema.'),  # CMAE, MoBY, Masked MoCo
    ('patch_contrast.target.projector.', 'ema.patch_projector.'),  # MimCo
    ('image_contrast.target.projector.', 'ema.image_projector.'),
)


def present_name(name: str) -> str:
    """The present form of a tensor's name or of its beginning.

    Example:
        >>> present_name('target.backbone.cls_token')
        'ema.backbone.cls_token'
        >>> present_name('backbone.cls_token')
        'backbone.cls_token'
    """
    for earlier, present in EMA_ALIASES:
        if name.startswith(earlier):
            return present + name.removeprefix(earlier)
    return name


def list_spellings(prefix: str) -> list[str]:
    """All forms in which a file may have the beginning of a name, the given one first.

    Args:
        prefix: beginning of names, present or earlier, that ends in a dot.

    Example:
        >>> list_spellings('ema.backbone.')
        ['ema.backbone.', 'teacher.backbone.', 'target.backbone.']
        >>> list_spellings('target.backbone.')
        ['target.backbone.', 'ema.backbone.']
    """
    if (present := present_name(prefix)) != prefix:
        return [prefix, present]
    return [
        prefix,
        *(
            earlier + prefix.removeprefix(present)
            for earlier, present in EMA_ALIASES
            if prefix.startswith(present)
        ),
    ]


def rename_earlier(tensors: dict[str, Any], prefix: str, known: Collection[str]) -> None:
    """Give the tensors of a state dict their present names, in place.

    Args:
        tensors: of a checkpoint, by name.
        prefix: beginning of all names of the model; other names are left alone.
        known: the model's own names, without the prefix. A name that the model has is left alone,
            and so is one whose present form it does not have.
    """
    for name in [name for name in tensors if name.startswith(prefix)]:
        own = name.removeprefix(prefix)
        present = present_name(own)
        if own not in known and present in known:
            tensors[prefix + present] = tensors.pop(name)
