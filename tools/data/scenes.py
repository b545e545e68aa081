"""Scenes of the miniature benchmarks: what is in them, and how they look.

A scene is a piece of a photograph with a few digit stickers on it, which may overlap. A sticker is
the ink of one scan with a border of paper around it, cut out along the border: its silhouette is
exact, to the pixel. Scans and backgrounds of validation scenes are not in training scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image
from scipy.ndimage import binary_dilation
from sklearn.datasets import load_digits, load_sample_image
from skimage.morphology import disk
from sklearn.utils import Bunch

from make_digits import PHOTOGRAPHS, enlarge, split_scans, two_colours

CLASSES = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
# Backgrounds of each split. Colours of stickers are from the first four in both.
BACKGROUNDS = {'train': PHOTOGRAPHS, 'val': ('china', 'flower')}
SHAPES = ((96, 128), (128, 96))  # height and width of a scene
SIZES = (24, 44)  # least and greatest height of a sticker's scan in pixels
STICKERS = (3, 6)
VISIBLE = 0.6  # least part of a silhouette that later stickers leave uncovered
TRIES = 20  # places tried for a sticker before the scene goes without it
INK = 0.35  # darkness from which a pixel of an enlarged scan counts as ink


@dataclass(frozen=True)
class Sticker:
    """One object: which scan, how large, where, and in which colours (R, G, B).

    ``top`` and ``left`` are those of the silhouette's array, whose margin is the border of paper.
    """

    scan: int
    size: int
    top: int
    left: int
    paper: tuple[float, ...]
    pen: tuple[float, ...]


@dataclass(frozen=True)
class Scene:
    """A piece of a photograph and the stickers on it, the lowest first.

    ``crop`` is left, top, right and bottom in pixels of the photograph, which are resized to
    ``shape`` (height, width).
    """

    photograph: str
    crop: tuple[int, int, int, int]
    shape: tuple[int, int]
    stickers: tuple[Sticker, ...]


@cache
def digits() -> Bunch:
    """scikit-learn's handwritten digits."""
    return load_digits()


@cache
def photograph(name: str) -> Image.Image:
    """A photograph that scikit-image or scikit-learn ships."""
    if name in PHOTOGRAPHS:
        return Image.fromarray(getattr(skimage.data, name)()[..., :3])
    return Image.fromarray(load_sample_image(f'{name}.jpg'))


def describe(split: str, count: int, seed: int) -> list[Scene]:
    """Think up scenes; the same ones for the same arguments.

    Args:
        split: ``'train'`` or ``'val'``: which scans and photographs are used.
        count: number of scenes; a larger number begins with the same scenes.
        seed: any integer from 0.
    """
    scans = split_scans(digits())[split]
    rng = np.random.default_rng([seed, tuple(BACKGROUNDS).index(split)])
    return [_describe_one(BACKGROUNDS[split], scans, rng) for _ in range(count)]


def _describe_one(names: Sequence[str], scans: np.ndarray, rng: np.random.Generator) -> Scene:
    """A random piece of a photograph, and stickers of which none hides too much of another."""
    height, width = SHAPES[rng.integers(len(SHAPES))]
    name = names[rng.integers(len(names))]
    picture = photograph(name)
    zoom = rng.uniform(1, min(picture.height / height, picture.width / width))
    crop_height, crop_width = int(height * zoom), int(width * zoom)
    top = int(rng.integers(picture.height - crop_height + 1))
    left = int(rng.integers(picture.width - crop_width + 1))
    owner = np.zeros((height, width), dtype=int)  # whose pixel it is; 0 is the photograph's
    areas: list[int] = []
    stickers: list[Sticker] = []
    for _ in range(rng.integers(STICKERS[0], STICKERS[1] + 1)):
        for _ in range(TRIES):
            sticker = _draw_lot(scans, owner.shape, rng)
            covered = owner.copy()
            covered[place(sticker)][silhouette(sticker)] = len(stickers) + 1
            visible = np.bincount(covered.ravel(), minlength=len(areas) + 2)[1:-1]
            if (visible >= VISIBLE * np.array(areas)).all():
                owner = covered
                areas.append(int(silhouette(sticker).sum()))
                stickers.append(sticker)
                break
    box = (left, top, left + crop_width, top + crop_height)
    return Scene(name, box, (height, width), tuple(stickers))


def _draw_lot(scans: np.ndarray, shape: Sequence[int], rng: np.random.Generator) -> Sticker:
    """A random sticker somewhere within ``shape``; small ones are as frequent as large ones."""
    scan = int(rng.choice(scans))
    size = round(float(np.exp(rng.uniform(*np.log(SIZES)))))
    side = size + 2 * border(size)
    top, left = (int(rng.integers(extent - side + 1)) for extent in shape)
    picture = np.asarray(photograph(PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))]))
    paper, pen = (tuple(colour.tolist()) for colour in two_colours(picture, rng))
    return Sticker(scan, size, top, left, paper, pen)


def border(size: int) -> int:
    """Width in pixels of the paper around the ink."""
    return max(2, size // 12)


def ink(sticker: Sticker) -> np.ndarray:
    """(S, S) ink between 0 and 1, with the border as margin."""
    enlarged = enlarge(digits().images[sticker.scan] / 16, sticker.size)
    return np.pad(enlarged, border(sticker.size))


def silhouette(sticker: Sticker) -> np.ndarray:
    """(S, S) bool: the ink and the paper around it."""
    return binary_dilation(ink(sticker) >= INK, disk(border(sticker.size)))


def place(sticker: Sticker) -> tuple[slice, slice]:
    """Rows and columns of the sticker's (S, S) array in the scene."""
    side = sticker.size + 2 * border(sticker.size)
    return (
        slice(sticker.top, sticker.top + side),
        slice(sticker.left, sticker.left + side),
    )


def draw(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What a scene looks like.

    Returns:
        The image (H, W, 3) uint8 RGB, and (H, W) int whose pixel is which: 0 is the photograph's,
        ``i`` that of ``scene.stickers[i - 1]``.
    """
    height, width = scene.shape
    piece = photograph(scene.photograph).crop(scene.crop)
    image = np.asarray(piece.resize((width, height), Image.Resampling.BOX), dtype=float).copy()
    owner = np.zeros(scene.shape, dtype=int)
    for number, sticker in enumerate(scene.stickers, start=1):
        shape = silhouette(sticker)
        paper, pen = np.array(sticker.paper), np.array(sticker.pen)
        colours = paper + ink(sticker)[..., None] * (pen - paper)
        image[place(sticker)][shape] = colours[shape]
        owner[place(sticker)][shape] = number
    return image.round().clip(0, 255).astype(np.uint8), owner


def save(image: np.ndarray, path: Path) -> None:
    """Write a JPEG file without loss of colour detail at the silhouettes."""
    Image.fromarray(image).save(path, quality=95, subsampling=0)
