"""Data sets of image folders that are checked before they are read."""

from __future__ import annotations

from pathlib import Path

from mmpretrain.datasets import CustomDataset
from mmpretrain.datasets import ImageNet as _ImageNet

from ..registry import DATASETS


def check_folder(folder: str, data_root: str) -> None:
    """Raise an error unless ``folder`` exists and is not empty.

    Args:
        folder: the folder; addresses of other storage backends (``s3://...``) are not checked.
        data_root: ``data_root`` of the data set, for the message.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: the folder is empty.
    """
    if '://' in folder:
        return  # it is in another storage backend
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


class _CheckedFolder(CustomDataset):
    """Base class of the data sets in this module."""

    def full_init(self) -> None:
        """Check the folder, then list the images."""
        check_folder(self.img_prefix, self.data_root)
        super().full_init()

    def _find_samples(self) -> list:
        """Search the folder; mmpretrain raises a RuntimeError if it finds no image."""
        try:
            return super()._find_samples()
        except RuntimeError as error:
            labelled = ' in a folder for each class (or set with_label=False)'
            raise ValueError(
                f'{self.img_prefix} has no images{labelled if self.with_label else ""}: their '
                f'names must end in one of {", ".join(sorted(self.extensions))}.'
            ) from error


@DATASETS.register_module()
class ImageFolder(_CheckedFolder):
    """A folder of images, which is searched recursively; sub-folders may define the labels.

    The arguments are those of mmpretrain's ``CustomDataset``. For images without labels set
    ``with_label=False``.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: the folder contains no images.
    """


@DATASETS.register_module()
class ImageNet(_CheckedFolder, _ImageNet):
    """ImageNet-1k in ``data_root/{train,val}/<wnid>/*.JPEG``; arguments as in mmpretrain.

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
        found = sum(path.is_dir() for path in Path(self.img_prefix).iterdir())
        if found != len(self.CLASSES):
            raise ValueError(
                f'{self.img_prefix} has {found} class folders, ImageNet-1k has '
                f'{len(self.CLASSES)}. For other images see configs/conmim/vit-b_own-images.py.'
            )
