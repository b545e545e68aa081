"""The revisited Oxford and Paris data sets: ground truth, images, and multi-scale features."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..utils.images import open_rgb
from ..utils.similarity import l2_normalize
from .retrieval import Query

SCALES = (1.0, 2**-0.5, 0.5)  # DINO's

# All that the published files need beside plain containers: NumPy arrays and numbers.
_ARRAYS = {
    ('_codecs', 'encode'),  # bytes of arrays in the older protocols
    ('__builtin__', 'bytes'),
    ('numpy', 'ndarray'),
    ('numpy', 'dtype'),
    *(
        (f'numpy.{core}.multiarray', name)
        for core in ('core', '_core')
        for name in ('_reconstruct', 'scalar')
    ),
}


class _ArraysOnly(pickle.Unpickler):
    """Builds plain containers and NumPy arrays; a file that names anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """Look up one of the few allowed types."""
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}')
        return super().find_class(module.replace('numpy.core', 'numpy._core'), name)


@dataclass(frozen=True)
class Revisited:
    """One of the data sets: names of its images, and what there is to find for each query."""

    folder: Path
    database: list[str]
    query_names: list[str]
    queries: list[Query]

    @classmethod
    def read(cls, folder: Path) -> Revisited:
        """Read ``gnd_<name>.pkl`` of a folder that has the images under ``jpg/``.

        The file is read without running anything that it holds.

        Raises:
            FileNotFoundError: the ground truth or an image is missing.
            ValueError: the file is not such a ground truth.
        """
        path = folder / f'gnd_{folder.name}.pkl'
        if not path.is_file():
            raise FileNotFoundError(
                f'{str(path)!r} does not exist; the folder should be named roxford5k or rparis6k, '
                'with the published ground truth in it and the images under jpg/.'
            )
        try:
            with path.open('rb') as file:
                content = _ArraysOnly(file, encoding='latin1').load()
            queries = [_query(entry) for entry in content['gnd']]
            found = cls(folder, list(content['imlist']), list(content['qimlist']), queries)
        except (pickle.UnpicklingError, KeyError, TypeError, ValueError, EOFError) as error:
            raise ValueError(
                f'{path} is not a ground truth of revisited Oxford or Paris: {error}'
            ) from None
        missing = [name for name in found.names() if not found.path_of(name).is_file()]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} images are missing, the first is {found.path_of(missing[0])}.'
            )
        return found

    def names(self) -> list[str]:
        """All images, those of the queries first."""
        return [*self.query_names, *self.database]

    def path_of(self, name: str) -> Path:
        """The file of an image."""
        return self.folder / 'jpg' / f'{name}.jpg'


def _query(entry: dict) -> Query:
    rows = {name: [int(row) for row in entry[name]] for name in ('easy', 'hard', 'junk')}
    left, top, right, bottom = (float(value) for value in entry['bbx'])
    return Query(**rows, box=(left, top, right, bottom))


def load_image(path: Path, size: int, box: Sequence[float] | None = None) -> Tensor:
    """An image whose longer side has ``size`` pixels, never enlarged.

    A box is cut out first, and shrunk as much as the whole image would have been.

    Args:
        path: of the file.
        size: pixels of the longer side.
        box: left, top, right and bottom in pixels; None for the whole image.

    Returns:
        (3, H, W) uint8 RGB.

    Raises:
        ValueError: the file cannot be read as an image.
    """
    image = open_rgb(path)
    if box is not None:
        whole = max(image.size)
        image = image.crop(tuple(round(value) for value in box))  # type: ignore[arg-type]
        size = max(1, round(size * max(image.size) / whole))
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@torch.no_grad()
def multi_scale_feature(
    encode: Callable[[Tensor], Tensor], image: Tensor, scales: Sequence[float] = SCALES
) -> Tensor:
    """Mean of an image's features at several scales, as a unit vector (DINO's evaluation).

    Args:
        encode: from (1, 3, H, W) to (1, D).
        image: (1, 3, H, W), normalised.
        scales: factors of the image's sides.

    Returns:
        (D,).
    """
    features = []
    for scale in scales:
        resized = image
        if scale != 1:
            resized = F.interpolate(image, scale_factor=scale, mode='bilinear', align_corners=False)
        features.append(encode(resized)[0])
    return l2_normalize(torch.stack(features).mean(dim=0))


def images_of(data: Revisited, size: int, cropped: bool) -> Iterator[Tensor]:
    """The queries, whole or cut to their boxes, then the database: (3, H, W) uint8 RGB each."""
    for name, query in zip(data.query_names, data.queries, strict=True):
        yield load_image(data.path_of(name), size, query.box if cropped else None)
    for name in data.database:
        yield load_image(data.path_of(name), size)
