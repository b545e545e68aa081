"""ImageNet-100: a subset of ImageNet-1k with 100 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..registry import DATASETS
from .archives import find_archives
from .image_folder import ImageNet, check_folder, group_by_folder, say_count
from .listing import list_images
from .listing_result import Listing

# The split of Contrastive Multiview Coding (Tian et al., 2019; released imagenet100.txt), sorted.
CLASS_LIST = Path(__file__).with_name('imagenet100.txt')


@DATASETS.register_module()
class ImageNet100(ImageNet):
    """ImageNet-1k restricted to a list of classes, ``data_root/{train,val}/<wnid>/*.JPEG``.

    Other class folders may exist, too; they are not read. Files such as ``meta/train.txt`` are not
    read either, because their labels are those of the 1000 classes. Labels number the listed
    classes in alphabetical order, as for a folder that contains no others.

    Args:
        data_root: folder that contains ``train`` and ``val``.
        class_list: text file with one class folder per line; None for the list of Tian et al.
        ann_file: must be empty.
        **kwargs: the other arguments of :class:`ImageNet`.

    Raises:
        FileNotFoundError: the class list, or the folder of a class, does not exist.
        ValueError: the list is empty or names a class twice, a folder has no images, or an
            annotation file is given.
    """

    def __init__(
        self, data_root: str = '', class_list: str | None = None, ann_file: str = '', **kwargs: Any
    ) -> None:
        if ann_file:
            raise ValueError(
                f'ann_file={ann_file!r}: ImageNet100 takes its labels from the class folders. For '
                'a list of images use ImageFolder.'
            )
        self.wnids = read_class_list(Path(class_list or CLASS_LIST))
        kwargs['metainfo'] = {**(kwargs.get('metainfo') or {}), 'classes': tuple(self.wnids)}
        super().__init__(data_root=data_root, **kwargs)

    def full_init(self) -> None:
        """Check the class folders, then list the images."""
        self.ann_file = ''  # mmpretrain sets it to the file under meta/, if there is one
        if '://' not in self.img_prefix:
            self._check_classes()
        super().full_init()

    def _check_classes(self) -> None:
        check_folder(self.img_prefix, self.data_root)
        if find_archives(self.img_prefix):
            return  # the names of their images say whether a class has none
        for wnid in self.wnids:
            if not (Path(self.img_prefix) / wnid).is_dir():
                raise FileNotFoundError(
                    f'{self.img_prefix} has no folder {wnid!r}: each class of the list needs one, '
                    'also in val/. For other classes set class_list to a text file that lists '
                    'their folders.'
                )

    def _find_samples(self) -> list:
        """List (path, label) of each image, or only the paths if ``with_label`` is False."""
        self.folder_to_idx = {wnid: label for label, wnid in enumerate(self.wnids)}
        listing, found = self._list_classes()
        samples = [
            (name, label) for wnid, label in self.folder_to_idx.items() for name in found[wnid]
        ]
        empty = [wnid for wnid, names in found.items() if not names]
        if empty:
            raise ValueError(
                f'No images in {empty} of {self.img_prefix}; their names must end in one of '
                f'{sorted(self.extensions)}. {listing.describe_left_out()}'.rstrip()
            )
        say_count(self.img_prefix, len(samples), len(self.wnids), [listing.describe_left_out()])
        return samples if self.with_label else [path for path, _ in samples]

    def _list_classes(self) -> tuple[Listing, dict[str, list[str]]]:
        """Return the names of the images of each class, and a list for what is left out."""
        if find_archives(self.img_prefix):
            listing = self._list()
            if listing.labels is not None:
                raise ValueError(
                    f'The archives of {self.img_prefix} number the classes: ImageNet100 takes them '
                    'by their folders in the names of the images, as mcl data pack writes them.'
                )
            groups = group_by_folder(listing)
            return listing, {wnid: groups.get(wnid, []) for wnid in self.wnids}
        listing, found = Listing(), {}
        for wnid in self.wnids:
            part = list_images(f'{self.img_prefix}/{wnid}', self.extensions)
            found[wnid] = [f'{wnid}/{name}' for name in part.images]
            listing.left_out += part.left_out
        return listing, found


def read_class_list(path: Path) -> list[str]:
    """Read the class folders from a text file and sort them.

    Example:
        >>> len(read_class_list(CLASS_LIST))
        100
    """
    if not path.is_file():
        raise FileNotFoundError(f'The class list {str(path.absolute())!r} does not exist.')
    wnids = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    repeated = {wnid for wnid in wnids if wnids.count(wnid) > 1}
    if not wnids or repeated:
        problem = f'names {sorted(repeated)} more than once' if repeated else 'is empty'
        raise ValueError(
            f'The class list {str(path)!r} {problem}; list each class folder on a line of its own.'
        )
    return sorted(wnids)
