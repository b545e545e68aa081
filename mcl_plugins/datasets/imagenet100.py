"""ImageNet-100: a hundred of ImageNet-1k's classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmpretrain.datasets.custom import get_samples

from ..registry import DATASETS
from .image_folder import ImageNet, check_folder

# The split of Contrastive Multiview Coding (Tian et al., 2019; released imagenet100.txt), sorted.
CLASS_LIST = Path(__file__).with_name('imagenet100.txt')


@DATASETS.register_module()
class ImageNet100(ImageNet):
    """The listed classes of ImageNet-1k in ``data_root/{train,val}/<wnid>/*.JPEG``.

    Other class folders may stand beside them, and are not read; annotation files are not either,
    whose labels are those of the 1000 classes. Labels count the listed classes in alphabetical
    order, as for a folder that holds nothing else.

    Args:
        class_list: text file with a class folder in each line; None for the split of Tian et al.
        **kwargs: arguments of :class:`ImageNet`.

    Raises:
        FileNotFoundError: the class list, or the folder of a class, does not exist.
        ValueError: the list is empty or names a class twice, or a folder has no images.
    """

    def __init__(self, *args: Any, class_list: str | None = None, **kwargs: Any) -> None:
        self.wnids = read_class_list(Path(class_list or CLASS_LIST))
        kwargs['metainfo'] = dict(classes=tuple(self.wnids), **(kwargs.get('metainfo') or {}))
        super().__init__(*args, **kwargs)

    def full_init(self) -> None:
        """Check the folders, then list the images."""
        self.ann_file = ''
        super().full_init()

    def _check_classes(self) -> None:
        for wnid in self.wnids:
            check_folder(str(Path(self.img_prefix) / wnid), self.data_root)

    def _find_samples(self) -> list:
        """(path, label) of each image, or the paths alone for a data set without labels."""
        self.folder_to_idx = {wnid: label for label, wnid in enumerate(self.wnids)}
        samples, empty = get_samples(self.img_prefix, self.folder_to_idx, self.is_valid_file)
        if empty:
            raise ValueError(
                f'No images in {sorted(empty)} of {self.img_prefix}; their names must end in one '
                f'of {sorted(self.extensions)}.'
            )
        return samples if self.with_label else [path for path, _ in samples]


def read_class_list(path: Path) -> list[str]:
    """The class folders that a text file names, sorted."""
    if not path.is_file():
        raise FileNotFoundError(f'The class list {str(path.absolute())!r} does not exist.')
    wnids = path.read_text().split()
    repeated = {wnid for wnid in wnids if wnids.count(wnid) > 1}
    if not wnids or repeated:
        problem = f'names {sorted(repeated)} more than once' if repeated else 'is empty'
        raise ValueError(f'The class list {str(path)!r} {problem}; it has one class folder a line.')
    return sorted(wnids)
