"""Lists of a few labelled images of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def few_labels(root: Path, each: int, choice: int) -> list[str]:
    """Return the lines of an image list: random training images, as many of each class.

    The lists of one choice contain one another, so that more labels are a larger set of the same.

    Args:
        root: folder with ``train/<class>/``; labels are the places of the classes' names.
        each: images of a class, or all if it has fewer.
        choice: seed of the choice.
    """
    rng = np.random.default_rng(choice)
    lines = []
    for label, folder in enumerate(sorted(p for p in (root / 'train').iterdir() if p.is_dir())):
        # One image of a scan, of which a folder may have several copies.
        names = sorted(path.name for path in folder.iterdir() if _is_first_copy(path))
        chosen = rng.permutation(len(names))[:each]
        lines += [f'{folder.name}/{names[index]} {label}\n' for index in chosen]
    return lines


def write_few_labels(root: Path, count: int, choice: int) -> Path:
    """Write ``labels_<count>_<choice>.txt``; see :func:`few_labels`.

    Args:
        root: folder with ``train/<class>/``.
        count: images in the list, of all classes together.
        choice: seed of the choice.

    Returns:
        The file.

    Raises:
        ValueError: the classes do not get an equal number of images, or one has too few.
    """
    classes = sum(path.is_dir() for path in (root / 'train').iterdir())
    each, rest = divmod(count, classes)
    if rest:
        raise ValueError(f'{count} labels cannot be divided among {classes} classes equally.')
    lines = few_labels(root, each, choice)
    if len(lines) < count:
        raise ValueError(f'{root}/train has classes of fewer than the {each} images needed.')
    file = root / f'labels_{count}_{choice}.txt'
    file.write_text(''.join(lines))
    return file


def _is_first_copy(path: Path) -> bool:
    number = path.stem.partition('_')[2]
    return number in ('', '0')
