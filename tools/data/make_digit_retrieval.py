"""Make a retrieval benchmark of the quickstart's digits, in the format of revisited Oxford.

    python tools/data/make_digit_retrieval.py data/quickstart

Every fourth scan of the validation images is a query, with one of its two drawings; the other
drawing is the easy image to find, other scans of the digit are hard ones. The folder
``rdigits`` below the root has the images under ``jpg/`` and the ground truth ``gnd_rdigits.pkl``.
Deterministic.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
from pathlib import Path

from PIL import Image

EVERY = 4  # scans from one query to the next


def make(root: Path) -> None:
    """Write ``root/rdigits`` from ``root/val``.

    Raises:
        FileNotFoundError: the digits have not been drawn.
    """
    files = sorted(root.glob('val/*/*.jpg'))
    if not files:
        raise FileNotFoundError(
            f'{str(root / "val")!r} has no images; run python tools/data/make_digits.py {root} '
            'first.'
        )
    folder = root / 'rdigits'
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'jpg').mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder / 'jpg' / file.name)
    queries = [file for file in files if file.stem.endswith('_0')][::EVERY]
    database = [file for file in files if file not in queries]
    truth = {
        'imlist': [file.stem for file in database],
        'qimlist': [file.stem for file in queries],
        'gnd': [to_find(query, database) for query in queries],
    }
    (folder / 'gnd_rdigits.pkl').write_bytes(pickle.dumps(truth))
    print(f'{folder}: {len(queries)} queries, {len(database)} images')


def to_find(query: Path, database: list[Path]) -> dict:
    """Which images of the database show the query's scan, and which its digit."""
    with Image.open(query) as image:
        box = [0, 0, *image.size]
    digit = [number for number, file in enumerate(database) if file.parent == query.parent]
    easy = [number for number in digit if scan_of(database[number]) == scan_of(query)]
    return {'bbx': box, 'easy': easy, 'hard': sorted(set(digit) - set(easy)), 'junk': []}


def scan_of(file: Path) -> str:
    """``0045`` of ``0045_1.jpg``."""
    return file.stem.split('_')[0]


if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, nargs='?', default=Path('data/quickstart'))
    make(parser.parse_args().root)
