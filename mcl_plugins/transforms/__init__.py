"""Transforms on the CPU: from the image file to the uint8 images of a batch."""

from .load_image import LoadImageFromFile
from .pixel_shift import PixelShift

__all__ = ['LoadImageFromFile', 'PixelShift']
