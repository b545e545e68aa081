"""Image folders, checked before anything is built on them."""

from __future__ import annotations

from pathlib import Path

from mmpretrain.datasets import CustomDataset
from mmpretrain.datasets import ImageNet as _ImageNet

from ..registry import DATASETS


def check_folder(folder: str, data_root: str) -> None:
    """Raise unless ``folder`` exists and holds something.

    Raises:
        FileNotFoundError: it does not exist.
        ValueError: it is empty.
    """
    if '://' in folder:
        return  # another storage backend's
    path = Path(folder)
    instruction = (
        f'Put the images there (or a symbolic link), or name another place with --cfg-options '
        f'train_dataloader.dataset.data_root=... (val_, test_; now {data_root!r}).'
    )
    if not path.is_dir():
        raise FileNotFoundError(
            f'The image folder {str(path.absolute())!r} does not exist. {instruction}'
        )
    if next(path.iterdir(), None) is None:
        raise ValueError(f'The image folder {str(path.absolute())!r} is empty. {instruction}')


class _CheckedFolder(CustomDataset):
    """What the data sets of this file have in common."""

    def full_init(self) -> None:
        """Check the folder, then list the images."""
        check_folder(self.img_prefix, self.data_root)
        super().full_init()

    def _find_samples(self) -> list:
        """mmpretrain's search of the folder, whose error for none is one of the code."""
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
    """Any folder of images, searched through all levels; labels from sub-folders if wanted.

    Takes the arguments of mmpretrain's ``CustomDataset``; for images without labels set
    ``with_label=False``.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: it has no images.
    """


@DATASETS.register_module()
class ImageNet(_CheckedFolder, _ImageNet):
    """ImageNet-1k as ``data_root/{train,val}/<wnid>/*.JPEG``; arguments of mmpretrain's."""

    def full_init(self) -> None:
        """Check the folder and its classes, then list the images."""
        check_folder(self.img_prefix, self.data_root)  # before its folders are counted
        if not self.ann_file and self.with_label and '://' not in self.img_prefix:
            self._check_classes()
        super().full_init()

    def _check_classes(self) -> None:
        found = sum(path.is_dir() for path in Path(self.img_prefix).iterdir())
        if found != len(self.CLASSES):
            raise ValueError(
                f'{self.img_prefix} has {found} class folders, ImageNet-1k has '
                f'{len(self.CLASSES)}; for other images see configs/conmim/vit-b_own-images.py.'
            )
