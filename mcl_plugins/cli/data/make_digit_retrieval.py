"""Make a retrieval benchmark of the quickstart's digits.

    mcl data digit-retrieval data/quickstart

Every fourth scan of the validation images is a query, with one of its two drawings; the other
drawing is the easy image to find, other scans of the digit are hard ones. The folder
``rdigits`` below the root has the images under ``jpg/``, gray and cut as the quickstart's ccMIM and
MimCo see digits, and the ground truth ``gnd_rdigits.pkl``. Deterministic.
"""

from __future__ import annotations

import argparse
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..arguments import parser_for
from .recipe import begin, finish

EVERY = 4  # scans from one query to the next
SIDE = 32  # pixels
RECIPE = 1  # raise when the images change, so that old folders are made anew


def make(root: Path) -> None:
    """Write ``root/rdigits`` from ``root/val``.

    Raises:
        FileNotFoundError: the digits have not been drawn.
        ValueError: there is something else in the way.
    """
    files = sorted(root.glob('val/*/*.jpg'))
    if not files:
        raise FileNotFoundError(
            f'{str(root / "val")!r} has no images; run mcl data digits {root} first.'
        )
    folder = root / 'rdigits'
    recipe = {'recipe': RECIPE, 'files': {file.name: zlib.crc32(file.read_bytes()) for file in files}}
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
        'gnd': [to_find(query, database) for query in queries],
    }
    (folder / 'gnd_rdigits.pkl').write_bytes(pickle.dumps(truth))
    finish(folder, recipe)
    print(f'{folder}: {len(queries)} queries, {len(database)} images')


def prepare(image: Image.Image) -> Image.Image:
    """The middle of a digit's image, without its colours."""
    left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
    return image.convert('L').crop((left, top, left + SIDE, top + SIDE))


def to_find(query: Path, database: list[Path]) -> dict:
    """Which images of the database show the query's scan, and which its digit."""
    digit = [number for number, file in enumerate(database) if file.parent == query.parent]
    easy = [number for number in digit if scan_of(database[number]) == scan_of(query)]
    return {'bbx': [0, 0, SIDE, SIDE], 'easy': easy, 'hard': sorted(set(digit) - set(easy)), 'junk': []}


def scan_of(file: Path) -> str:
    """``0045`` of ``0045_1.jpg``."""
    return file.stem.split('_')[0]


def main(argv: Sequence[str] | None = None) -> None:
    """Make the images of the command line."""
    parser = parser_for(__doc__)
    parser.add_argument('root', type=Path, nargs='?', default=Path('data/quickstart'))
    try:
        make(**vars(parser.parse_args(argv)))
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
