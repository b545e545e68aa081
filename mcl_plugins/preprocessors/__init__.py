"""Device side of the data path: photometric augmentation and normalisation of whole batches."""

from .multi_view import MultiViewPreprocessor
from .photometric import ColorJitter, GaussianBlur, Grayscale, Solarize

__all__ = ['ColorJitter', 'GaussianBlur', 'Grayscale', 'MultiViewPreprocessor', 'Solarize']
