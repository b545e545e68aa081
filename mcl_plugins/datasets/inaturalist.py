"""iNaturalist 2018 and 2019, from the published annotation files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmpretrain.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.reading import read_json
from .checked_images import CheckedImages
from .image_folder import say_count

CLASSES = {2018: 8142, 2019: 1010}  # by year of the competition
PARTS = ('images', 'annotations', 'categories')


@DATASETS.register_module()
class INaturalist(CheckedImages, BaseDataset):
    """The species classification data of one iNaturalist competition.

    The published annotation files ``data_root/{train,val}<year>.json`` are read. They name the
    images relative to ``data_root``: ``train_val<year>/<kingdom>/<category>/*.jpg``. Labels number
    the categories in the order of their ids.

    Args:
        data_root: folder of the annotation files and of the unpacked images.
        split: ``'train'`` or ``'val'``; the test images have no published labels.
        year: 2018 (8142 classes) or 2019 (1010).
        **kwargs: arguments of mmpretrain's ``BaseDataset``.

    Raises:
        FileNotFoundError: the annotation file or the images do not exist.
        ValueError: ``split`` or ``year`` is unknown, or the file has not that year's annotations.
    """

    def __init__(
        self, data_root: str, split: str = 'train', year: int = 2018, **kwargs: Any
    ) -> None:
        if year not in CLASSES or split not in ('train', 'val'):
            raise ValueError(
                f'INaturalist has the years {list(CLASSES)} and the splits train and val, not '
                f'year={year!r} and split={split!r}.'
            )
        self.split, self.year = split, year
        kwargs.setdefault('ann_file', f'{split}{year}.json')
        kwargs.setdefault('test_mode', split == 'val')
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Match each image with its annotation. This takes seconds for 437,513 images."""
        content = read_annotations(Path(self.ann_file), self.year, self.data_root)
        categories = sorted(content['categories'], key=lambda category: category['id'])
        self._metainfo['classes'] = tuple(str(category['name']) for category in categories)
        folder = self.img_prefix.rstrip('/')
        labels = {category['id']: label for label, category in enumerate(categories)}
        try:
            label_of = {a['image_id']: labels[a['category_id']] for a in content['annotations']}
            samples: list[dict[str, Any]] = [
                dict(img_path=f'{folder}/{image["file_name"]}', gt_label=label_of[image['id']])
                for image in content['images']
            ]
        except KeyError as error:
            raise ValueError(
                f'{self.ann_file} is incomplete: it has an image without annotation, an annotation '
                f'of an unknown category, or an entry without a key ({error}). Download it again.'
            ) from error
        first = samples[0]['img_path']
        if '://' not in first and not Path(first).is_file():
            raise FileNotFoundError(
                f'{self.ann_file} names {first}, which does not exist. Unpack '
                f'train_val{self.year}.tar.gz in {self.data_root!r}.'
            )
        say_count(self.ann_file, len(samples), len(categories))
        return samples


def read_annotations(path: Path, year: int, data_root: str) -> dict[str, list[dict]]:
    """Read a published annotation file and check that it has that year's number of classes."""
    if not path.is_file():
        raise FileNotFoundError(
            f'The annotations {str(path.absolute())!r} do not exist. Unpack the published '
            f'{path.stem}.json.tar.gz there, or set another folder with --cfg-options '
            f'train_dataloader.dataset.data_root=... (the same for val_dataloader and '
            f'test_dataloader; now {data_root!r}).'
        )
    content = read_json(path, f'Unpack the published {path.stem}.json.tar.gz again.')
    missing = [part for part in PARTS if not content.get(part)]
    if missing:
        raise ValueError(f'{path} has no {missing}; is it an annotation file of iNaturalist?')
    found = len({category['id'] for category in content['categories']})
    if found != CLASSES[year]:
        raise ValueError(
            f'{path} has {found} categories, iNaturalist {year} has {CLASSES[year]}; is it the '
            'file of another year?'
        )
    return content
