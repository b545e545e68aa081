"""Pack a folder of images into tar shards, as WebDataset has them.

    mcl data pack data/imagenet/train shards/train --short-side 256
    mcl data pack data/imagenet/val shards/val --short-side 256
    mcl train conmim/vit-b.py --cfg-options train_dataloader.dataset.data_root=shards

The images keep their path within the folder as their name, so that sub-folders stay classes. Their
order is random and the same for the same seed, because a training may read only a few shards at a
time. Files are copied as they are, and with --short-side the larger ones are resized and written as
JPEG; those that cannot be read are left out. Images of more than 8 bits, with transparency or of
other bands than gray and colour are never resized.
"""

from __future__ import annotations

import io
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from ...datasets.listing import list_images
from ...transforms.crop_box import Box
from ...transforms.resize import resize
from ...utils.decoding import ImageDecoder
from ...utils.images import IMAGE_SUFFIXES, UnreadableImageError, printable
from ...utils.writing import atomic_write
from ..parsers.data import pack as parse_args

_AT_ONCE = 256  # images that are held in memory
_RESIZED = ('L', 'RGB', 'P', 'CMYK')  # Pillow's modes of images of 8 bits without transparency


def main(argv: Sequence[str] | None = None) -> None:
    """Write the shards that the command line describes."""
    pack_folder(**vars(parse_args(argv)))


def pack_folder(
    folder: str | Path,
    out: str | Path,
    images: int = 10000,
    short_side: int | None = None,
    quality: int = 95,
    seed: int = 0,
) -> list[Path]:
    """Pack the images of a folder into tar shards.

    Args:
        folder: the folder, searched through all levels.
        out: first part of the shards' names: ``shards/train`` for ``shards/train-000000.tar``.
        images: number of images in a shard.
        short_side: pixels of the shorter side to which larger images are resized; None to copy all.
        quality: of the JPEGs that are written for resized images.
        seed: of the order of the images.

    Returns:
        The shards.

    Raises:
        FileNotFoundError: there is no such folder.
        FileExistsError: there are shards of that name.
        ValueError: the folder has no images.
    """
    folder, out = Path(folder), Path(out)
    if not folder.is_dir():
        raise FileNotFoundError(f'The image folder {str(folder.absolute())!r} does not exist.')
    names = list_images(str(folder), IMAGE_SUFFIXES).images
    if not names:
        raise ValueError(f'{printable(folder)} has no images.')
    if before := sorted(out.parent.glob(f'{out.name}-*.tar')):
        raise FileExistsError(f'{before[0]} exists: remove the shards of {out}, or name others.')
    order = np.random.default_rng(seed).permutation(len(names))
    packed_as = dict(zip(names, webdataset_names(names), strict=True))
    shards = []
    broken: list[str] = []
    with tqdm(total=len(names), unit='image', file=sys.stdout) as progress:
        for number, first in enumerate(range(0, len(names), images)):
            part = [names[index] for index in order[first : first + images]]
            shard = Path(f'{out}-{number:06d}.tar')
            with atomic_write(shard) as temporary, tarfile.open(temporary, 'w') as archive:
                for name, content in _contents(folder, part, short_side, quality, broken):
                    stem, _, suffix = packed_as[name].rpartition('.')
                    entry = tarfile.TarInfo(f'{stem}.{_suffix(content, suffix)}')
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
                    progress.update()
            shards.append(shard)
    left_out = f', without {len(broken)} that cannot be read: {broken[:10]}' if broken else ''
    print(f'{len(names) - len(broken)} images in {len(shards)} shards, {out}-*.tar{left_out}')
    return shards


def webdataset_names(names: Sequence[str]) -> list[str]:
    """Return names that WebDataset takes for a sample each.

    It takes what files share up to the first dot after the folder for one sample. So further dots
    become underscores, and a name that another image would then have gets its suffix and a number.

    Example:
        >>> webdataset_names(['cat/1.left.jpg', 'cat/1.jpg', 'cat/1.png', 'v1.0/cat.jpg'])
        ['cat/1_left.jpg', 'cat/1_jpg.jpg', 'cat/1_png.png', 'v1.0/cat.jpg']
    """
    stems, suffixes = [], []
    for name in names:
        folder, slash, base = name.rpartition('/')
        stem, _, suffix = base.rpartition('.')
        stems.append(f'{folder}{slash}{stem.replace(".", "_")}')
        suffixes.append(suffix)
    count = Counter(stems)
    stems = [
        f'{stem}_{suffix.lower()}' if count[stem] > 1 else stem
        for stem, suffix in zip(stems, suffixes, strict=True)
    ]
    seen: Counter[str] = Counter()
    result = []
    for stem, suffix in zip(stems, suffixes, strict=True):
        while seen[stem]:
            seen[stem] += 1
            stem = f'{stem}_{seen[stem]}'
        seen[stem] += 1
        result.append(f'{stem}.{suffix}')
    return result


def _contents(
    folder: Path, names: Sequence[str], short_side: int | None, quality: int, broken: list[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each image that can be read."""

    def content(name: str) -> bytes | None:
        path = folder / name
        try:
            whole = path.read_bytes()
            return whole if short_side is None else shrink(whole, str(path), short_side, quality)
        except (OSError, UnreadableImageError):
            return None

    rest = iter(names)
    with ThreadPoolExecutor() as threads:
        while some := list(islice(rest, _AT_ONCE)):
            for name, found in zip(some, threads.map(content, some), strict=True):
                if found is None:
                    broken.append(name)
                else:
                    yield name, found


def shrink(content: bytes, path: str, short_side: int, quality: int) -> bytes:
    """Resize an image file so that its shorter side has a length, or return it as it is.

    Args:
        content: the file.
        path: its name, for messages.
        short_side: pixels of the shorter side of the result.
        quality: of the JPEG that is returned.

    Raises:
        UnreadableImageError: the file cannot be decoded.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new('RGB', (400, 300)).save(file, 'PNG')
        >>> Image.open(io.BytesIO(shrink(file.getvalue(), 'black.png', 60, 95))).size
        (80, 60)
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            small = min(image.size) <= short_side
            if small or image.mode not in _RESIZED or 'transparency' in image.info:
                return content
    except (OSError, SyntaxError, Image.DecompressionBombError):
        ImageDecoder('unchanged').read(content, path)
        return content  # of a format that Pillow does not know
    pixels = ImageDecoder('color')(content, path)
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    size = round(height * scale), round(width * scale)
    resized = resize(pixels, Box(0, 0, height, width), size, 'bicubic')
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(resized[..., ::-1])).save(file, 'JPEG', quality=quality)
    return file.getvalue()


def _suffix(content: bytes, suffix: str) -> str:
    """Return the suffix of a file that may have become a JPEG."""
    jpeg = content[:2] == b'\xff\xd8' and suffix.lower() not in ('jpg', 'jpeg', 'jpe', 'jfif')
    return 'jpg' if jpeg else suffix
