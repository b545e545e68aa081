"""Segmentation data: folders and labels that do not fit are said in words."""

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, DefaultScope
from mmseg.datasets.transforms import ResizeShortestEdge
from PIL import Image

from ade_folder import make_ade20k

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]


@pytest.fixture(autouse=True)
def _mmseg_scope():
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


def config(root, kind='ADE20KDataset', pipeline=PIPELINE, **settings):
    return dict(
        type=f'mcl_plugins.{kind}',
        data_root=str(root),
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=pipeline,
        **settings,
    )


def dataset(root, **settings):
    return DATASETS.build(config(root, **settings))


def from_the_first_class(root):
    """The labels that the first map of a file stands for where its 0 is not counted."""
    with Image.open(f'{root}/annotations/training/0.png') as image:
        labels = np.asarray(image).astype(int)
    return np.where(labels == 0, 255, labels - 1)


def test_labels_count_from_the_first_class(tmp_path):
    """0 of the file is not counted, k is class k - 1."""
    data = dataset(make_ade20k(tmp_path, [(16, 24)]))
    labels = data[0]['data_samples'].gt_sem_seg.data
    assert np.array_equal(labels[0], from_the_first_class(data.data_root))
    assert len(data.metainfo['classes']) == 150


def test_a_label_without_class_names_file_and_instruction(tmp_path):
    data = dataset(make_ade20k(tmp_path, [(16, 24)], labels=(3, 151)))
    message = r'0\.png has the label 150, .* 150 classes, 0 to 149, and 255 .*metainfo='
    with pytest.raises(ValueError, match=message):
        data[0]


def test_a_damaged_label_map_is_named(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24), (16, 24)])
    file = root / 'annotations/training/0.png'
    for content in (b'no image', file.read_bytes()[:60]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=f'{file} cannot be read as an image'):
            dataset(root)[0]
    file.unlink()
    with pytest.raises(FileNotFoundError, match=str(file)):
        dataset(root)[0]


def test_a_damaged_image_is_named(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24)])
    (file,) = (root / 'images/training').iterdir()
    for content in (b'', b'no image'):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=f'{file} cannot be read as an image'):
            dataset(root)[0]


@pytest.mark.parametrize('label', [3, 151])
def test_a_wrapper_may_pack_the_samples(tmp_path, label):
    """mmseg's mosaic mixes samples before they are packed; labels are checked before."""
    root = make_ade20k(tmp_path, [(16, 24)] * 4, labels=(3, label))
    mosaic = dict(type='RandomMosaic', prob=1.0, img_scale=(16, 16))
    mixed = DATASETS.build(
        dict(
            type='MultiImageMixDataset',
            dataset=config(root, pipeline=PIPELINE[:2]),
            pipeline=[mosaic, PIPELINE[2]],
        )
    )
    if label == 3:
        labels = mixed[0]['data_samples'].gt_sem_seg.data
        assert labels.shape == (1, 32, 32) and 2 in labels
    else:
        with pytest.raises(ValueError, match='has the label 150'):
            mixed[0]


def test_own_classes(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24)], labels=(0, 1, 2))
    own = dict(kind='SegmentationDataset', metainfo=dict(classes=('sky', 'road', 'rest')))
    assert dataset(root, **own)[0]['data_samples'].gt_sem_seg.data.max() == 2
    with pytest.raises(ValueError, match='has the label 2, but the data set has 2 classes'):
        dataset(root, kind='SegmentationDataset', metainfo=dict(classes=('sky', 'road')))[0]


@pytest.mark.parametrize('copies', [False, True])
def test_data_and_pipeline_must_count_labels_alike(tmp_path, copies):
    """ADE20K's pipeline under a data set of one's own, for testing with several scales too."""
    steps = [dict(type='LoadAnnotations', reduce_zero_label=True), PIPELINE[2]]
    if copies:
        steps = [dict(type='TestTimeAug', transforms=[[step] for step in steps])]
    own = dict(kind='SegmentationDataset', metainfo=dict(classes=('sky', 'road')))
    own['pipeline'] = [PIPELINE[0], *steps]
    root = make_ade20k(tmp_path, [(16, 24)], labels=(0, 1, 2))
    with pytest.raises(
        ValueError, match=r'=False of the data set, but True .*dataset\.reduce_zero'
    ):
        dataset(root, **own)
    sample = dataset(root, **own, reduce_zero_label=True)[0]['data_samples']
    labels = (sample[0] if copies else sample).gt_sem_seg.data
    assert np.array_equal(labels[0], from_the_first_class(root))


def test_copies_for_testing_with_several_scales_are_checked(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24)], labels=(151,))
    flips = [dict(type='RandomFlip', prob=p) for p in (0.0, 1.0)]
    copies = dict(type='TestTimeAug', transforms=[flips, *([step] for step in PIPELINE[1:])])
    with pytest.raises(ValueError, match='has the label 150'):
        dataset(root, pipeline=[PIPELINE[0], copies])[0]


def test_a_missing_folder_says_where_data_goes(tmp_path):
    with pytest.raises(FileNotFoundError, match='images/training.*does not exist.*data_root='):
        dataset(tmp_path / 'nowhere')


def test_a_folder_without_images_is_refused(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24)])
    with pytest.raises(ValueError, match=r'has no \*\.tif: set img_suffix'):
        dataset(root, img_suffix='.tif')
    (root / 'images/training/0.jpg').unlink()
    with pytest.raises(ValueError, match='images/training.* is empty'):
        dataset(root)


def test_it_is_said_how_many_images_were_found_and_left_out(tmp_path, monkeypatch):
    root, said = make_ade20k(tmp_path, [(16, 24)]), []
    write = 'mcl_plugins.datasets.image_folder.print_log'
    monkeypatch.setattr(write, lambda text, **_: said.append(text))
    for name in ('1.JPG', '2.png', '.3.jpg'):
        (root / 'images/training' / name).touch()
    dataset(root)
    (line,) = said
    assert 'images/training: 1 image of 150 classes. Left out: ' in line
    assert line.endswith('1 .jpg (hidden), 1 .jpg (not .jpg), 1 .png (not .jpg).')


@pytest.mark.parametrize('scale', [512, 896])
def test_the_short_side_is_never_less_than_the_crop(scale):
    """mmseg's transform, for all aspect ratios: what the slide test relies on."""
    resize = ResizeShortestEdge(scale=scale, max_size=100000)
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(20, 300, (40, 2), generator=generator).tolist()
    for height, width in [*sizes, (30, 299), (299, 30), (77, 77)]:
        image = torch.zeros(height, width, 3, dtype=torch.uint8).numpy()
        resized = resize({'img': image})['img'].shape[:2]
        assert min(resized) == scale
        assert max(resized) == pytest.approx(scale * max(height, width) / min(height, width), abs=1)
