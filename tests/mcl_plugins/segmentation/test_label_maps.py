"""Label maps that mmseg would read as something else: looked at before training and on the way."""

import logging

import numpy as np
import pytest
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, DefaultScope
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mcl_plugins.segmentation import survey
from mcl_plugins.segmentation.label_maps import LabelMapLoader

CLASSES = ('ground', 'house', 'tree')
SHAPE = (12, 16)


@pytest.fixture(autouse=True)
def _mmseg_scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


@pytest.fixture(autouse=True)
def _small_sample(monkeypatch):
    monkeypatch.setattr(survey, 'SAMPLE', 2)


@pytest.fixture
def warnings_in(caplog):
    logger = MMLogger.get_instance('labels')
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    yield lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    logger.removeHandler(caplog.handler)


def blocks(*values, dtype=np.uint8, shape=SHAPE):
    """Stripes of the values, from left to right."""
    columns = np.arange(shape[1]) * len(values) // shape[1]
    return np.tile(np.array(values, dtype)[columns], (shape[0], 1))


def write(root, maps, orientation=None, shape=SHAPE, suffix='png'):
    """An image and a label map, an array or a Pillow image, for each of ``maps``."""
    for folder in ('img', 'ann'):
        (root / folder).mkdir(exist_ok=True)
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    rng = np.random.default_rng(0)
    for index, labels in enumerate(maps):
        image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / f'img/{index:03}.jpg', exif=exif)
        file = labels if isinstance(labels, Image.Image) else Image.fromarray(labels)
        file.save(root / f'ann/{index:03}.{suffix}')
    return root


def dataset(root, classes=CLASSES, backend='pillow', **settings):
    steps = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', imdecode_backend=backend),
        dict(type='PackSegInputs'),
    ]
    settings = dict(metainfo=dict(classes=classes), pipeline=steps) | settings
    kind = 'mcl_plugins.SegmentationDataset'
    prefix = dict(img_path='img', seg_map_path='ann')
    data = DATASETS.build(dict(type=kind, data_root=str(root), data_prefix=prefix, **settings))
    data.check_sample()
    return data


@pytest.mark.parametrize('backend', ['pillow', 'cv2'])
def test_labels_beyond_8_bits_do_not_wrap(tmp_path, backend):
    """256 was read as 0, 1000 as 232, and 65535 as 255, which is ignored."""
    for value in (256, 512, 1000, 65535):
        write(tmp_path, [blocks(0, 1, value, dtype=np.uint16)])
        message = rf'ann/000\.png has the labels {value} \(uint16\).*Number the classes from 0'
        with pytest.raises(ValueError, match=message):
            dataset(tmp_path, backend=backend)


def test_small_labels_of_16_bits_are_read(tmp_path):
    write(tmp_path, [blocks(0, 1, 2, 255, dtype=np.uint16)])
    labels = dataset(tmp_path)[0]['data_samples'].gt_sem_seg.data
    assert labels[0, 0].tolist() == blocks(0, 1, 2, 255)[0].tolist()


@pytest.mark.parametrize('value', [-1, 0.5, np.nan])
def test_labels_that_are_no_numbers_of_classes(tmp_path, value):
    """-1 was read as 255, which is ignored, 0.5 as 0."""
    kind = np.int32 if value == -1 else np.float32
    write(tmp_path, [Image.fromarray(blocks(0, 1, value, dtype=kind))], suffix='tif')
    with pytest.raises(ValueError, match=rf'000\.tif has the labels {value:g} '):
        dataset(tmp_path, seg_map_suffix='.tif')


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'LA'])
def test_colour_maps_are_refused(tmp_path, mode):
    palette = Image.fromarray(blocks(0, 1, 2), 'P')
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    write(tmp_path, [palette])
    assert dataset(tmp_path)[0]['data_samples'].gt_sem_seg.data.max() == 2  # the index counts
    write(tmp_path, [palette.convert('RGBA').convert(mode)])
    message = rf'000\.png has {len(mode)} channels of colour.*Translate each colour'
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path)


def test_grey_maps_with_three_channels_say_what_to_do(tmp_path):
    write(tmp_path, [np.repeat(blocks(0, 1, 2)[..., None], 3, axis=2)])
    with pytest.raises(ValueError, match='3 channels of colour.*channels are equal: save one'):
        dataset(tmp_path)


@pytest.mark.parametrize('maps', [1, 4])
def test_a_map_of_0_and_255_trains_no_second_class(tmp_path, maps):
    write(tmp_path, [blocks(0, 255)] * maps)
    message = r"ann have the values 0, 255, and 255 is ignored, so the class 'object' has no pixel"
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path, classes=('rest', 'object'))
    assert len(dataset(tmp_path, classes=('rest',))) == maps  # it is the only class


def test_only_what_no_map_has_is_refused(tmp_path, warnings_in):
    """The second class is in a map that the sample leaves out."""
    maps = [blocks(0, 255), blocks(0, 255), blocks(0, 1, 255), blocks(0, 255)]
    dataset(write(tmp_path, maps), classes=('rest', 'object'))
    assert warnings_in() == []


def test_a_class_without_a_pixel_is_named(tmp_path, warnings_in):
    write(tmp_path, [blocks(0, 2), blocks(0, 2, 255)])
    dataset(tmp_path)
    (message,) = warnings_in()
    assert "/ann has the class 'house'" in message and '(0, 2, 255)' in message


def test_a_class_that_the_sample_lacks_is_named_before_the_training(tmp_path, caplog, warnings_in):
    dataset(write(tmp_path, [blocks(0, 2)] * 3))
    said = [r.getMessage() for r in caplog.records if 'Looked at' in r.getMessage()]
    assert said[0].endswith(
        'Looked at 2 of 3 label maps of '
        f"{tmp_path}/ann: 2 of 3 classes have pixels in them; none of these has the class 'house'."
    )
    assert warnings_in() == []  # the third map may have it


def test_test_sets_are_only_warned_of(tmp_path, warnings_in):
    dataset(write(tmp_path, [blocks(0, 255)]), test_mode=True)
    assert "class 'house', 'tree' has no pixel" in warnings_in()[0]


@pytest.mark.parametrize('labels', [(0, 1), (0, 1, 2)])
def test_own_masks_from_zero_under_reduce_zero_label(tmp_path, labels):
    """The object became the first class, the background was ignored."""
    write(tmp_path, [blocks(*labels)] * 3)
    message = (
        r'reduce_zero_label=True ignores 0.*has no pixel.*set reduce_zero_label=False.*'
        'If 0 is unlabelled, leave out of the classes'
    )
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path, classes=CLASSES[: len(labels)], reduce_zero_label=True)
    kept = dataset(tmp_path, classes=CLASSES[: len(labels)])
    assert np.array_equal(kept[0]['data_samples'].gt_sem_seg.data[0], blocks(*labels))
    fewer = dataset(tmp_path, classes=CLASSES[: len(labels) - 1], reduce_zero_label=True)
    assert np.array_equal(fewer[0]['data_samples'].gt_sem_seg.data[0], blocks(255, *labels[:-1]))


def test_no_remedy_is_named_that_the_labels_exclude(tmp_path):
    """3 is no class of three that count from 0."""
    write(tmp_path, [blocks(0, 3)] * 3)
    with pytest.raises(ValueError, match='has no pixel. If 0 is unlabelled, leave out') as error:
        dataset(tmp_path, classes=CLASSES, reduce_zero_label=True)
    assert 'reduce_zero_label=False' not in str(error.value)


def test_maps_from_one_are_what_reduce_zero_label_is_for(tmp_path, warnings_in):
    write(tmp_path, [blocks(0, 1, 2, 3), blocks(1, 3)])
    data = dataset(tmp_path, reduce_zero_label=True)
    assert set(data[0]['data_samples'].gt_sem_seg.data.unique().tolist()) == {0, 1, 2, 255}
    assert warnings_in() == []


@pytest.mark.parametrize('shape', [(6, 8), (16, 12), (12, 17)])
def test_a_map_of_another_size_is_named(tmp_path, shape):
    write(tmp_path, [blocks(0, 1, 2, shape=shape)])
    message = rf'000\.png is {shape[1]} x {shape[0]} px, but its image .*000\.jpg is 16 x 12 px\.'
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path)


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_a_turned_image_is_told_from_another_size(tmp_path, orientation, warnings_in):
    write(tmp_path, [blocks(0, 1, 2)], orientation)
    message = f'12 x 16 px, turned as its EXIF orientation {orientation} says.*color_ignore'
    with pytest.raises(ValueError, match=message):
        dataset(tmp_path)
    write(tmp_path, [blocks(0, 1, 2, shape=SHAPE[::-1])], orientation)
    assert dataset(tmp_path)[0]['inputs'].shape == (3, 16, 12)
    assert warnings_in() == []


@pytest.mark.parametrize(('orientation', 'shape'), [(3, SHAPE), (2, SHAPE), (6, (12, 12))])
def test_a_turn_that_keeps_the_size_is_said(tmp_path, orientation, shape, warnings_in):
    dataset(write(tmp_path, [blocks(0, 1, 2, shape=shape)], orientation, shape))
    assert 'EXIF orientation says, the first is' in warnings_in()[0]


def test_ignoring_the_turn_fits_the_stored_map(tmp_path, warnings_in):
    write(tmp_path, [blocks(0, 1, 2)], 6)
    first = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
    steps = [first, dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
    assert dataset(tmp_path, pipeline=steps)[0]['inputs'].shape == (3, *SHAPE)
    assert warnings_in() == []


def test_what_the_sample_leaves_out_is_found_on_the_way(tmp_path):
    wrong = {
        1: (blocks(0, 1000, dtype=np.uint16), 'has the labels 1000'),
        2: (blocks(0, 1, shape=(6, 8)), 'is 8 x 6 px'),
        3: (np.zeros((*SHAPE, 3), np.uint8), 'has 3 channels'),
        4: (blocks(0, 77), 'has the label 77'),
    }
    maps = [blocks(0, 1, 2)] * 6
    for index, (labels, _) in wrong.items():
        maps[index] = labels
    write(tmp_path, maps)
    data = dataset(tmp_path)
    for index, (_, message) in wrong.items():
        with pytest.raises(ValueError, match=rf'{index:03}\.png .*{message}'):
            data[index]


def test_a_jpeg_is_no_label_map(tmp_path):
    write(tmp_path, [blocks(0, 200)], suffix='jpg')
    with pytest.raises(ValueError, match='JPEG changes the values'):
        dataset(tmp_path, seg_map_suffix='.jpg')


def test_images_without_label_maps_are_counted(tmp_path):
    write(tmp_path, [blocks(0, 1, 2)] * 3)
    (tmp_path / 'ann/001.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of 3 images .*001\.jpg.*seg_map_suffix'):
        dataset(tmp_path)


@pytest.mark.parametrize('count', [0, 256])
def test_the_number_of_classes_fits_8_bits(tmp_path, count):
    write(tmp_path, [blocks(0, 1)])
    metainfo = dict(classes=tuple(map(str, range(count)))) if count else {}
    with pytest.raises(ValueError, match='no classes: set metainfo|256 classes.*255 at most'):
        dataset(tmp_path, metainfo=metainfo)


@pytest.mark.parametrize('reduced', [False, True])
@pytest.mark.parametrize('table', [None, {0: 255, 1: 0, 2: 1}])
def test_labels_are_mmsegs(tmp_path, reduced, table):
    """mmseg's own transform is the oracle, on all 256 values."""
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / 'all.png')
    results = dict(
        seg_map_path=str(tmp_path / 'all.png'), reduce_zero_label=reduced, label_map=table
    )
    ours, theirs = (dict(results, seg_fields=[]) for _ in range(2))
    LabelMapLoader()._load_seg_map(ours)
    LoadAnnotations()._load_seg_map(theirs)
    assert ours['gt_seg_map'].dtype == theirs['gt_seg_map'].dtype
    assert np.array_equal(ours['gt_seg_map'], theirs['gt_seg_map'])
    assert ours['seg_fields'] == theirs['seg_fields'] == ['gt_seg_map']
