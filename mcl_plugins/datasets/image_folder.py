"""Data sets of image folders that are checked before they are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio import get_file_backend
from mmengine.logging import print_log
from mmpretrain.datasets import CustomDataset
from mmpretrain.datasets import ImageNet as _ImageNet

from ..registry import DATASETS
from ..utils.images import IMAGE_SUFFIXES, is_utf8, printable
from .archives import find_archives, list_archives
from .archives.address import name_within
from .checked_images import CheckedImages
from .classes import folders_of_list, join_names
from .image_list import read_image_list
from .listing import is_hidden, list_images
from .listing_result import Listing


def check_folder(folder: str, data_root: str) -> None:
    """Raise an error unless ``folder`` exists and is not empty.

    Args:
        folder: the folder; addresses of other storage backends (``s3://...``) are not checked.
        data_root: ``data_root`` of the data set, for the message.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: the folder is empty.
    """
    if '://' in folder or find_archives(folder):
        return  # it is in another storage backend, or in archives
    path = Path(folder)
    instruction = (
        f'Put the images (or a symbolic link) there, or set another folder with --cfg-options '
        f'train_dataloader.dataset.data_root=... (the same for val_dataloader and '
        f'test_dataloader; now {data_root!r}).'
    )
    if not path.is_dir():
        raise FileNotFoundError(
            f'The image folder {str(path.absolute())!r} does not exist. {instruction}'
        )
    if next(path.iterdir(), None) is None:
        raise ValueError(f'The image folder {str(path.absolute())!r} is empty. {instruction}')


class _CheckedFolder(CheckedImages, CustomDataset):
    """Base class of the data sets in this module.

    Attributes:
        folder_to_idx: label of each class folder. Of a list of images it has the folders whose
            images all have one label of their own; None if the names of folders say nothing.
        classes_are_folders: whether the class names are those of the folders that have images.
    """

    folder_to_idx: dict[str, int] | None = None
    classes_are_folders = False

    def __init__(
        self, *args: Any, extensions: Sequence[str] = IMAGE_SUFFIXES, **kwargs: Any
    ) -> None:
        super().__init__(*args, extensions=extensions, **kwargs)

    def full_init(self) -> None:
        """Check the folder, then list the images."""
        if self._fully_initialized:
            return
        check_folder(self.img_prefix, self.data_root)
        super().full_init()

    def number_classes_as(self, classes: Sequence[str]) -> None:
        """List the images again, with labels that number the folders in the order of ``classes``.

        Args:
            classes: names of the folders; those that do not exist have no images.

        Raises:
            ValueError: a folder with images is not among them.
        """
        self._metainfo['classes'] = tuple(classes)
        self._fully_initialized = False
        self.full_init()
        self.classes_are_folders = True

    def load_data_list(self) -> list[dict]:
        """List path and label of each image, and log how many files were found and left out."""
        samples = self._read_list() if self.ann_file else self._find_samples()
        backend = get_file_backend(self.img_prefix, enable_singleton=True)
        records = []
        for sample in samples:
            name, label = sample if self.with_label else (sample, None)
            # The name of an image in an archive is its address.
            path = name if '://' in name else backend.join_path(self.img_prefix, name)
            record = {'img_path': path}
            records.append(record if label is None else {**record, 'gt_label': label})
        return records

    def _read_list(self) -> list:
        """Read the samples of ``ann_file``."""
        if find_archives(self.img_prefix):
            raise ValueError(
                f'ann_file={self.ann_file!r} lists image files, but those of {self.img_prefix!r} '
                'are in archives: set ann_file= (empty), or pack the listed images alone.'
            )
        samples = read_image_list(self.ann_file, self.img_prefix, self.with_label)
        say_count(self.ann_file, len(samples))
        if not self.with_label:
            return [name for name, _ in samples]
        highest = max(label for _, label in samples if label is not None)
        if self.CLASSES is not None and highest >= len(self.CLASSES):
            raise ValueError(
                f'The list of images {self.ann_file} has the label {highest}, but the data set has '
                f'{len(self.CLASSES)} classes, 0 to {len(self.CLASSES) - 1}: correct the list, or '
                'set metainfo=dict(classes=(...)) of the data set.'
            )
        self.folder_to_idx = folders_of_list(samples)
        return samples

    def _find_samples(self) -> list:
        """Search the folder for (path, label), or only for paths if ``with_label`` is False.

        Raises:
            ValueError: there is no image, or the class folders are not those of ``classes``.
        """
        listing = self._list()
        samples: list = listing.images
        notes: list[str] = []
        if self.with_label:
            samples, notes = self._label(listing)
        if not samples:
            labelled = ' in a folder for each class (or set with_label=False)'
            raise ValueError(
                f'{self.img_prefix} has no images{labelled if self.with_label else ""}: their '
                f'names must end in one of {", ".join(sorted(self.extensions))}. '
                f'{listing.describe_left_out()}'.rstrip()
            )
        classes = len(self.CLASSES) if self.with_label and self.CLASSES is not None else None
        say_count(
            self.img_prefix,
            len(samples),
            classes,
            [
                listing.describe_left_out(),
                listing.describe_names(),
                listing.describe_kept(),
                *notes,
            ],
        )
        return samples

    def _list(self) -> Listing:
        """List the images of the folder, or of archives in its place."""
        archives = find_archives(self.img_prefix)
        if archives:
            return list_archives(self.img_prefix, archives, self.extensions)
        return list_images(self.img_prefix, self.extensions)

    def _label(self, listing: Listing) -> tuple[list, list[str]]:
        """Return (path, label) of each image, and what there is to say of the classes."""
        if listing.labels is not None:
            if self.CLASSES is None and listing.classes:
                self._metainfo['classes'] = tuple(listing.classes)
            check_labels(self.img_prefix.rstrip('/'), listing.labels, self.CLASSES)
            return list(zip(listing.images, listing.labels, strict=True)), []
        by_folder = group_by_folder(listing)
        check_names(self.img_prefix, by_folder)
        notes: list[str] = []
        if by_folder:
            self.folder_to_idx = self._number_folders(listing, by_folder)
            if absent := [name for name in self.folder_to_idx if name not in by_folder]:
                notes = [f'Classes without images ({len(absent)}): {join_names(absent)}.']
        labels = self.folder_to_idx or {}
        empty = [name for name in listing.folders if name not in by_folder and name not in labels]
        if empty:
            notes.append(f'Folders without images are no classes: {join_names(empty)}.')
        samples = [
            (name, labels[folder])
            for folder, names in by_folder.items()
            for name in names
            if labels
        ]
        return samples, notes

    def _number_folders(self, listing: Listing, by_folder: dict[str, list[str]]) -> dict[str, int]:
        """Return the label of each class folder.

        Without ``classes`` the folders that have images are numbered in alphabetical order. With
        ``classes`` a folder gets the number of its name. Names that are not those of the folders,
        as the words for ImageNet's numbers, are assigned in alphabetical order of the folders.
        """
        if self.CLASSES is None:
            self._metainfo['classes'] = tuple(by_folder)
            self.classes_are_folders = True
        classes = list(self.CLASSES)
        if set(by_folder) <= set(classes):
            return {name: label for label, name in enumerate(classes)}
        if not set(by_folder) & set(classes):
            for folders in (list(by_folder), listing.folders):
                if len(folders) == len(classes):
                    return {name: label for label, name in enumerate(folders)}
        unknown = [name for name in by_folder if name not in classes]
        absent = [name for name in classes if name not in by_folder]
        raise ValueError(
            f'{self.img_prefix} has {len(by_folder)} class folders, but the data set was given '
            f'{len(classes)} classes. Folders that are no class ({len(unknown)}): '
            f'{join_names(unknown)}. Classes without images ({len(absent)}): {join_names(absent)}. '
            'Remove the folders, or set metainfo=dict(classes=(...)) of all data sets to the names '
            'of the folders.'
        )


def group_by_folder(listing: Listing) -> dict[str, list[str]]:
    """Group images by the sub-folder, in alphabetical order; images outside are left out."""
    groups: dict[str, list[str]] = {}
    for name in listing.images:
        folder, _, inside = name_within(name).partition('/')
        if inside:
            groups.setdefault(folder, []).append(name)
        else:
            listing.leave_out(name, 'outside the class folders')
    return dict(sorted(groups.items()))


def check_names(root: str, folders: Iterable[str]) -> None:
    r"""Raise a ValueError if the name of a class folder is no UTF-8 text.

    Logs, checkpoints and tables contain the names of classes.

    Example:
        >>> check_names('train', ['caf\udce9'])
        Traceback (most recent call last):
        ValueError: The name of the class folder caf\udce9 in train is no UTF-8 text: rename it.
    """
    for name in folders:
        if not is_utf8(name):
            raise ValueError(
                f'The name of the class folder {printable(name)} in {printable(root)} is no UTF-8 '
                'text: rename it.'
            )


def check_labels(place: str, labels: Sequence[int], classes: Sequence[str] | None) -> None:
    """Raise a ValueError if archives have labels that are no class.

    Example:
        >>> check_labels('shards/train', [0, 2], ('ant', 'bee'))
        Traceback (most recent call last):
        ValueError: shards/train has the label 2, which is none of 2 classes, 0 to 1: set \
metainfo=dict(classes=(...)) of the data set, or with_label=False if the images have no labels.
    """
    for label in sorted(set(labels), key=lambda label: (label is not None, label)):
        if label is None or label < 0 or (classes is not None and label >= len(classes)):
            known = 'a class' if classes is None else f'of {len(classes)} classes, 0 to '
            known += '' if classes is None else str(len(classes) - 1)
            raise ValueError(
                f'{printable(place)} has the label {label}, which is none {known}: set '
                'metainfo=dict(classes=(...)) of the data set, or with_label=False if the images '
                'have no labels.'
            )


def say_count(
    place: str, images: int, classes: int | None = None, notes: Sequence[str] = ()
) -> None:
    """Log how many images a data set has, and what else there is to say of it."""
    of_classes = '' if classes is None else f' of {classes} class{"es" if classes != 1 else ""}'
    text = f'{printable(place)}: {images} image{"s" if images != 1 else ""}{of_classes}.'
    print_log(' '.join(filter(None, [text, *notes])), logger='current')


@DATASETS.register_module()
class ImageFolder(_CheckedFolder):
    """A folder of images, which is searched recursively; sub-folders may define the labels.

    In its place may be archives, see :func:`~mcl_plugins.datasets.archives.find_archives`.

    The arguments are those of mmpretrain's ``CustomDataset``, and ``max_bad_images`` of
    :class:`~mcl_plugins.datasets.checked_images.CheckedImages`. For images without labels set
    ``with_label=False``. Hidden files and folders (``.ipynb_checkpoints``) are left out, and
    folders without images are no classes. With ``metainfo=dict(classes=(...))`` a folder gets the
    number of its name in that list. How many images were found and how many files were left out is
    logged.

    Raises:
        FileNotFoundError: the folder, the list, or a listed image does not exist.
        ValueError: the folder contains no images, a folder is not among the given classes, or a
            line of the list cannot be read.
    """


@DATASETS.register_module()
class ImageNet(_CheckedFolder, _ImageNet):
    """ImageNet-1k in ``data_root/{train,val}/<wnid>/*.JPEG``; arguments as in mmpretrain.

    In place of the two folders may be archives, ``data_root/train-000000.tar`` and so on.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: it does not contain 1000 class folders, or contains no images.
    """

    def full_init(self) -> None:
        """Check the folder and its classes, then list the images."""
        check_folder(self.img_prefix, self.data_root)  # first, because _check_classes lists it
        if not self.ann_file and self.with_label and '://' not in self.img_prefix:
            self._check_classes()
        super().full_init()

    def _check_classes(self) -> None:
        if find_archives(self.img_prefix):
            return  # the names of their images are compared
        folders = [path for path in Path(self.img_prefix).iterdir() if path.is_dir()]
        found = sum(not is_hidden(path.name) for path in folders)
        if found != len(self.CLASSES):
            raise ValueError(
                f'{self.img_prefix} has {found} class folders, ImageNet-1k has '
                f'{len(self.CLASSES)}. For other images see configs/own.'
            )
