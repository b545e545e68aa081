"""Comparison of the classes of several data sets by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from logging import WARNING
from typing import Any

from mmengine.logging import print_log

from ..utils.images import printable

SHOWN = 20  # names in a message


def join_names(names: Iterable[Any]) -> str:
    """Join names for a message, the first of them if they are many.

    Example:
        >>> join_names(['ant', 'bee'])
        'ant, bee'
    """
    shown = [printable(str(name)) for name in names]
    more = len(shown) - SHOWN
    return ', '.join(shown[:SHOWN]) + (f' and {more} more' if more > 0 else '')


def folders_of_list(samples: Sequence[tuple[str, int | None]]) -> dict[str, int] | None:
    """Return the label of each folder of a list of images.

    Returns:
        None unless each image is in a folder and folders and labels correspond one to one.

    Example:
        >>> folders_of_list([('cat/1.jpg', 1), ('cat/2.jpg', 1), ('ant/1.jpg', 0)])
        {'cat': 1, 'ant': 0}
        >>> folders_of_list([('all/1.jpg', 1), ('all/2.jpg', 0)])
    """
    labels: dict[str, int] = {}
    for name, label in samples:
        folder, _, inside = name.partition('/')
        if not inside or label is None or labels.setdefault(folder, label) != label:
            return None
    return labels if len(set(labels.values())) == len(labels) else None


@dataclass(frozen=True)
class ClassNames:
    """How a data set names its classes.

    Attributes:
        classes: names of the classes in the order of their labels; None if they are unknown.
        folders: label of each class folder; None if labels do not come from folders.
        complete: whether ``folders`` has all classes; a list of images may lack some.
        strict: whether other names for as many classes are an error; else they are a warning.
    """

    classes: tuple[str, ...] | None = None
    folders: dict[str, int] | None = None
    complete: bool = True
    strict: bool = True

    @classmethod
    def of(cls, dataset: Any) -> ClassNames:
        """Read the names from a data set of any library, also from a wrapper such as a repeat."""
        classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
        return cls(
            None if classes is None else tuple(classes),
            getattr(dataset, 'folder_to_idx', None),
            not getattr(dataset, 'ann_file', ''),
        )

    @classmethod
    def of_checkpoint(cls, meta: Mapping[str, Any]) -> ClassNames:
        """Read the names of the training data from a checkpoint's ``meta``."""
        classes = (meta.get('dataset_meta') or {}).get('classes')
        stored = meta.get('class_folders')
        strict = stored is not None  # else another package wrote it, with other words perhaps
        stored = stored or {}
        return cls(
            None if classes is None else tuple(classes),
            stored.get('labels'),
            stored.get('complete', True),
            strict,
        )

    def for_checkpoint(self) -> dict[str, Any]:
        """Return the entry of a checkpoint's ``meta`` that :meth:`of_checkpoint` reads."""
        return {'class_folders': {'labels': self.folders, 'complete': self.complete}}


def agree_on_classes(
    datasets: Mapping[str, Any],
    reference: ClassNames | None = None,
    origin: str = 'the checkpoint',
) -> None:
    """Make the labels of data sets mean the same classes, by name, or raise an error.

    The first data set is the reference. Another one whose folders are some of its classes is
    numbered like it; the classes that it lacks are logged. Data sets without names are not
    compared.

    Args:
        datasets: the data sets of a run by name, for the messages.
        reference: the names to compare with, if not those of the first data set.
        origin: where the reference is from, for the messages.

    Raises:
        ValueError: a data set has a class that the reference has not, or numbers the same classes
            differently; the message lists the differences.

    Example:
        >>> from types import SimpleNamespace
        >>> sets = {name: SimpleNamespace(metainfo={'classes': classes})
        ...         for name, classes in dict(train=('ant', 'bee'), val=('ant', 'cat')).items()}
        >>> agree_on_classes(sets)
        Traceback (most recent call last):
        ValueError: The classes of val are not those of train. Only in val (1): cat. Only in train \
(1): bee. Let all data sets have the same classes: correct the folders, or set \
metainfo=dict(classes=(...)) of each to the same list.
    """
    names = list(datasets)
    if reference is None:
        origin, names = names[0], names[1:]
        reference = ClassNames.of(datasets[origin])
    for name in names:
        _agree(origin, reference, name, datasets[name])


def _agree(origin: str, reference: ClassNames, name: str, dataset: Any) -> None:
    own = ClassNames.of(dataset)
    expected, found = _comparable(reference, own)
    if expected is None or found is None or expected == found:
        return
    if _follow(origin, expected, name, dataset, found):
        return
    only_own = [key for key in found if key not in expected]
    absent = [key for key in expected if key not in found]
    moved = [key for key, label in found.items() if expected.get(key, label) != label]
    if expected is reference.folders and not (reference.complete and own.complete):
        if len(only_own) == len(found):
            return  # a list of images whose folders have other names than the class folders
        # A list may lack classes, but no label may have two names.
        only_own = [key for key in only_own if found[key] in expected.values()]
        absent = []
    if not (only_own or absent or moved):
        return
    differences = ' '.join(
        f'{what} ({len(keys)}): {join_names(keys)}.'
        for what, keys in (
            (f'Only in {name}', only_own),
            (f'Only in {origin}', absent),
            ('Numbered differently', moved),
        )
        if keys
    )
    message = f'The classes of {name} are not those of {origin}. {differences}'
    if not reference.strict and not moved and len(expected) == len(found):
        print_log(f'{message} They are compared in the order of their numbers.', 'current', WARNING)
        return
    raise ValueError(
        f'{message} Let all data sets have the same classes: correct the folders, or set '
        'metainfo=dict(classes=(...)) of each to the same list.'
    )


def _comparable(
    reference: ClassNames, own: ClassNames
) -> tuple[dict[str, int] | None, dict[str, int] | None]:
    """Return the labels by name of both: those of the folders, else those of the class names."""
    if reference.folders is not None and own.folders is not None:
        return reference.folders, own.folders
    if reference.classes is None or own.classes is None or reference.classes == own.classes:
        return None, None
    return (
        {name: label for label, name in enumerate(reference.classes)},
        {name: label for label, name in enumerate(own.classes)},
    )


def _follow(
    origin: str, expected: dict[str, int], name: str, dataset: Any, found: dict[str, int]
) -> bool:
    """Number the folders of a data set as expected, if they are some of the expected classes."""
    ordered = sorted(expected, key=expected.__getitem__)
    gapless = [expected[key] for key in ordered] == list(range(len(ordered)))
    if not (gapless and found.keys() <= expected.keys()):
        return False
    if not getattr(dataset, 'classes_are_folders', False):
        return False
    dataset.number_classes_as(ordered)
    absent = [key for key in ordered if key not in found]
    lacks = f'{name} has no images of {len(absent)} of the {len(ordered)} classes of {origin}: '
    print_log(
        f'{f"{lacks}{join_names(absent)}. " if absent else ""}The labels of {name} follow the '
        f'names of {origin}.',
        logger='current',
        level=WARNING,
    )
    return True
