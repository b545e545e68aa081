"""Make the quickstart's images: handwritten digits in the colours of photographs.

    mcl data digits data/quickstart

The images are made from data that packages contain: scikit-learn's 1,797 handwritten digits (8x8
scans) and scikit-image's photographs. Each digit is drawn with a slightly varying size and
position, in a colour and on a background from a photograph. The result is an ImageNet-style folder
of JPEG files, ``train/<digit>/*.jpg`` and ``val/<digit>/*.jpg``; no scan is in both.
``few_labels_K.txt`` lists 20 training images of each digit, for three choices K. The result is
deterministic.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from ..parsers.data import make_digits as parse_args
from .few_labels import few_labels
from .recipe import begin, finish

SIDE = 40  # pixels; the pipelines crop 32
COPIES = {'train': 3, 'val': 2}  # images drawn of each scan
VALIDATION_SCANS = 397
LABELS = 20  # labelled images of each digit
LABEL_CHOICES = 3
PATCH = 16  # pixels: side of the patches of photographs whose mean colours are used
CONTRAST = 80  # least difference of the two colours' brightness, of 255
PHOTOGRAPHS = ('astronaut', 'chelsea', 'coffee', 'rocket')
RECIPE = 2  # increase it when the images change, so that old folders are replaced


def make(root: Path) -> None:
    """Write the images below ``root`` unless they exist.

    Raises:
        ValueError: the folder contains other files.
    """
    recipe = {'recipe': RECIPE, 'side': SIDE, 'copies': COPIES}
    if not begin(root, recipe, tuple(COPIES)):
        return
    digits = load_digits()
    train, val = divide_scans(digits.target)
    palettes = [patch_colours(getattr(skimage.data, name)()[..., :3]) for name in PHOTOGRAPHS]
    rng = np.random.default_rng(0)
    jobs = [
        (split, index, copy)
        for split, indices in (('train', train), ('val', val))
        for index in indices
        for copy in range(COPIES[split])
    ]
    for split, index, copy in tqdm(jobs, desc='drawing digits', unit='image', file=sys.stdout):
        folder = root / split / str(digits.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        image = draw(digits.images[index] / 16, palettes[rng.integers(len(palettes))], rng)
        Image.fromarray(image).save(folder / f'{index:04d}_{copy}.jpg', quality=92)
    for choice in range(LABEL_CHOICES):
        lines = few_labels(root, LABELS, choice)
        (root / f'few_labels_{choice}.txt').write_text(''.join(lines))
    finish(root, recipe)


def divide_scans(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the scans for training and of those for validation.

    Args:
        target: (scans,) digit of each scan.
    """
    train, val = train_test_split(
        np.arange(len(target)), test_size=VALIDATION_SCANS, stratify=target, random_state=0
    )
    return train, val


def draw(scan: np.ndarray, palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw one image (SIDE, SIDE, 3) uint8 of a digit.

    Args:
        scan: (8, 8) ink between 0 and 1.
        palette: colours of a photograph's patches; see :func:`patch_colours`.
        rng: draws size, position and colours.
    """
    size = int(rng.integers(32, 39))
    top, left = rng.integers(0, SIDE - size + 1, 2)
    ink = Image.fromarray((scan * 255).astype(np.uint8)).resize(
        (size, size), Image.Resampling.BICUBIC
    )
    alpha = np.zeros((SIDE, SIDE, 1))
    alpha[top : top + size, left : left + size, 0] = np.asarray(ink) / 255
    paper, pen = two_colours(palette, rng)
    return (paper + alpha * (pen - paper)).round().clip(0, 255).astype(np.uint8)


def patch_colours(photograph: np.ndarray) -> np.ndarray:
    """Return the mean colours (H - PATCH + 1, W - PATCH + 1, 3) of all patches of a photograph.

    Args:
        photograph: (H, W, 3) uint8.
    """
    patches = np.lib.stride_tricks.sliding_window_view(photograph.astype(np.uint16), PATCH, axis=0)
    columns = patches.sum(axis=-1)
    return np.lib.stride_tricks.sliding_window_view(columns, PATCH, axis=1).sum(axis=-1) / PATCH**2


def two_colours(palette: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean colours (3,) of a dark and a much lighter patch of a photograph."""
    while True:
        rows = rng.integers(0, palette.shape[0] - 1, 2)
        columns = rng.integers(0, palette.shape[1] - 1, 2)
        dark, light = palette[rows, columns]
        if light.mean() - dark.mean() > CONTRAST:
            return dark, light


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images into the folder of the command line."""
    make(**vars(parse_args(argv)))
