"""Tensor names of released checkpoints and of this package, as a table read both ways."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from .aliases import present_name

Value = TypeVar('Value')


def vit_blocks(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Names within timm's transformer blocks and within mmpretrain's.

    Args:
        theirs: beginning of a block's names there, ``'blocks.{i}.'``.
        ours: beginning of a block's names here, ``'backbone.layers.{i}.'``.
    """
    return [
        (f'{theirs}norm1.', f'{ours}ln1.'),
        (f'{theirs}norm2.', f'{ours}ln2.'),
        (f'{theirs}mlp.fc1.', f'{ours}ffn.layers.0.0.'),
        (f'{theirs}mlp.fc2.', f'{ours}ffn.layers.1.'),
        (theirs, ours),
    ]


def vit_encoder(theirs: str, ours: str) -> list[tuple[str, str]]:
    """Names of timm's vision transformer without head, and of mmpretrain's.

    Args:
        theirs: beginning of all its names there, ``'encoder.'`` or nothing.
        ours: beginning of all its names here, ``'backbone.'``.
    """
    return [
        (f'{theirs}cls_token', f'{ours}cls_token'),
        (f'{theirs}pos_embed', f'{ours}pos_embed'),
        (f'{theirs}patch_embed.proj.', f'{ours}patch_embed.projection.'),
        *vit_blocks(f'{theirs}blocks.{{i}}.', f'{ours}layers.{{i}}.'),
        (f'{theirs}norm.', f'{ours}ln1.'),
    ]


class Names(Protocol):
    """Both ways between a released state dict and this package's."""

    def from_released(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """A released state dict in this package's names."""

    def to_released(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """One of this package's in the released names."""


@functools.cache
def pattern(start: str) -> re.Pattern:
    """A regular expression for a name's beginning with ``{i}`` and ``{j}`` for numbers."""
    return re.compile(re.sub(r'\\{(\w)\\}', r'(?P<\1>\\d+)', re.escape(start)))


class Renaming:
    """A table of name beginnings: (released, ours), ``{i}``, ``{j}`` standing for numbers.

    The first beginning that fits is exchanged, the rest of the name is kept.

    Args:
        source: whose names these are, for error messages.
        pairs: the table; longer beginnings before shorter ones.
        dropped: beginnings of released tensors that have no place here; ``{i}`` as above.
        prefix: what all released names start with; files without it are read too.

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
    ) -> None:
        self.source = source
        self.pairs = list(pairs)
        self.prefix = prefix
        self.dropped = [pattern(start) for start in dropped]

    def ours(self, name: str) -> str:
        """This package's name of a released tensor."""
        return self._exchange(name.removeprefix(self.prefix), self.pairs)

    def released(self, name: str) -> str:
        """The released name of one of this package's tensors, also of an earlier name of it."""
        name = present_name(name)
        return self.prefix + self._exchange(name, [(ours, theirs) for theirs, ours in self.pairs])

    def from_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """Rename a released state dict, without what has no place here.

        Raises:
            ValueError: a name that is not in the table.
        """
        return {
            self.ours(name): value
            for name, value in tensors.items()
            if not any(start.match(name) for start in self.dropped)
        }

    def to_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """The inverse of :meth:`from_released`.

        Raises:
            ValueError: a name that is not in the table.
        """
        return {self.released(name): value for name, value in tensors.items()}

    def _exchange(self, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        for old, new in pairs:
            match = pattern(old).match(name)
            if match:
                return new.format(**match.groupdict()) + name[match.end() :]
        raise ValueError(f'{name!r} is not a tensor of {self.source}.')
