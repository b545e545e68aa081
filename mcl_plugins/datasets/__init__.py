"""Datasets for pre-training and classification."""

from .image_folder import ImageFolder, ImageNet
from .imagenet100 import ImageNet100

__all__ = ['ImageFolder', 'ImageNet', 'ImageNet100']
