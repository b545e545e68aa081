"""Masks over the patches that the class token attends to (ccMIM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_masked


@MODELS.register_module()
class ImportanceMask(nn.Module):
    """Mask important patches: more likely than others (importance sampling), or always.

    Each patch of importance A gets the score A - u, where u is drawn uniformly from [0, 1) for each
    patch. The patches with the highest scores are masked. The released code sorts by
    softmax(A) / softmax(u) instead. Both give the same order, because the softmax denominators are
    the same for all patches of an image and exp is monotonic. If all patches are equally important,
    all masks are equally likely.

    Args:
        mask_ratio: share of the patches that is masked, in (0, 1); the number is rounded up.
        sampling: draw u as above. False sets u to 0, so that the most important patches are always
            masked (Table 5, "importance").

    Raises:
        ValueError: ``mask_ratio`` is outside (0, 1).

    Example:
        >>> importance = torch.tensor([[0.1, 0.4, 0.3, 0.2]])
        >>> ImportanceMask(mask_ratio=0.5, sampling=False)(importance).mask.tolist()
        [[False, True, True, False]]
    """

    def __init__(self, mask_ratio: float = 0.75, sampling: bool = True) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        self.sampling = sampling

    def forward(self, importance: Tensor, *others: object) -> PatchMask:
        """Draw one mask per image.

        Args:
            importance: (N, L), the importance of each patch.
            *others: must be empty; they are there to detect the arguments of other masks.

        Raises:
            TypeError: called like the masks that do not depend on the image, with a batch size,
                grid and device.
        """
        if others:
            raise TypeError(
                'ImportanceMask needs the importances of the patches, which only ccMIM computes; '
                'use RandomMask or BlockMask with this method.'
            )
        draw = torch.rand_like if self.sampling else torch.zeros_like
        return self.from_noise(importance, draw(importance))

    def from_noise(self, importance: Tensor, noise: Tensor) -> PatchMask:
        """Make the masks that belong to given values of u, (N, L)."""
        patches = importance.shape[1]
        visible = patches - num_masked(patches, self.mask_ratio)
        return PatchMask.from_ranks(importance - noise, visible)
