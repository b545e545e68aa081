"""Make the pocket benchmark's digits: strokes of one texture on ground of another.

    mcl data hard-digits data/pocket/digits
    mcl data hard-digits data/pocket/flat --flat [--same-grays]

The scans are those of ``mcl data digits``. Here each digit is smaller, turned, and anywhere in the
image, and it is drawn in a patch of one of scikit-image's photographs on a patch of another. So
k-NN on the pixels is right only where digits happen to lie at the same place. With --flat the same
digits are at the same places, in one gray on another; the two are drawn for each image, or are the
same in all with --same-grays. The result is an ImageNet-style folder of JPEG files with the splits
``train``, ``val`` and ``test``; no scan is in two of them. The test scans are none of those by
which the settings of the quickstart were chosen. ``labels_N_C.txt`` lists N training images, as
many of each digit, for five choices C. The result is deterministic.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from ..parsers.data import make_hard_digits as parse_args
from .few_labels import write_few_labels
from .make_digits import SIDE, divide_scans
from .recipe import begin, finish

COPIES = {'train': 3, 'val': 2, 'test': 2}  # images drawn of each scan
TEST_SCANS, VALIDATION_SCANS = 400, 200
SIZES, MARGIN = (17, 29), 1  # pixels: of a digit, and around it
ANGLE = 15  # degrees, the largest turn
# In gray levels: middle and difference of the means of stroke and ground.
GRAYS: tuple[tuple[float, float], ...] = ((90, 165), (80, 120))
ROUGHNESS = (8, 18)  # standard deviation of a texture
LABELS, LABEL_CHOICES = (50, 200), 5
PHOTOGRAPHS = ('brick', 'grass', 'gravel', 'camera', 'coffee', 'chelsea')
RECIPE = 1  # increase it when the images change, so that old folders are replaced


def make(root: Path, flat: bool = False, same_grays: bool = False) -> None:
    """Write the images below ``root`` unless they exist.

    Args:
        root: folder of the data set.
        flat: draw without textures.
        same_grays: give ground and stroke the same means in all images.

    Raises:
        ValueError: the folder contains other files.
    """
    recipe = {'recipe': RECIPE, 'side': SIDE, 'copies': COPIES, 'labels': list(LABELS)}
    if flat:
        recipe['flat'] = True
    if same_grays:
        recipe['same_grays'] = True
    if not begin(root, recipe, tuple(COPIES)):
        return
    digits = load_digits()
    rng = np.random.default_rng(1)
    photographs = [_gray(getattr(skimage.data, name)()) for name in PHOTOGRAPHS]
    if flat:  # of the same sizes, so that the draws stay the same
        photographs = [np.full_like(photograph, 128) for photograph in photographs]
    grays = [((low + high) / 2,) * 2 if same_grays else (low, high) for low, high in GRAYS]
    jobs = [
        (split, index, copy)
        for split, scans in split_scans(digits.target).items()
        for index in scans
        for copy in range(COPIES[split])
    ]
    for split, index, copy in tqdm(jobs, desc='drawing digits', unit='image', file=sys.stdout):
        folder = root / split / str(digits.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        image = draw(digits.images[index] / 16, photographs, grays, rng)
        Image.fromarray(image).save(folder / f'{index:04d}_{copy}.jpg', quality=92)
    for count in LABELS:
        for choice in range(LABEL_CHOICES):
            write_few_labels(root, count, choice)
    finish(root, recipe)


def split_scans(target: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of the scans of each split; the test is cut from the quickstart's train.

    Args:
        target: (scans,) digit of each scan.
    """
    train, val = divide_scans(target)
    train, test = train_test_split(
        train, test_size=TEST_SCANS, stratify=target[train], random_state=1
    )
    more, val = train_test_split(
        val, test_size=VALIDATION_SCANS, stratify=target[val], random_state=1
    )
    return {'train': np.concatenate((train, more)), 'val': val, 'test': test}


def draw(
    scan: np.ndarray,
    photographs: list[np.ndarray],
    grays: Sequence[tuple[float, float]],
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one gray image (SIDE, SIDE) uint8 of a digit.

    Args:
        scan: (8, 8) ink between 0 and 1.
        photographs: (H, W) uint8 each; ground and ink are of two of them.
        grays: ranges of the middle of their means and of the difference.
        rng: draws turn, size, position, textures and grays.
    """
    size = int(rng.integers(*SIZES))
    ink = Image.fromarray((scan * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    ink = ink.rotate(rng.uniform(-ANGLE, ANGLE), Image.Resampling.BICUBIC)
    top, left = rng.integers(MARGIN, SIDE - MARGIN - size + 1, 2)
    alpha = np.zeros((SIDE, SIDE))
    alpha[top : top + size, left : left + size] = np.asarray(ink) / 255
    ground, stroke = two_textures(photographs, grays, rng)
    return (ground + alpha * (stroke - ground)).round().clip(0, 255).astype(np.uint8)


def two_textures(
    photographs: list[np.ndarray], grays: Sequence[tuple[float, float]], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return ground and stroke (SIDE, SIDE), patches of two photographs; the stroke is lighter."""
    chosen = rng.choice(len(photographs), 2, replace=False)
    ground, stroke = (_patch(photographs[index], rng) for index in chosen)
    middle, contrast = (rng.uniform(*span) for span in grays)
    return middle - contrast / 2 + ground, middle + contrast / 2 + stroke


def _patch(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut a patch (SIDE, SIDE) out of a photograph and give it mean 0 and a random contrast."""
    top, left = (rng.integers(0, side - SIDE + 1) for side in photograph.shape)
    patch = photograph[top : top + SIDE, left : left + SIDE].astype(float)
    return (patch - patch.mean()) * (rng.uniform(*ROUGHNESS) / max(patch.std(), 1.0))


def _gray(image: np.ndarray) -> np.ndarray:
    """Return a photograph (H, W), as uint8 in gray."""
    return np.asarray(Image.fromarray(image).convert('L'))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images into the folder of the command line."""
    make(**vars(parse_args(argv)))
