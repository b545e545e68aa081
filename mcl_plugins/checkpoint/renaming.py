"""Conversion between the tensor names of released checkpoints and those of this package."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from .aliases import present_name

Value = TypeVar('Value')


def vit_blocks(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Pair the names inside timm's transformer blocks with those inside mmpretrain's.

    Args:
        theirs: prefix of a released block, for example ``'blocks.{i}.'``.
        ours: prefix of this package's block, for example ``'backbone.layers.{i}.'``.

    Example:
        >>> vit_blocks('blocks.{i}.', 'layers.{i}.')[0]
        ('blocks.{i}.norm1.', 'layers.{i}.ln1.')
    """
    return [
        (f'{theirs}norm1.', f'{ours}ln1.'),
        (f'{theirs}norm2.', f'{ours}ln2.'),
        (f'{theirs}mlp.fc1.', f'{ours}ffn.layers.0.0.'),
        (f'{theirs}mlp.fc2.', f'{ours}ffn.layers.1.'),
        (theirs, ours),
    ]


def vit_encoder(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Pair the names of timm's vision transformer, without its head, with those of mmpretrain's.

    Args:
        theirs: prefix of the released encoder, for example ``'encoder.'`` or ``''``.
        ours: prefix of this package's encoder, for example ``'backbone.'``.
    """
    return [
        (f'{theirs}cls_token', f'{ours}cls_token'),
        (f'{theirs}pos_embed', f'{ours}pos_embed'),
        (f'{theirs}patch_embed.proj.', f'{ours}patch_embed.projection.'),
        *vit_blocks(f'{theirs}blocks.{{i}}.', f'{ours}layers.{{i}}.'),
        (f'{theirs}norm.', f'{ours}ln1.'),
    ]


class Names(Protocol):
    """Interface of a conversion between a released state dict and this package's."""

    def from_released(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a released state dict to this package's names."""

    def to_released(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a state dict of this package to the released names."""


@functools.cache
def pattern(start: str) -> re.Pattern:
    """Compile a prefix, in which ``{i}`` and ``{j}`` are numbers, to a regular expression."""
    return re.compile(re.sub(r'\\{(\w)\\}', r'(?P<\1>\\d+)', re.escape(start)))


class Renaming:
    """A table of prefixes of tensor names, (released, ours), in which ``{i}``, ``{j}`` are numbers.

    The first prefix that matches a name is replaced. The rest of the name stays.

    Args:
        source: what the released names belong to, for error messages.
        pairs: the table. Longer prefixes come before shorter ones.
        dropped: prefixes of released tensors that this package does not have.
        prefix: prefix of all released names, such as DDP's ``'module.'``. Files without it can be
            read, too.
        unreleased: names of this package's tensors that released checkpoints do not have.

    Example:
        >>> Renaming('a release', [('blocks.{i}.', 'backbone.layers.{i}.')]).ours('blocks.3.w')
        'backbone.layers.3.w'
    """

    def __init__(
        self,
        source: str,
        pairs: Sequence[tuple[str, str]],
        dropped: Sequence[str] = (),
        prefix: str = '',
        unreleased: Sequence[str] = (),
    ) -> None:
        self.source = source
        self.pairs = list(pairs)
        self.prefix = prefix
        self.dropped = [pattern(start) for start in dropped]
        self.unreleased = frozenset(unreleased)

    def ours(self, name: str) -> str:
        """Return this package's name of a released tensor."""
        return self._exchange(name.removeprefix(self.prefix), self.pairs)

    def released(self, name: str) -> str:
        """Return the released name of a tensor of this package; its name may be an earlier one."""
        name = present_name(name)
        return self.prefix + self._exchange(name, [(ours, theirs) for theirs, ours in self.pairs])

    def from_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """Rename the tensors of a released state dict, except those in ``dropped``.

        Raises:
            ValueError: a name is not in the table.
        """
        return {
            self.ours(name): value
            for name, value in tensors.items()
            if not any(start.match(name) for start in self.dropped)
        }

    def to_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """Invert :meth:`from_released`; tensors in ``unreleased`` are left out.

        Raises:
            ValueError: a name is not in the table.
        """
        return {
            self.released(name): value
            for name, value in tensors.items()
            if name not in self.unreleased
        }

    def _exchange(self, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        for old, new in pairs:
            match = pattern(old).match(name)
            if match:
                return new.format(**match.groupdict()) + name[match.end() :]
        raise ValueError(f'{name!r} is not a tensor of {self.source}.')
