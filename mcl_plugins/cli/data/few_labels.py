"""Lists of a few labelled images of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_few_labels(root: Path, count: int, choice: int) -> Path:
    """Write ``labels_<count>_<choice>.txt``: random training images, as many of each class.

    The lists of one choice contain one another, so that more labels are a larger set of the same.

    Args:
        root: folder with ``train/<class>/``; labels are the places of the classes' names.
        count: images in the list, of all classes together.
        choice: seed of the choice.

    Returns:
        The file.

    Raises:
        ValueError: the classes do not get an equal number of images, or one has too few.
    """
    folders = sorted(path for path in (root / 'train').iterdir() if path.is_dir())
    each, rest = divmod(count, len(folders))
    if rest:
        raise ValueError(f'{count} labels cannot be divided among {len(folders)} classes equally.')
    rng = np.random.default_rng(choice)
    lines = []
    for label, folder in enumerate(folders):
        # One image of a scan, of which a folder may have several copies.
        names = sorted(path.name for path in folder.iterdir() if _is_first_copy(path))
        if len(names) < each:
            raise ValueError(f'{folder} has {len(names)} images, {each} are needed.')
        for index in rng.permutation(len(names))[:each]:
            lines.append(f'{folder.name}/{names[index]} {label}\n')
    file = root / f'labels_{count}_{choice}.txt'
    file.write_text(''.join(lines))
    return file


def _is_first_copy(path: Path) -> bool:
    number = path.stem.partition('_')[2]
    return number in ('', '0')
