"""Oxford Flowers-102 from its published files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from mmpretrain.datasets import Flowers102 as _Flowers102

from ..registry import DATASETS
from .checked_images import CheckedImages
from .image_folder import check_folder, say_count

LISTS = {'train': ['trnid'], 'val': ['valid'], 'trainval': ['trnid', 'valid'], 'test': ['tstid']}


@DATASETS.register_module()
class Flowers102(CheckedImages, _Flowers102):
    """mmpretrain's ``Flowers102``, which checks its files and reads them with SciPy.

    ``data_root`` contains the published ``imagelabels.mat``, ``setid.mat`` and
    ``jpg/image_*.jpg``. The training and validation splits together have 2040 images, the test
    split has 6149. The arguments are the same.

    Raises:
        FileNotFoundError: one of the files, or the folder of images, does not exist.
        ValueError: the content of a file is not the published one.
    """

    # The published labels are numbers.
    METAINFO: ClassVar[dict] = {'classes': tuple(str(number) for number in range(1, 103))}

    def full_init(self) -> None:
        """Check the folder, then list the images."""
        if self._fully_initialized:
            return
        check_folder(self.img_prefix, self.data_root)
        super().full_init()

    def load_data_list(self) -> list[dict]:
        """List the images of the split; in the files, images and labels are numbered from 1."""
        labels = read_numbers(Path(self.ann_file), ['labels'])
        if set(labels) != set(range(1, 103)):
            raise ValueError(
                f'{self.ann_file} has {len(set(labels))} classes from {labels.min()} to '
                f'{labels.max()}, not 102 from 1. Download the published file again.'
            )
        ids = read_numbers(Path(self.train_test_split_file), LISTS[self.split])
        if ids.min() < 1 or ids.max() > len(labels):
            raise ValueError(
                f'{self.train_test_split_file} names the images {ids.min()} to {ids.max()}, but '
                f'{self.ann_file} has labels of {len(labels)}.'
            )
        say_count(self.train_test_split_file, len(ids), 102)
        folder = self.img_prefix.rstrip('/')
        return [
            dict(img_path=f'{folder}/image_{i:05d}.jpg', gt_label=int(labels[i - 1]) - 1)
            for i in ids.tolist()
        ]


def read_numbers(path: Path, names: list[str]) -> np.ndarray:
    """Read lists of integers of a MATLAB file and concatenate them."""
    if not path.is_file():
        raise FileNotFoundError(
            f'{str(path.absolute())!r} does not exist. Flowers-102 is published as '
            'imagelabels.mat, setid.mat and 102flowers.tgz; put the two .mat files beside the '
            'unpacked folder jpg/.'
        )
    from scipy.io import loadmat  # noqa: PLC0415  only this data set needs it

    try:
        content = loadmat(path, variable_names=names)
        return np.concatenate([content[name].ravel() for name in names]).astype(np.int64)
    except Exception as error:  # SciPy and zlib raise errors of many kinds
        raise ValueError(
            f'{path} is not the published file, because {names} cannot be read from it ({error}). '
            'Download it again.'
        ) from error
