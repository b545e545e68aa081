"""Tensor names of released checkpoints and of this package, as a table read both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

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


class Renaming:
    """A table of name beginnings: (released, ours), ``{i}`` standing for a number on both sides.

    The first beginning that fits is exchanged, the rest of the name is kept.

    Args:
        source: whose names these are, for error messages.
        pairs: the table; longer beginnings before shorter ones.
        dropped: beginnings of released tensors that have no place here.

    Example:
        >>> Renaming('a release', [('blocks.{i}.', 'backbone.layers.{i}.')]).ours('blocks.3.w')
        'backbone.layers.3.w'
    """

    def __init__(
        self, source: str, pairs: Sequence[tuple[str, str]], dropped: Sequence[str] = ()
    ) -> None:
        self.source = source
        self.pairs = list(pairs)
        self.dropped = tuple(dropped)

    def ours(self, name: str) -> str:
        """This package's name of a released tensor."""
        return self._exchange(name, self.pairs)

    def released(self, name: str) -> str:
        """The released name of one of this package's tensors."""
        return self._exchange(name, [(ours, theirs) for theirs, ours in self.pairs])

    def from_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """Rename a released state dict, without what has no place here.

        Raises:
            ValueError: a name that is not in the table.
        """
        kept = (name for name in tensors if not name.startswith(self.dropped or ('\0',)))
        return {self.ours(name): tensors[name] for name in kept}

    def to_released(self, tensors: Mapping[str, Value]) -> dict[str, Value]:
        """The inverse of :meth:`from_released`.

        Raises:
            ValueError: a name that is not in the table.
        """
        return {self.released(name): value for name, value in tensors.items()}

    def _exchange(self, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        for old, new in pairs:
            match = re.match(re.escape(old).replace(r'\{i\}', r'(?P<i>\d+)'), name)
            if match:
                return new.format(**match.groupdict()) + name[match.end() :]
        raise ValueError(f'{name!r} is not a tensor of {self.source}.')
