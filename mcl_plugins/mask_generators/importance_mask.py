"""Masks that hide what the encoder attends to (ccMIM)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .patch_mask import PatchMask, check_mask_ratio, num_hidden


@MODELS.register_module()
class ImportanceMask(nn.Module):
    """Hide important patches, by chance (importance sampling) or always.

    A patch of importance A has the score A - u with u uniform in [0, 1), drawn for each; the
    patches of highest score are hidden. This orders them as the released code's quotient
    softmax(A) / softmax(u) does, without its exponentials: the normalisers are the same for all
    patches of an image. With equal importances every mask has the same chance.

    Args:
        mask_ratio: share of the patches that is hidden, in (0, 1); the count is rounded up.
        sampling: draw u; False hides the most important patches (Table 5, "importance").
    """

    def __init__(self, mask_ratio: float = 0.75, sampling: bool = True) -> None:
        super().__init__()
        self.mask_ratio = check_mask_ratio(mask_ratio)
        self.sampling = sampling

    def forward(self, importance: Tensor, *others: object) -> PatchMask:
        """Draw a mask for each image from the (N, L) importances of its patches.

        Raises:
            TypeError: called as the masks that do not look at the image are.
        """
        if others:
            raise TypeError(
                'ImportanceMask needs importances, which only ccMIM computes; use RandomMask or '
                'BlockMask here.'
            )
        draw = torch.rand_like if self.sampling else torch.zeros_like
        return self.from_noise(importance, draw(importance))

    def from_noise(self, importance: Tensor, noise: Tensor) -> PatchMask:
        """The masks that given uniform numbers (N, L) lead to."""
        patches = importance.shape[1]
        visible = patches - num_hidden(patches, self.mask_ratio)
        return PatchMask.from_ranks(importance - noise, visible)
