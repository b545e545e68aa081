"""Made data in the formats of the benchmarks, a few images each."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = 6  # of classification; top-5 accuracy needs more than 5
_COCO_CLASSES = 80
_SIDE = 64


def make(root: Path) -> None:
    """Write the data sets below ``root`` unless they exist.

    They are imagenet, ade, coco, roxford5k and rparis6k. Labels are random, so nothing can be
    learned from them.
    """
    if (root / 'done').is_file():
        return
    rng = np.random.default_rng(0)
    for split, count in (('train', 2), ('val', 1)):
        for label in range(CLASSES):
            for index in range(count):
                _save(rng, root / 'imagenet' / split / f'class{label}' / f'{index}.jpg')
    for split in ('training', 'validation'):
        for index in range(4):
            _save(rng, root / 'ade/images' / split / f'{index}.jpg')
            labels = rng.integers(0, 151, (8, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            path = root / 'ade/annotations' / split / f'{index}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(path)
    for split in ('train', 'val'):
        _make_coco(rng, root / 'coco', split)
    for name in ('roxford5k', 'rparis6k'):
        _make_retrieval(rng, root / name)
    (root / 'done').touch()


def _save(rng: np.random.Generator, path: Path) -> Image.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(rng.integers(0, 256, (_SIDE, _SIDE, 3), dtype=np.uint8))
    image.save(path)
    return image


def _make_coco(rng: np.random.Generator, root: Path, split: str) -> None:
    """Rectangles with their masks, of random categories."""
    from mmdet.datasets import CocoDataset  # noqa: PLC0415  optional

    images: list[dict] = []
    annotations: list[dict] = []
    for number in range(4):
        path = root / f'{split}2017' / f'{number}.jpg'
        image = _save(rng, path)
        images.append({'id': number, 'file_name': path.name, 'width': _SIDE, 'height': _SIDE})
        for _ in range(2):
            left, top = (int(x) for x in rng.integers(0, _SIDE // 2, 2))
            right, bottom = left + _SIDE // 2, top + _SIDE // 2
            ImageDraw.Draw(image).rectangle((left, top, right, bottom), fill=(200, 0, 0))
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': number,
                    'category_id': int(rng.integers(1, _COCO_CLASSES + 1)),
                    'bbox': [left, top, right - left, bottom - top],
                    'area': (right - left) * (bottom - top),
                    'segmentation': [[left, top, right, top, right, bottom, left, bottom]],
                    'iscrowd': 0,
                }
            )
        image.save(path)
    names = CocoDataset.METAINFO['classes']
    categories = [{'id': i, 'name': name} for i, name in enumerate(names, start=1)]
    file = root / 'annotations' / f'instances_{split}2017.json'
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    file.write_text(json.dumps(content))


def _make_retrieval(rng: np.random.Generator, root: Path) -> None:
    """One query with an easy and a hard positive among three images."""
    names = [f'image_{number}' for number in range(4)]
    for name in names:
        _save(rng, root / 'jpg' / f'{name}.jpg')
    entry = {'bbx': [0, 0, _SIDE, _SIDE], 'easy': [0], 'hard': [1], 'junk': []}
    truth = {'imlist': names[1:], 'qimlist': names[:1], 'gnd': [entry]}
    (root / f'gnd_{root.name}.pkl').write_bytes(pickle.dumps(truth))
