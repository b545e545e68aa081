"""Make the miniature benchmarks: the same scenes in ADE20K's format and in COCO's.

    mcl data scenes data/scenes [--train 240] [--val 80] [--unlabeled 1200] [--seed 0]

The scenes are cut-outs of five materials on photographs (see ``scenes.py``), all from images that
packages contain. The command writes

- ``ade/images/{training,validation}/*.jpg`` and ``ade/annotations/{training,validation}/*.png``:
  0 means "other", as in ADE20K, and does not occur; 1 is the photograph, 2 to 6 are the materials;
- ``coco/{train2017,val2017}/*.jpg`` and ``coco/annotations/instances_{train,val}2017.json``: the
  visible part of each cut-out as RLE, with its area and tight box; categories 1 to 5 are the
  materials;
- ``coco/unlabeled2017/*.jpg``: further scenes without annotations, for pre-training.

The result is deterministic: the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as rle
from tqdm import tqdm

from ..parsers.data import make_scenes as parse_args
from .recipe import begin, finish
from .scenes import CLASSES, Scene, describe, draw

ADE_FOLDERS = {'train': 'training', 'val': 'validation'}
RECIPE = 2  # increase it when the scenes change, so that old folders are replaced


def make(root: Path, train: int = 240, val: int = 80, unlabeled: int = 1200, seed: int = 0) -> None:
    """Write both data sets below ``root`` unless they exist.

    Args:
        root: folder of the two data sets.
        train, val, unlabeled: numbers of scenes.
        seed: random seed of the scenes.

    Raises:
        ValueError: a number of scenes is not positive, the seed is negative, or the folder contains
            other files.
    """
    counts = {'train': train, 'val': val, 'unlabeled': unlabeled}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f'{name}={count} must be at least 1.')
    if seed < 0:
        raise ValueError(f'seed={seed} must be at least 0.')
    recipe = {'recipe': RECIPE, **counts, 'seed': seed}
    if not begin(root, recipe, ('ade', 'coco')):
        return
    for split, count in counts.items():
        scenes = describe(split, count, seed)
        if split == 'unlabeled':
            write_unlabeled(root, scenes)
        else:
            write_split(root, split, scenes)
    finish(root, recipe)


def write_unlabeled(root: Path, scenes: list[Scene]) -> None:
    """Write the images without annotations."""
    folder = root / 'coco' / 'unlabeled2017'
    folder.mkdir(parents=True)
    for image_id, scene in enumerate(progress(scenes, 'unlabeled'), start=1):
        save(draw(scene)[0], folder / f'{image_id:06d}.jpg')


def write_split(root: Path, split: str, scenes: list[Scene]) -> None:
    """Write the images and annotations of one split in both formats."""
    ade = {name: root / 'ade' / name / ADE_FOLDERS[split] for name in ('images', 'annotations')}
    coco = root / 'coco' / f'{split}2017'
    for folder in (*ade.values(), coco, root / 'coco' / 'annotations'):
        folder.mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, scene in enumerate(progress(scenes, split), start=1):
        image, owner = draw(scene)
        name = f'{image_id:06d}.jpg'
        save(image, ade['images'] / name)
        shutil.copyfile(ade['images'] / name, coco / name)
        labels = Image.fromarray(semantic_map(scene, owner))
        labels.save((ade['annotations'] / name).with_suffix('.png'))
        height, width = scene.shape
        images.append({'id': image_id, 'file_name': name, 'height': height, 'width': width})
        for found in instances(scene, owner):
            annotations.append({'id': len(annotations) + 1, 'image_id': image_id, **found})
    categories = [
        {'id': index, 'name': name, 'supercategory': 'material'}
        for index, name in enumerate(CLASSES, start=1)
    ]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    file = root / 'coco' / 'annotations' / f'instances_{split}2017.json'
    file.write_text(json.dumps(content))


def semantic_map(scene: Scene, owner: np.ndarray) -> np.ndarray:
    """Return labels (H, W) uint8 in ADE20K's format: 1 for the photograph, 2 + m for material m."""
    labels = np.array([1, *(2 + cutout.material for cutout in scene.cutouts)], dtype=np.uint8)
    return labels[owner]


def instances(scene: Scene, owner: np.ndarray) -> list[dict]:
    """Return COCO's annotation of the visible part of each cut-out."""
    found = []
    for number, cutout in enumerate(scene.cutouts, start=1):
        code = rle.encode(np.asfortranarray(owner == number, dtype=np.uint8))
        found.append(
            {
                'category_id': cutout.material + 1,
                'iscrowd': 0,
                'area': int(rle.area(code)),
                'bbox': rle.toBbox(code).tolist(),
                'segmentation': {'size': code['size'], 'counts': code['counts'].decode()},
            }
        )
    return found


def progress(scenes: list[Scene], split: str) -> tqdm:
    """Iterate over the scenes with a progress bar."""
    return tqdm(scenes, desc=f'drawing scenes, {split}', unit='image', file=sys.stdout)


def save(image: np.ndarray, path: Path) -> None:
    """Write a JPEG file without colour subsampling, so that colours do not cross the outlines."""
    Image.fromarray(image).save(path, quality=95, subsampling=0)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the data sets into the folder of the command line."""
    make(**vars(parse_args(argv)))
