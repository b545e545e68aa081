"""Names that the EMA's tensors have in checkpoints before version 0.2, and in mmpretrain's.

Each method had its own name for the averaged copy; now every method calls it ``ema``. Files and
configs with the earlier names remain valid, because all code that reads a name translates it here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

# Prefixes of names: (earlier, present).
EMA_ALIASES = (
    ('teacher.backbone.', 'ema.backbone.'),  # ConMIM
    ('teacher.neck.', 'ema.neck.'),
    ('target.', 'ema.'),  # CMAE, MoBY, Masked MoCo
    ('patch_contrast.target.projector.', 'ema.patch_projector.'),  # MimCo
    ('image_contrast.target.projector.', 'ema.image_projector.'),
    ('momentum_encoder.module.0.', 'ema.backbone.'),  # MoCo v3, mmpretrain's class
    ('momentum_encoder.module.1.', 'ema.neck.'),
)


def present_name(name: str) -> str:
    """Return the present form of a tensor's name or of a prefix.

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
    """List all forms that a prefix of names may have in a file, the given one first.

    Args:
        prefix: a present or an earlier prefix, which ends with a dot.

    Example:
        >>> list_spellings('ema.backbone.')
        ['ema.backbone.', 'teacher.backbone.', 'target.backbone.', 'momentum_encoder.module.0.']
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
    """Rename the tensors of a state dict from earlier to present names, in place.

    Args:
        tensors: the state dict of a checkpoint.
        prefix: prefix of the model's names in it; tensors without it are not renamed.
        known: the model's own names, without the prefix. A tensor is not renamed if the model has
            its name, or does not have the present form of its name.

    Example:
        >>> tensors = {'target.weight': 1}
        >>> rename_earlier(tensors, prefix='', known={'ema.weight'})
        >>> tensors
        {'ema.weight': 1}
    """
    for name in [name for name in tensors if name.startswith(prefix)]:
        own = name.removeprefix(prefix)
        present = present_name(own)
        if own not in known and present in known:
            tensors[prefix + present] = tensors.pop(name)
