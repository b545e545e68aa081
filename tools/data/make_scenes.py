"""Make the miniature benchmarks: the same scenes in ADE20K's format and in COCO's.

    python tools/data/make_scenes.py data/scenes [--train 240] [--val 80] [--seed 0]

Digit stickers on photographs, see ``scenes.py``; all of it ships inside packages. Written are

- ``ade/images/{training,validation}/*.jpg`` and ``ade/annotations/{training,validation}/*.png``:
  0 is "other", as in ADE20K, and on no pixel; 1 is the photograph, 2 to 11 are the digits 0 to 9;
- ``coco/{train2017,val2017}/*.jpg`` and ``coco/annotations/instances_{train,val}2017.json``: the
  visible part of each sticker as RLE, with its area and tight box; categories 1 to 10 are the
  digits 0 to 9.

Deterministic: the same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as rle
from scenes import CLASSES, SHAPES, SIZES, Scene, describe, digits, draw, save
from tqdm import tqdm

ADE_FOLDERS = {'train': 'training', 'val': 'validation'}
RECIPE = 1  # raise when the scenes change, so that old folders are made anew


def make(root: Path, train: int = 240, val: int = 80, seed: int = 0) -> None:
    """Write both sets below ``root``, unless they are there.

    Args:
        root: folder of the two sets.
        train, val: numbers of scenes.
        seed: of the scenes.

    Raises:
        ValueError: a number is not positive, or the seed is negative.
    """
    if min(train, val) < 1 or seed < 0:
        raise ValueError(f'train={train} and val={val} must be at least 1, seed={seed} at least 0.')
    counts = {'train': train, 'val': val}
    recipe = {'recipe': RECIPE, **counts, 'seed': seed, 'shapes': SHAPES, 'sizes': SIZES}
    recipe = json.loads(json.dumps(recipe))  # as a file has it
    marker = root / 'recipe.json'
    if marker.is_file() and json.loads(marker.read_text()) == recipe:
        print(f'{root} is complete')
        return
    for name in ('ade', 'coco'):
        shutil.rmtree(root / name, ignore_errors=True)  # another recipe's, or half of this one's
    marker.unlink(missing_ok=True)
    for split, count in counts.items():
        write_split(root, split, describe(split, count, seed))
    marker.write_text(json.dumps(recipe))


def write_split(root: Path, split: str, scenes: list[Scene]) -> None:
    """Write the images of one split and what is on them, in both formats."""
    ade = {name: root / 'ade' / name / ADE_FOLDERS[split] for name in ('images', 'annotations')}
    coco = root / 'coco' / f'{split}2017'
    for folder in (*ade.values(), coco, root / 'coco' / 'annotations'):
        folder.mkdir(parents=True, exist_ok=True)
    images: list[dict] = []
    annotations: list[dict] = []
    progress = tqdm(scenes, desc=f'drawing scenes, {split}', unit='image', file=sys.stdout)
    for image_id, scene in enumerate(progress, start=1):
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
        {'id': index, 'name': name, 'supercategory': 'digit'}
        for index, name in enumerate(CLASSES, start=1)
    ]
    content = {'images': images, 'annotations': annotations, 'categories': categories}
    file = root / 'coco' / 'annotations' / f'instances_{split}2017.json'
    file.write_text(json.dumps(content))


def classes_of(scene: Scene) -> list[int]:
    """The digit on each sticker."""
    return [int(digits().target[sticker.scan]) for sticker in scene.stickers]


def semantic_map(scene: Scene, owner: np.ndarray) -> np.ndarray:
    """(H, W) uint8 labels of ADE20K's kind: 1 for the photograph, 2 + d for the digit d."""
    labels = np.array([1, *(2 + digit for digit in classes_of(scene))], dtype=np.uint8)
    return labels[owner]


def instances(scene: Scene, owner: np.ndarray) -> list[dict]:
    """COCO's description of each sticker's visible part."""
    found = []
    for number, digit in enumerate(classes_of(scene), start=1):
        code = rle.encode(np.asfortranarray(owner == number, dtype=np.uint8))
        found.append(
            {
                'category_id': digit + 1,
                'iscrowd': 0,
                'area': int(rle.area(code)),
                'bbox': rle.toBbox(code).tolist(),
                'segmentation': {'size': code['size'], 'counts': code['counts'].decode()},
            }
        )
    return found


if __name__ == '__main__':
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, nargs='?', default=Path('data/scenes'))
    parser.add_argument('--train', type=int, default=240, help='scenes for training')
    parser.add_argument('--val', type=int, default=80, help='scenes for validation')
    parser.add_argument('--seed', type=int, default=0)
    make(**vars(parser.parse_args()))
