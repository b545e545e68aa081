"""The miniature benchmarks: one description of scenes, drawn exactly and told in two formats."""

import hashlib
import json
import sys

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmengine.registry import DefaultScope
from mmseg.datasets import ADE20KDataset
from PIL import Image
from pycocotools.coco import COCO
from scipy.ndimage import distance_transform_edt

from conftest import ROOT

sys.path.insert(0, str(ROOT / 'tools/data'))

from make_scenes import CLASSES, instances, make
from scenes import (
    BACKGROUNDS,
    INK,
    SHAPES,
    SIZES,
    VISIBLE,
    Scene,
    Sticker,
    border,
    describe,
    digits,
    draw,
    silhouette,
)

COUNTS = {'train': 12, 'val': 5}
FOLDERS = {'train': 'training', 'val': 'validation'}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    make(root, **COUNTS)
    return root


@pytest.fixture(scope='module')
def coco(root):
    return {split: COCO(root / f'coco/annotations/instances_{split}2017.json') for split in COUNTS}


def digest(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def labels_of(root, split, name):
    return np.asarray(Image.open(root / f'ade/annotations/{FOLDERS[split]}/{name}.png'))


def test_the_same_seed_gives_the_same_bytes_once(root, tmp_path):
    make(tmp_path / 'again', **COUNTS)
    files = digest(root)
    assert digest(tmp_path / 'again') == files
    assert len(files) == 3 * sum(COUNTS.values()) + 3
    before = (root / 'recipe.json').stat().st_mtime_ns
    make(root, **COUNTS)
    assert (root / 'recipe.json').stat().st_mtime_ns == before


def test_another_seed_gives_other_scenes_and_no_old_file_stays(tmp_path):
    make(tmp_path, 3, 1)
    first = digest(tmp_path / 'coco')
    make(tmp_path, 2, 1, seed=1)
    second = digest(tmp_path / 'coco')
    assert 'train2017/000003.jpg' in first and 'train2017/000003.jpg' not in second
    assert not set(first.values()) & set(second.values())


def test_more_scenes_begin_with_the_same():
    assert describe('train', 5, 0)[:3] == describe('train', 3, 0)


def test_no_scan_and_no_background_is_in_both_splits():
    scenes = {split: describe(split, 40, 0) for split in COUNTS}
    for part in (
        lambda scene: {sticker.scan for sticker in scene.stickers},
        lambda scene: {scene.photograph},
    ):
        train, val = (set().union(*map(part, scenes[split])) for split in COUNTS)
        assert train and val and not train & val


def test_scenes_vary_in_shape_size_number_and_overlap():
    scenes = describe('train', 60, 0)
    stickers = [sticker for scene in scenes for sticker in scene.stickers]
    assert {scene.shape for scene in scenes} == set(SHAPES)
    assert {scene.photograph for scene in scenes} == set(BACKGROUNDS['train'])
    assert {len(scene.stickers) for scene in scenes} == {3, 4, 5, 6}
    sizes = [sticker.size for sticker in stickers]
    assert min(sizes) == SIZES[0] and max(sizes) > SIZES[1] - 3
    assert set(digits().target[[sticker.scan for sticker in stickers]]) == set(range(10))
    shares = [
        (draw(scene)[1] == number).sum() / silhouette(sticker).sum()
        for scene in scenes
        for number, sticker in enumerate(scene.stickers, start=1)
    ]
    assert min(shares) >= VISIBLE and 0.1 < np.mean(np.array(shares) < 1) < 0.6


def test_a_silhouette_is_what_lies_near_the_ink():
    """By distances to the ink, not by dilation."""
    for sticker in describe('train', 1, 0)[0].stickers:
        scan = Image.fromarray((digits().images[sticker.scan] * 255 / 16).astype(np.uint8))
        dark = np.asarray(scan.resize((sticker.size,) * 2, Image.Resampling.BICUBIC)) / 255 >= INK
        width = border(sticker.size)
        near = distance_transform_edt(~np.pad(dark, width)) <= width
        np.testing.assert_array_equal(silhouette(sticker), near)


@pytest.mark.parametrize('split', COUNTS)
def test_masks_are_what_was_drawn(root, coco, split):
    """Each visible pixel, found by asking which sticker lies uppermost there."""
    for image_id, scene in enumerate(describe(split, COUNTS[split], 0), start=1):
        uppermost = np.full(scene.shape, -1)
        for index in reversed(range(len(scene.stickers))):
            sticker = scene.stickers[index]
            for row, column in np.argwhere(silhouette(sticker)):
                place = sticker.top + row, sticker.left + column
                if uppermost[place] < 0:
                    uppermost[place] = index
        found = coco[split].loadAnns(coco[split].getAnnIds(image_id))
        assert len(found) == len(scene.stickers)
        for index, annotation in enumerate(found):
            mask = coco[split].annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, uppermost == index)
            assert annotation['category_id'] == digits().target[scene.stickers[index].scan] + 1


@pytest.mark.parametrize('split', COUNTS)
def test_pixels_under_a_mask_have_the_stickers_colours(root, coco, split):
    """On the line between paper and pen, but for what JPEG changes; and nowhere else is changed."""
    for image_id, scene in enumerate(describe(split, COUNTS[split], 0), start=1):
        path = root / f'coco/{split}2017/{image_id:06d}.jpg'
        image = np.asarray(Image.open(path), dtype=float)
        bare, _ = draw(Scene(scene.photograph, scene.crop, scene.shape, ()))
        owner = np.zeros(scene.shape, dtype=bool)
        annotations = coco[split].loadAnns(coco[split].getAnnIds(image_id))
        for sticker, annotation in zip(scene.stickers, annotations, strict=True):
            mask = coco[split].annToMask(annotation).astype(bool)
            owner |= mask
            paper, pen = np.array(sticker.paper), np.array(sticker.pen)
            along = (image[mask] - paper) @ (pen - paper) / ((pen - paper) @ (pen - paper))
            off = image[mask] - paper - along.clip(0, 1)[:, None] * (pen - paper)
            assert np.abs(off).mean() < 4
        assert np.abs(image - bare)[~owner].mean() < 4


@pytest.mark.parametrize('split', COUNTS)
def test_boxes_are_tight_and_areas_exact(coco, split):
    for annotation in coco[split].anns.values():
        mask = coco[split].annToMask(annotation)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
        assert annotation['bbox'] == [columns[0], rows[0], width, height]
        assert annotation['area'] == mask.sum() and annotation['iscrowd'] == 0


@pytest.mark.parametrize('split', COUNTS)
def test_both_formats_tell_of_the_same_objects(root, coco, split):
    for image_id, image in coco[split].imgs.items():
        labels = np.ones((image['height'], image['width']), dtype=np.uint8)
        for annotation in coco[split].loadAnns(coco[split].getAnnIds(image_id)):
            labels[coco[split].annToMask(annotation) > 0] = annotation['category_id'] + 1
        name = image['file_name'].removesuffix('.jpg')
        np.testing.assert_array_equal(labels_of(root, split, name), labels)
        files = f'coco/{split}2017/{name}.jpg', f'ade/images/{FOLDERS[split]}/{name}.jpg'
        first, second = ((root / file).read_bytes() for file in files)
        assert first == second


def test_an_occluded_sticker_has_the_rest_of_its_mask():
    lower, upper = (Sticker(0, 24, 10, left, (0, 0, 0), (255, 255, 255)) for left in (10, 18))
    scene = Scene('flower', (0, 0, 96, 96), (96, 96), (lower, upper))
    owner = draw(scene)[1]
    first, second = instances(scene, owner)
    whole = silhouette(lower).sum()
    assert second['area'] == whole and 0 < first['area'] < whole
    shifted = np.zeros((96, 96), dtype=bool)
    shifted[10 : 10 + 28, 18 : 18 + 28] = silhouette(upper)
    base = np.zeros((96, 96), dtype=bool)
    base[10 : 10 + 28, 10 : 10 + 28] = silhouette(lower)
    assert first['area'] == (base & ~shifted).sum()


def test_mmsegmentation_reads_its_set(root):
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = ADE20KDataset(
            data_root=str(root / 'ade'),
            data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        )
    assert len(dataset) == COUNTS['train']
    seen = set()
    for index, scene in enumerate(describe('train', COUNTS['train'], 0)):
        sample = dataset[index]
        assert sample['img'].shape[:2] == sample['gt_seg_map'].shape == scene.shape
        # reduce_zero_label: the photograph is 0 and the digit d is 1 + d.
        expected = {0} | {int(digits().target[sticker.scan]) + 1 for sticker in scene.stickers}
        assert set(np.unique(sample['gt_seg_map'])) == expected
        seen |= expected
    assert seen == set(range(11))


def test_mmdetection_reads_its_set(root):
    with DefaultScope.overwrite_default_scope('mmdet'):
        dataset = CocoDataset(
            data_root=str(root / 'coco'),
            ann_file='annotations/instances_train2017.json',
            data_prefix=dict(img='train2017/'),
            metainfo=dict(classes=CLASSES),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
            ],
        )
    assert len(dataset) == COUNTS['train']
    for index, scene in enumerate(describe('train', COUNTS['train'], 0)):
        sample = dataset[index]
        owner = draw(scene)[1]
        masks = sample['gt_masks'].to_ndarray()
        np.testing.assert_array_equal(
            masks, [owner == number for number in range(1, len(scene.stickers) + 1)]
        )
        labels = digits().target[[sticker.scan for sticker in scene.stickers]]
        np.testing.assert_array_equal(sample['gt_bboxes_labels'], labels)
        for box, mask in zip(sample['gt_bboxes'].tensor.tolist(), masks, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert box == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize('bad', [dict(train=0), dict(val=0), dict(seed=-1)])
def test_senseless_numbers_are_refused(tmp_path, bad):
    with pytest.raises(ValueError, match=r'must be at least 1, seed=.* at least 0'):
        make(tmp_path, **bad)
    assert not list(tmp_path.iterdir())


def test_half_a_set_is_made_anew(tmp_path):
    make(tmp_path, 2, 1)
    files = digest(tmp_path)
    (tmp_path / 'recipe.json').unlink()
    (tmp_path / 'coco/train2017/000001.jpg').unlink()
    (tmp_path / 'coco/train2017/000009.jpg').touch()
    make(tmp_path, 2, 1)
    assert digest(tmp_path) == files
    assert json.loads((tmp_path / 'recipe.json').read_text())['train'] == 2
