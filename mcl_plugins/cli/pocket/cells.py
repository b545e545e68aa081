"""The solar cells of ``mcl data solar-cells`` at the benchmark's size and with its three parts."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from ..data.few_labels import write_few_labels
from ..data.recipe import begin, finish
from ..data.solar_cells import make as make_solar_cells

SIDE = 80  # pixels; the pipelines crop 64
VALIDATION = 300  # cells, taken from the training part
LABELS, LABEL_CHOICES = (50, 200), 5
RECIPE = 1  # increase it when the images change, so that old folders are replaced


def make(root: Path) -> None:
    """Write the images below ``root`` unless they exist; the originals are beside it.

    ``test`` is the data set's ``val``; ``val`` is a part of its ``train``.

    Raises:
        ValueError: the folder contains other files.
        ConnectionError: the distribution could not be downloaded.
    """
    recipe = {'recipe': RECIPE, 'side': SIDE, 'validation': VALIDATION}
    if not begin(root, recipe, ('train', 'val', 'test')):
        return
    originals = root.with_name('solar-cells')
    make_solar_cells(originals)
    files = sorted(originals.glob('train/*/*.png'))
    train, val = train_test_split(
        files,
        test_size=VALIDATION,
        stratify=[file.parent.name for file in files],
        random_state=0,
    )
    parts = {'train': train, 'val': val, 'test': sorted(originals.glob('val/*/*.png'))}
    for part, chosen in parts.items():
        for file in tqdm(chosen, desc=f'solar cells, {part}', unit='image', file=sys.stdout):
            shrunk = root / part / file.parent.name / f'{file.stem}.jpg'
            shrunk.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(file) as image:
                image.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(shrunk, quality=92)
    for count in LABELS:
        for choice in range(LABEL_CHOICES):
            write_few_labels(root, count, choice)
    finish(root, recipe)
