"""Photometric augmentation and normalisation of whole batches on the training device."""

from .multi_view import MultiViewPreprocessor
from .photometric import ColorJitter, GaussianBlur, Grayscale, Solarize

__all__ = ['ColorJitter', 'GaussianBlur', 'Grayscale', 'MultiViewPreprocessor', 'Solarize']
