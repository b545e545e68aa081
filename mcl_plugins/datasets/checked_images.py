"""What all data sets of the package do with image files: one decoder, and replacing broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine import fileio
from mmengine.dataset import BaseDataset

from ..transforms import find_loader, use_own_loader
from ..utils.bit_depth import say
from ..utils.decoding import ImageDecoder
from ..utils.images import UnreadableImageError
from ..utils.sampling import spaced_indices
from ..utils.tiff import Pixels
from .bad_images import FILE_NAME, BadImages, default_limit

_DEEP_SUFFIXES = ('.png', '.tif', '.tiff', '.jp2', '.pgm', '.ppm', '.pnm')
_LOOKED_AT = 16  # files whose bit depth is looked at


class CheckedImages(BaseDataset):
    """Mixin of a data set, before its base class.

    Images are loaded by the package's loader, whatever the pipeline's config names. How many bits
    the data has is decided for the data set as a whole, from a few files. In a training with
    ``mcl_plugins.Runner``, an image that cannot be read is replaced by the one that follows it.

    Args:
        max_bad_images: number of images that are replaced before the training stops; None for five
            per million and at least 10. In an evaluation none is replaced.

    Raises:
        ValueError: ``max_bad_images`` is no whole number, or the bit depth has to be stated.
    """

    bad_images: BadImages | None = None

    def __init__(self, *args: Any, max_bad_images: int | None = None, **kwargs: Any) -> None:
        whole = isinstance(max_bad_images, int) and not isinstance(max_bad_images, bool)
        if max_bad_images is not None and not (whole and max_bad_images >= 0):
            raise ValueError(
                f'max_bad_images={max_bad_images!r} must be a whole number, 0 to stop at the first '
                'image that cannot be read, or None for five per million and at least 10.'
            )
        self.max_bad_images = max_bad_images
        super().__init__(*args, **kwargs)

    def full_init(self) -> None:
        """List the images, after a look at the loader, and look at the bits of a few."""
        if self._fully_initialized:
            return
        use_own_loader(self.pipeline.transforms)
        super().full_init()
        loader = find_loader(self.pipeline.transforms)
        if loader is not None:
            records = (self.get_data_info(index) for index in spaced_indices(len(self), _LOOKED_AT))
            paths = [record['img_path'] for record in records if 'img_path' in record]
            settle_bit_depth(loader.decoder, paths, loader.read)

    def replace_bad_images(self, work_dir: str) -> None:
        """From now on replace images that cannot be read, and list them in the work dir.

        Raises:
            ValueError: none of a few images can be read, as with wrong settings.
        """
        self._check_images()
        limit = self.max_bad_images
        limit = default_limit(len(self)) if limit is None else limit
        self.bad_images = BadImages(Path(work_dir, FILE_NAME), limit)

    def recheck_bad_images(self, work_dir: str) -> list[str]:
        """Take the images that were repaired or removed out of the list in the work dir.

        Before a training is resumed, one process does so. Every image is tried again in the
        training, whatever the list says; but the images in it count towards ``max_bad_images``.

        Returns:
            Those images.
        """
        loader = find_loader(self.pipeline.transforms)

        def is_bad(path: str) -> bool:
            try:
                loader.load(path)  # type: ignore[union-attr]
            except FileNotFoundError:
                return False  # if the data set still names it, it is listed again
            except (UnreadableImageError, OSError):
                return True
            return False

        return BadImages(Path(work_dir, FILE_NAME), limit=0).recheck(is_bad) if loader else []

    def _check_images(self) -> None:
        loader = find_loader(self.pipeline.transforms)
        errors: list[Exception] = []
        for index in spaced_indices(len(self), _LOOKED_AT if loader else 0):
            try:
                loader.load(self.get_data_info(index)['img_path'])  # type: ignore[union-attr]
            except (UnreadableImageError, OSError) as error:
                errors.append(error)
            else:
                return
        if errors:
            raise errors[0]

    def load_sample(self, idx: int) -> Any:
        """Load a sample, without replacing it."""
        return super().prepare_data(idx)

    def prepare_data(self, idx: int) -> Any:
        """Load a sample; in a training, the next one whose image can be read.

        Raises:
            ValueError: the image cannot be read, and may not be replaced.
        """
        if self.bad_images is None or self.test_mode:
            return self.load_sample(idx)
        for index in range(idx, idx + len(self)):
            try:
                return self.load_sample(index % len(self))
            except (UnreadableImageError, OSError) as error:
                path = self.get_data_info(index % len(self))['img_path']
                self.bad_images.add(path, error)
        raise ValueError(f'None of the {len(self)} images can be read, see {self.bad_images.file}.')


def settle_bit_depth(
    decoder: ImageDecoder, paths: Sequence[str], read: Callable[[str], bytes] = fileio.get
) -> None:
    """Decide how many bits the images of a data set have, and log it.

    A single dark image of 16 bits cannot be told from one of 12. If any of these needs 16 bits, all
    images of the data set have them, unless the config says another number.

    Args:
        decoder: of the data set's images, whose bit depth is set.
        paths: these images, some of which are looked at.
        read: returns the content of a file.

    Raises:
        ValueError: they are files of 16 bits, none of which needs that many.
    """
    depth = decoder.depth
    brightest, found = '', None
    for path in (paths[index] for index in spaced_indices(len(paths), _LOOKED_AT)):
        pixels = _read_deep(decoder, path, read)
        if pixels is None:
            continue
        if pixels.white is not None and depth.bits is None:
            say(depth.describe(pixels.white, pixels.white))
            return
        if found is None or pixels.values.max(initial=0) > found.values.max(initial=0):
            brightest, found = path, pixels
    if found is None or depth.value_range is not None:
        return
    say(depth.describe(depth.white(found.values, brightest, found.white)))
    if found.values.any():
        depth.bits = depth.bits or 16


def _read_deep(decoder: ImageDecoder, path: str, read: Callable[[str], bytes]) -> Pixels | None:
    """Read an image of 16 bits; None for any other."""
    if not path.lower().endswith(_DEEP_SUFFIXES):
        return None
    try:
        pixels = decoder.read(read(path), path)
    except (ValueError, OSError):
        return None  # a broken image is the business of who loads it
    return pixels if pixels.values.dtype == np.uint16 else None


def parts_of(dataset: Any) -> Iterator[Any]:
    """Yield the data sets within wrappers such as ConcatDataset, or the data set itself.

    Example:
        >>> list(parts_of('a data set'))
        ['a data set']
    """
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from parts_of(part)
    elif hasattr(dataset, 'dataset'):
        yield from parts_of(dataset.dataset)
    else:
        yield dataset
