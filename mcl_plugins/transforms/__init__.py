"""CPU side of the data path: what happens to an image once it is decoded; uint8 out."""

from .pixel_shift import PixelShift

__all__ = ['PixelShift']
