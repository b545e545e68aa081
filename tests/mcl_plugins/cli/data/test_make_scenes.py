"""The miniature benchmarks: one description of scenes, drawn exactly and told in two formats."""

import hashlib
import json
import math
from itertools import combinations

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmengine.registry import DefaultScope
from mmseg.datasets import ADE20KDataset
from PIL import Image
from pycocotools.coco import COCO

from mcl_plugins.cli.data.make_scenes import (instances, make)
from mcl_plugins.cli.data.scenes import (BACKGROUNDS, CLASSES, CONTRAST, RADII, SHAPES, TINTS, VISIBLE, WAVES, Cutout, Scene, describe, draw, material, pattern, photograph, place, silhouette)

COUNTS = {'train': 12, 'val': 5, 'unlabeled': 3}
LABELLED = ('train', 'val')
FOLDERS = {'train': 'training', 'val': 'validation'}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('scenes')
    make(root, **COUNTS)
    return root


@pytest.fixture(scope='module')
def coco(root):
    return {s: COCO(root / f'coco/annotations/instances_{s}2017.json') for s in LABELLED}


def digest(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def labels_of(root, split, name):
    return np.asarray(Image.open(root / f'ade/annotations/{FOLDERS[split]}/{name}.png'))


def inside(cutout, rows, columns):
    """Which pixels of the scene are within the outline, from its definition."""
    half = silhouette(cutout).shape[0] // 2
    down, right = rows - cutout.top - half, columns - cutout.left - half
    angle = np.arctan2(down, right)
    (a, p), (b, q) = cutout.waves
    limit = cutout.radius * (1 + a * np.cos(2 * angle + p) + b * np.cos(3 * angle + q))
    return np.hypot(down, right) <= limit


def test_the_same_seed_gives_the_same_bytes_once(root, tmp_path):
    make(tmp_path / 'again', **COUNTS)
    files = digest(root)
    assert digest(tmp_path / 'again') == files
    # Image, label map and image for each labelled scene; images; two annotation files; the recipe.
    assert len(files) == 3 * (COUNTS['train'] + COUNTS['val']) + COUNTS['unlabeled'] + 2 + 1
    before = (root / 'recipe.json').stat().st_mtime_ns
    make(root, **COUNTS)
    assert (root / 'recipe.json').stat().st_mtime_ns == before


def test_another_seed_gives_other_scenes_and_no_old_file_stays(tmp_path):
    make(tmp_path, 3, 1, 1)
    first = digest(tmp_path / 'coco')
    make(tmp_path, 2, 1, 1, seed=1)
    second = digest(tmp_path / 'coco')
    assert 'train2017/000003.jpg' in first and 'train2017/000003.jpg' not in second
    assert not set(first.values()) & set(second.values())


def test_more_scenes_begin_with_the_same():
    assert describe('train', 5, 0)[:3] == describe('train', 3, 0)


def test_scenes_vary_in_shape_size_number_material_and_overlap():
    scenes = describe('train', 60, 0)
    cutouts = [cutout for scene in scenes for cutout in scene.cutouts]
    assert {scene.shape for scene in scenes} == set(SHAPES)
    assert {len(scene.cutouts) for scene in scenes} == {2, 3, 4, 5}
    radii = [cutout.radius for cutout in cutouts]
    assert RADII[0] <= min(radii) < RADII[0] + 2 and RADII[1] - 2 < max(radii) <= RADII[1]
    assert {cutout.material for cutout in cutouts} == set(range(5))
    shares = [
        (draw(scene)[1] == number).sum() / silhouette(cutout).sum()
        for scene in scenes
        for number, cutout in enumerate(scene.cutouts, start=1)
    ]
    assert min(shares) >= VISIBLE and 0.1 < np.mean(np.array(shares) < 1) < 0.6


def test_validation_has_other_halves_of_photographs_and_materials():
    for split in COUNTS:
        used = set()
        for scene in describe(split, 100, 0):
            left, top, right, bottom = scene.crop
            areas = [(photograph(scene.photograph), left, right, top, bottom)]
            for cutout in scene.cutouts:
                left, top, side = cutout.patch
                areas.append((material(cutout.material), left, left + side, top, top + side))
            for whole, left, right, top, bottom in areas:
                middle = whole.width // 2
                first, end = (middle, whole.width) if split == 'val' else (0, middle)
                assert first <= left < right <= end and 0 <= top < bottom <= whole.height
            used.add(scene.photograph)
        assert used == set(BACKGROUNDS)


def test_unlabelled_scenes_are_not_the_training_scenes():
    assert not set(describe('unlabeled', 20, 0)) & set(describe('train', 20, 0))


def test_materials_have_tints_of_their_own_and_shapes_of_any():
    """Over many cut-outs, means by material differ by chance alone, or are the tint's."""
    cutouts = [cutout for scene in describe('train', 400, 0) for cutout in scene.cutouts]
    labels = np.array([cutout.material for cutout in cutouts])
    for cue in (lambda cutout: cutout.radius, lambda cutout: cutout.waves[0][0]):
        values = np.array([cue(cutout) for cutout in cutouts])
        groups = [values[labels == label] for label in range(5)]
        for one, other in combinations(groups, 2):
            error = math.sqrt(one.var() / len(one) + other.var() / len(other))
            assert abs(one.mean() - other.mean()) < 4 * error
    darks = np.array([cutout.dark for cutout in cutouts]) / CONTRAST[0]
    for label, tint in enumerate(TINTS):
        own = darks[labels == label]
        assert np.abs(own.mean(0) - tint).max() < 4 * own.std(0).max() / math.sqrt(len(own))
    # Tints overlap: the nearest one is often another material's.
    nearest = np.linalg.norm(darks[:, None] - np.array(TINTS), axis=2).argmin(1)
    assert 0.6 < (nearest == labels).mean() < 0.95


def test_a_silhouette_fits_into_its_array_and_the_array_into_the_scene():
    round_ = silhouette(Cutout(0, (0, 0, 9), 10.0, ((0.0, 0.0), (0.0, 0.0)), 0, 0, (0,), (0,)))
    assert abs(round_.sum() - math.pi * 100) < 12  # a disc
    np.testing.assert_array_equal(round_, round_.T)
    for scene in describe('train', 30, 0):
        for cutout in scene.cutouts:
            shape = silhouette(cutout)
            rim = np.concatenate([shape[0], shape[-1], shape[:, 0], shape[:, -1]])
            assert shape.any() and not rim.any()
            rows, columns = place(cutout)
            assert rows.start >= 0 and rows.stop <= scene.shape[0]
            assert columns.start >= 0 and columns.stop <= scene.shape[1]
            assert shape.sum() <= math.pi * (cutout.radius * (1 + sum(WAVES))) ** 2


@pytest.mark.parametrize('split', LABELLED)
def test_masks_are_what_was_drawn(coco, split):
    """Each pixel belongs to the uppermost cut-out around it."""
    for image_id, scene in enumerate(describe(split, 3, 0), start=1):
        uppermost = np.full(scene.shape, -1)
        for index, cutout in enumerate(scene.cutouts):
            uppermost[inside(cutout, *np.indices(scene.shape))] = index
        found = coco[split].loadAnns(coco[split].getAnnIds(image_id))
        assert len(found) == len(scene.cutouts)
        for index, annotation in enumerate(found):
            mask = coco[split].annToMask(annotation).astype(bool)
            np.testing.assert_array_equal(mask, uppermost == index)
            assert annotation['category_id'] == scene.cutouts[index].material + 1


@pytest.mark.parametrize('split', LABELLED)
def test_files_show_the_material_under_a_mask_and_the_photograph_elsewhere(root, coco, split):
    """But for what JPEG changes."""
    for image_id, scene in enumerate(describe(split, COUNTS[split], 0), start=1):
        path = root / f'coco/{split}2017/{image_id:06d}.jpg'
        image = np.asarray(Image.open(path), dtype=float)
        bare, _ = draw(Scene(scene.photograph, scene.crop, scene.shape, ()))
        covered = np.zeros(scene.shape, dtype=bool)
        annotations = coco[split].loadAnns(coco[split].getAnnIds(image_id))
        for cutout, annotation in zip(scene.cutouts, annotations, strict=True):
            mask = coco[split].annToMask(annotation).astype(bool)
            covered |= mask
            dark, light = np.array(cutout.dark), np.array(cutout.light)
            shown = image[mask] - dark
            lightness = shown @ (light - dark) / ((light - dark) @ (light - dark))
            assert np.abs(shown - lightness[:, None] * (light - dark)).mean() < 5
            assert np.abs(lightness - pattern(cutout)[mask[place(cutout)]]).mean() < 0.06
        assert np.abs(image - bare)[~covered].mean() < 5


@pytest.mark.parametrize('split', LABELLED)
def test_boxes_are_tight_and_areas_exact(coco, split):
    for annotation in coco[split].anns.values():
        mask = coco[split].annToMask(annotation)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
        assert annotation['bbox'] == [columns[0], rows[0], width, height]
        assert annotation['area'] == mask.sum() and annotation['iscrowd'] == 0


@pytest.mark.parametrize('split', LABELLED)
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


def test_an_occluded_cutout_has_the_rest_of_its_mask():
    waves = ((0.0, 0.0), (0.0, 0.0))
    lower, upper = (
        Cutout(0, (0, 0, 60), 14.0, waves, 10, left, (0.0,) * 3, (255.0,) * 3) for left in (10, 22)
    )
    scene = Scene('flower', (0, 0, 96, 96), (96, 96), (lower, upper))
    masks = [inside(cutout, *np.indices(scene.shape)) for cutout in scene.cutouts]
    assert (masks[0] & masks[1]).any()
    first, second = instances(scene, draw(scene)[1])
    assert first['area'] == (masks[0] & ~masks[1]).sum() and second['area'] == masks[1].sum()


def test_mmsegmentation_reads_its_set(root):
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = ADE20KDataset(
            data_root=str(root / 'ade'),
            data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
            pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        )
    assert len(dataset) == COUNTS['train']
    for index, scene in enumerate(describe('train', COUNTS['train'], 0)):
        sample = dataset[index]
        assert sample['img'].shape[:2] == sample['gt_seg_map'].shape == scene.shape
        # reduce_zero_label: the photograph is 0 and the material m is 1 + m.
        expected = {0} | {cutout.material + 1 for cutout in scene.cutouts}
        assert set(np.unique(sample['gt_seg_map'])) == expected


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
            masks, [owner == number for number in range(1, len(scene.cutouts) + 1)]
        )
        materials = [cutout.material for cutout in scene.cutouts]
        np.testing.assert_array_equal(sample['gt_bboxes_labels'], materials)
        for box, mask in zip(sample['gt_bboxes'].tensor.tolist(), masks, strict=True):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            assert box == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize(
    ('bad', 'message'),
    [
        (dict(train=0), 'train=0 must be at least 1'),
        (dict(val=-2), 'val=-2 must be at least 1'),
        (dict(unlabeled=0), 'unlabeled=0 must be at least 1'),
        (dict(seed=-1), 'seed=-1 must be at least 0'),
    ],
)
def test_senseless_numbers_are_refused(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        make(tmp_path, **bad)
    assert not list(tmp_path.iterdir())


def test_half_a_set_is_made_anew(tmp_path):
    make(tmp_path, 2, 1, 1)
    files = digest(tmp_path)
    note = tmp_path / 'recipe.json'
    note.write_text(json.dumps({'unfinished': json.loads(note.read_text())}))
    (tmp_path / 'coco/train2017/000001.jpg').unlink()
    (tmp_path / 'coco/train2017/000009.jpg').touch()
    make(tmp_path, 2, 1, 1)
    assert digest(tmp_path) == files
    assert json.loads((tmp_path / 'recipe.json').read_text())['train'] == 2
