"""Transforms on the CPU: from the image file to the uint8 images of a batch."""

from .load_crop import LoadRandomResizedCrop
from .load_image import LoadImageFromFile
from .own_loader import find_loader, use_own_loader
from .pixel_shift import PixelShift
from .steps import all_steps, step_lists

__all__ = [
    'LoadImageFromFile',
    'LoadRandomResizedCrop',
    'PixelShift',
    'all_steps',
    'find_loader',
    'step_lists',
    'use_own_loader',
]
