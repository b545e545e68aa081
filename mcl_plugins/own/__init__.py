"""Configs for own images, on one GPU: functions that a config calls with a few variables.

    _base_ = 'mcl_plugins::conmim/vit-s.py'

    from mcl_plugins.own import pretraining

    globals().update(pretraining(_base_, images='photos', epochs=400))

Each function takes the config that is inherited from and returns the sections that differ, so that
what a Runner gets is a config without variables. ``configs/own`` has one for each method, and
``mcl init own`` writes them for the images of a folder.
"""

from .classification import classification
from .detection import detection
from .pretraining import pretraining
from .segmentation import segmentation

__all__ = ['classification', 'detection', 'pretraining', 'segmentation']
