"""The revisited Oxford and Paris data sets: ground truth, images, and multi-scale features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..checkpoint import plain_pickle
from ..utils.checks import check_choice
from ..utils.decoding import ImageDecoder
from ..utils.images import IMAGE_SUFFIXES, open_rgb
from ..utils.similarity import l2_normalize
from .retrieval import Query

SCALES = (1.0, 2**-0.5, 0.5)
# Longer side and scales of a data set, by the script that has them; None is any other data set.
PROTOCOLS: dict[str, dict[str | None, tuple[int, tuple[float, ...]]]] = {
    'ibot': {None: (512, SCALES)},
    'dino': {'roxford5k': (224, (1.0,)), None: (512, SCALES)},
}


def protocol_of(name: str, data: str) -> tuple[int, tuple[float, ...]]:
    """Return the longer side in pixels and the scales of a protocol for a data set.

    Args:
        name: a key of ``PROTOCOLS``.
        data: name of the data set, such as ``roxford5k``.

    Raises:
        ValueError: there is no such protocol.

    Example:
        >>> protocol_of('dino', 'roxford5k')
        (224, (1.0,))
    """
    check_choice('protocol', name, PROTOCOLS)
    settings = PROTOCOLS[name]
    return settings.get(data, settings[None])


@dataclass(frozen=True)
class Revisited:
    """Revisited Oxford or Paris: the names of its images and the ground truth of its queries.

    Attributes:
        folder: the folder of the data set.
        database: names of the images that are searched.
        query_names: names of the query images.
        queries: ground truth of each query image.

    Example:
        >>> data = Revisited(Path('roxford5k'), ['all_souls_1'], ['all_souls_0'], [])
        >>> data.names(), data.image_path('all_souls_0').as_posix()
        (['all_souls_0', 'all_souls_1'], 'roxford5k/jpg/all_souls_0.jpg')
    """

    folder: Path
    database: list[str]
    query_names: list[str]
    queries: list[Query]

    @classmethod
    def read(cls, folder: Path) -> Revisited:
        """Read the ground truth ``gnd_<folder name>.pkl`` of a folder with the images in ``jpg/``.

        Nothing in the pickle file is run; see :mod:`mcl_plugins.checkpoint.plain_pickle`.

        Raises:
            FileNotFoundError: the ground truth or an image is missing.
            ValueError: the file is not a ground truth of one of the two data sets.
        """
        path = folder / f'gnd_{folder.name}.pkl'
        if not path.is_file():
            raise FileNotFoundError(
                f'{str(path)!r} does not exist. The folder must be named roxford5k or rparis6k '
                'and contain the published ground truth and the images in jpg/.'
            )
        try:
            content = plain_pickle.loads(path.read_bytes())
            queries = [_query(entry) for entry in content['gnd']]
            found = cls(folder, list(content['imlist']), list(content['qimlist']), queries)
        except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(
                f'{path} is not a ground truth of revisited Oxford or Paris: {error}'
            ) from None
        missing = [name for name in found.names() if not found.image_path(name).is_file()]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} images are missing, the first is {found.image_path(missing[0])}: '
                'download the images of the data set again.'
            )
        return found

    def names(self) -> list[str]:
        """Return the names of all images, those of the queries first."""
        return [*self.query_names, *self.database]

    def image_path(self, name: str) -> Path:
        """Return the path of an image; its suffix is .jpg if no other of the known ones exists."""
        files = [self.folder / 'jpg' / f'{name}{suffix}' for suffix in IMAGE_SUFFIXES]
        return next((file for file in files if file.is_file()), files[0])


def _query(entry: dict) -> Query:
    rows = {name: [int(row) for row in entry[name]] for name in ('easy', 'hard', 'junk')}
    left, top, right, bottom = (float(value) for value in entry['bbx'])
    return Query(**rows, box=(left, top, right, bottom))


def load_image(
    path: Path,
    size: int,
    box: Sequence[float] | None = None,
    decode: ImageDecoder | None = None,
) -> Tensor:
    """Load an image and shrink it so that its longer side has at most ``size`` pixels.

    A box is cut out before and shrunk by the same factor as the whole image would be.

    Args:
        path: path of the image.
        size: largest number of pixels of the longer side; smaller images are not enlarged.
        box: left, top, right and bottom in pixels; None for the whole image.
        decode: the decoder of the model's images; None for colour.

    Returns:
        (3, H, W) uint8 RGB, or (1, H, W) of one band.

    Raises:
        ValueError: the file cannot be read as an image.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix='.png') as file:
        ...     Image.new('RGB', (40, 20)).save(file.name)
        ...     load_image(Path(file.name), size=10).shape
        torch.Size([3, 5, 10])
    """
    image = open_rgb(path, decode)
    if box is not None:
        whole = max(image.size)
        image = image.crop(tuple(round(value) for value in box))  # type: ignore[arg-type]
        size = max(1, round(size * max(image.size) / whole))
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    pixels = np.array(image)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1)


@torch.no_grad()
def multi_scale_feature(
    encode: Callable[[Tensor], Tensor], image: Tensor, scales: Sequence[float] = SCALES
) -> Tensor:
    """Average the features of an image at several scales and L2-normalise (DINO's evaluation).

    Args:
        encode: function from (1, 3, H, W) to (1, D).
        image: (1, 3, H, W), normalised.
        scales: factors by which the sides of the image are scaled.

    Returns:
        (D,), L2-normalised.

    Example:
        >>> image = torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
        >>> multi_scale_feature(lambda image: image.mean(dim=(2, 3)), image)
        tensor([0.6000, 0.0000, 0.8000])
    """
    features = []
    for scale in scales:
        resized = image
        if scale != 1:
            resized = F.interpolate(image, scale_factor=scale, mode='bilinear', align_corners=False)
        features.append(encode(resized)[0])
    return l2_normalize(torch.stack(features).mean(dim=0))


def load_images(
    data: Revisited, size: int, cropped: bool, decode: ImageDecoder | None = None
) -> Iterator[Tensor]:
    """Load the images of the queries, then those of the database, one after another.

    Args:
        data: the data set.
        size: largest number of pixels of the longer side.
        cropped: cut the queries to their boxes.
        decode: see :func:`load_image`.

    Yields:
        (3, H, W) uint8 RGB.
    """
    for name, query in zip(data.query_names, data.queries, strict=True):
        yield load_image(data.image_path(name), size, query.box if cropped else None, decode)
    for name in data.database:
        yield load_image(data.image_path(name), size, decode=decode)
