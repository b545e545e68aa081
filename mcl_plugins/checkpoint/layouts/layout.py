"""A layout: the names that a library or a released code gives to the tensors of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..renaming import Renaming, pattern

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Step:
    """A change of tensors that is more than another name, and its inverse.

    Attributes:
        to_ours: from their tensors to ours.
        to_theirs: the other way.
    """

    to_ours: Callable[[Tensors], Tensors]
    to_theirs: Callable[[Tensors], Tensors]


@dataclass(frozen=True)
class Layout:
    """The names of an encoder's tensors, without the prefix that a whole model puts before them.

    Attributes:
        name: whose names they are, for messages.
        family: of encoders: ``'vit'``, ``'beit'``, ``'swin'``, ``'dino'``; '' if it is any of ours.
        pairs: prefixes of names, (theirs, ours), as in :class:`~..renaming.Renaming`.
        needs: names that a file of this layout has. The first one shows where its prefix ends.
        one_of: names of which it has at least one; empty if there is no such choice.
        lacks: names that it does not have.
        before: steps on their names, before the renaming.
        after: steps on our names, after it.
        covers: prefixes of further names, which only a step in ``before`` brings to ``pairs``.
        eps: of the layer norms, which is not in a file.
    """

    name: str
    family: str
    pairs: tuple[tuple[str, str], ...]
    needs: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    covers: tuple[str, ...] = ()
    eps: float = 1e-6

    def matches(self, names: Mapping[str, object] | set[str], prefix: str) -> bool:
        """Whether the names that begin with a prefix are of this layout."""
        has = [prefix + name in names for name in self.needs]
        some = [prefix + name in names for name in self.one_of]
        return (
            all(has)
            and (not some or any(some))
            and not any(prefix + name in names for name in self.lacks)
        )

    def prefixes(self, names: Mapping[str, object]) -> list[str]:
        """List the prefixes under which a file has an encoder of this layout.

        Example:
            >>> layout = Layout('a ViT', 'vit', (), needs=('blocks.0.attn.qkv.weight',))
            >>> layout.prefixes({'module.blocks.0.attn.qkv.weight': 1, 'norm.weight': 2})
            ['module.']
        """
        ends = [name for name in names if name.endswith(self.needs[0])]
        found = [name.removesuffix(self.needs[0]) for name in ends]
        return [
            prefix
            for prefix in found
            if (not prefix or prefix.endswith('.')) and self.matches(names, prefix)
        ]

    def knows(self, name: str) -> bool:
        """Whether a name, without the prefix, is in the table."""
        starts = (*self.covers, *(theirs for theirs, _ in self.pairs))
        return any(pattern(start).match(name) for start in starts)

    def is_inside(self, name: str) -> bool:
        """Whether a name, without the prefix, is in a block, whether or not the table has it."""
        starts = {theirs.partition('{')[0] for theirs, _ in self.pairs if '{' in theirs}
        return name.startswith(tuple(starts))

    def to_ours(self, tensors: Mapping[str, Tensor]) -> Tensors:
        """Rename an encoder's tensors to this package's names.

        Raises:
            ValueError: a name is not in the table.
        """
        found = dict(tensors)
        for step in self.before:
            found = step.to_ours(found)
        found = Renaming(self.name, self.pairs).from_released(found)
        for step in self.after:
            found = step.to_ours(found)
        return found

    def to_theirs(self, tensors: Mapping[str, Tensor]) -> Tensors:
        """Invert :meth:`to_ours`.

        Raises:
            ValueError: a tensor has no name in this layout.
        """
        found = dict(tensors)
        for step in reversed(self.after):
            found = step.to_theirs(found)
        found = Renaming(self.name, self.pairs).to_released(found)
        for step in reversed(self.before):
            found = step.to_theirs(found)
        return found
