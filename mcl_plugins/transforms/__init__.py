"""CPU side of the data path: from the file to the uint8 image that the loader hands out."""

from .load_image import LoadImageFromFile
from .pixel_shift import PixelShift

__all__ = ['LoadImageFromFile', 'PixelShift']
