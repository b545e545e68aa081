"""What the images of a folder are: number, sizes, bands, bits, and mean and spread of each band."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tqdm import tqdm

from ...datasets.image_folder import check_folder
from ...datasets.listing import list_images
from ...utils.bit_depth import BitDepth, usual_bits
from ...utils.decoding import ImageDecoder
from ...utils.images import IMAGE_SUFFIXES, name_unreadable
from ...utils.sampling import spaced_indices

LOOKED_AT = 200  # images that are read
GRAY, RGB = 1, 3


@dataclass
class Images:
    """What was found.

    Attributes:
        root: the folder.
        count: number of images.
        left_out: sentence about the other files.
        suffixes: number of images by suffix.
        sizes: (height, width) of the images read, in pixels.
        bands: of the files: 1, 3 or more.
        reading: ``bit_depth`` or ``value_range`` that the loader needs.
        depth: sentence about the bits.
        mean, std: of each band that a model gets, from 0 to 255, in RGB order.
        unreadable: names of the images that could not be read, of those looked at.
    """

    root: Path
    count: int
    left_out: str
    suffixes: Counter[str]
    sizes: list[tuple[int, int]] = field(default_factory=list)
    bands: int = RGB
    reading: dict[str, Any] = field(default_factory=dict)
    depth: str = '8 bits'
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @property
    def shorter_side(self) -> int:
        """Median of the shorter sides."""
        return round(median(min(size) for size in self.sizes))

    @property
    def loaded_bands(self) -> int:
        """Bands that a model gets: gray images are loaded as RGB, as most encoders expect."""
        return RGB if self.bands == GRAY else self.bands

    def describe(self) -> str:
        """Describe number, suffixes, sizes, bands and bits in a line, and what cannot be read."""
        low, high = (
            f'{size[1]} x {size[0]}' for size in (min(self.sizes), max(self.sizes, key=np.prod))
        )
        bands = {GRAY: 'gray', RGB: 'RGB'}.get(self.bands, f'{self.bands} bands')
        suffixes = ', '.join(f'{count} {suffix}' for suffix, count in self.suffixes.most_common(3))
        size = low if low == high else f'{low} to {high}'
        looked_at = len(self.sizes) + len(self.unreadable)
        bad = name_unreadable(self.unreadable, looked_at, 'images looked at')
        return f'{suffixes}; {size} pixels; {bands}; {self.depth}{f"; {bad}" if bad else ""}'


def look_at_images(root: Path) -> Images:
    """List the images of a folder and read a sample of them, evenly spread.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: it has no image, none of the sample can be read, or the images have several
            numbers of bands.
    """
    check_folder(str(root), str(root))
    listing = list_images(str(root), IMAGE_SUFFIXES)
    if not listing.images:
        raise ValueError(
            f'--images {root}: no images, whose names end in one of {", ".join(IMAGE_SUFFIXES)}. '
            f'{listing.describe_left_out()}'.rstrip()
        )
    suffixes = Counter(Path(name).suffix.lower() for name in listing.images)
    found = Images(root, len(listing.images), listing.describe_left_out(), suffixes)
    raw = _read_sample(found, [root / name for name in listing.images])
    _set_depth(found, raw)
    _set_statistics(found, raw)
    return found


def _read_sample(found: Images, files: list[Path]) -> list[np.ndarray]:
    """Read values of some files as they are, (pixels, bands), and note sizes and bands."""
    decoder = ImageDecoder('unchanged')
    bands: Counter[int] = Counter()
    raw = []
    for index in tqdm(spaced_indices(len(files), LOOKED_AT), desc='looking at images', leave=False):
        try:
            pixels = decoder.read(files[index].read_bytes(), str(files[index]))
        except (ValueError, OSError):
            found.unreadable.append(str(files[index].relative_to(found.root)))
            continue
        values = pixels.values[..., :-1] if pixels.alpha else pixels.values
        found.sizes.append(values.shape[:2])
        bands[values.shape[2]] += 1
        raw.append(values.reshape(-1, values.shape[2])[:: max(1, values.size // 30_000)])
    if not raw:
        bad = name_unreadable(found.unreadable, len(found.unreadable), 'images looked at')
        raise ValueError(f'--images {found.root}: {bad}. Repair or remove them.')
    if bands.keys() - {GRAY, RGB} and len(bands) > 1:
        counts = ', '.join(f'{count} with {number}' for number, count in sorted(bands.items()))
        raise ValueError(
            f'--images {found.root}: images of several numbers of bands ({counts}): put those of '
            'one kind into a folder of their own.'
        )
    found.bands = max(bands)
    return raw


def _set_depth(found: Images, raw: list[np.ndarray]) -> None:
    """Choose what the loader has to know about the values of the files."""
    if all(values.dtype.kind in 'ub' for values in raw):
        wide = [values for values in raw if values.dtype.itemsize > 1]
        if wide:
            bits = usual_bits(max(int(values.max()).bit_length() for values in wide))
            found.reading = {'bit_depth': bits}
            found.depth = f'up to {bits} bits in files of {8 * wide[0].dtype.itemsize}'
        return
    numbers = np.concatenate([values.ravel() for values in raw]).astype(np.float64)
    low, high = np.percentile(numbers[np.isfinite(numbers)], (0.5, 99.5))
    found.reading = {'value_range': (float(f'{low:.3g}'), float(f'{high:.3g}'))}
    found.depth = f'values of type {raw[0].dtype}, 99 % of them from {low:.3g} to {high:.3g}'


def _set_statistics(found: Images, raw: list[np.ndarray]) -> None:
    """Compute mean and standard deviation of the bands that a model gets, on its scale."""
    depth = BitDepth(found.reading.get('bit_depth'), found.reading.get('value_range'))
    scaled = [depth.scale(values, str(found.root)) for values in raw]
    wanted = found.loaded_bands
    widened = [
        np.repeat(each, wanted, axis=1) if each.shape[1] == GRAY else each for each in scaled
    ]
    pixels = np.concatenate(widened)
    found.mean = [round(float(value), 2) for value in pixels.mean(axis=0)]
    found.std = [round(max(float(value), 1.0), 2) for value in pixels.std(axis=0)]
