"""Contrastive heads: from projections to a dict of loss and monitors."""

from .patch_contrast import InstanceContrastHead, PatchContrastHead

__all__ = ['InstanceContrastHead', 'PatchContrastHead']
