"""Datasets for pre-training."""

from .image_folder import ImageFolder, ImageNet

__all__ = ['ImageFolder', 'ImageNet']
