"""Make a retrieval benchmark of the quickstart's digits.

    mcl data digit-retrieval data/quickstart

Every fourth scan of the validation images is a query, with one of its two drawings. The other
drawing is its easy positive, and other scans of the same digit are its hard positives. The folder
``rdigits`` below the root contains the images in ``jpg/``, gray and cropped as in the quickstart's
ccMIM and MimCo, and the ground truth ``gnd_rdigits.pkl``. The result is deterministic.
"""

from __future__ import annotations

import argparse
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..parsers.data import make_digit_retrieval as parse_args
from .recipe import begin, finish

EVERY = 4  # scans from one query to the next
SIDE = 32  # pixels
RECIPE = 1  # increase it when the images change, so that old folders are replaced


def make(root: Path) -> None:
    """Write ``root/rdigits`` from ``root/val``.

    Raises:
        FileNotFoundError: the digits do not exist yet.
        ValueError: the folder contains other files.
    """
    files = sorted(root.glob('val/*/*.jpg'))
    if not files:
        raise FileNotFoundError(
            f'{str(root / "val")!r} has no images; run mcl data digits {root} first.'
        )
    folder = root / 'rdigits'
    recipe = {
        'recipe': RECIPE,
        'files': {file.name: zlib.crc32(file.read_bytes()) for file in files},
    }
    if not begin(folder, recipe, ('jpg',)):
        return
    (folder / 'jpg').mkdir()
    for file in files:
        with Image.open(file) as image:
            prepare(image).save(folder / 'jpg' / file.name, quality=95)
    queries = [file for file in files if file.stem.endswith('_0')][::EVERY]
    database = [file for file in files if file not in queries]
    truth = {
        'imlist': [file.stem for file in database],
        'qimlist': [file.stem for file in queries],
        'gnd': [find_positives(query, database) for query in queries],
    }
    (folder / 'gnd_rdigits.pkl').write_bytes(pickle.dumps(truth))
    finish(folder, recipe)
    print(f'{folder}: {len(queries)} queries, {len(database)} images')


def prepare(image: Image.Image) -> Image.Image:
    """Crop the centre of a digit's image and remove its colours."""
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return image.convert('L').crop((left, top, left + SIDE, top + SIDE))


def find_positives(query: Path, database: list[Path]) -> dict:
    """List the images of the database with the query's scan (easy) and with its digit (hard)."""
    digit = [number for number, file in enumerate(database) if file.parent == query.parent]
    easy = [number for number in digit if get_scan_id(database[number]) == get_scan_id(query)]
    return {
        'bbx': [0, 0, SIDE, SIDE],
        'easy': easy,
        'hard': sorted(set(digit) - set(easy)),
        'junk': [],
    }


def get_scan_id(file: Path) -> str:
    """Return the number of a file's scan: ``0045`` for ``0045_1.jpg``."""
    return file.stem.split('_')[0]


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images into the folder of the command line."""
    make(**vars(parse_args(argv)))
