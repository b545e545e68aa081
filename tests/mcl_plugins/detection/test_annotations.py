"""COCO files with gaps: what is missing is derived with a notice or refused with its place."""

import copy
import json
import logging
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, METRICS, DefaultScope
from PIL import Image

pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)

from conftest import ROOT
from mcl_plugins.detection.annotations import AnnotationFile

CLASSES = ('cat', 'dog')
SQUARE = [10, 5, 30, 5, 30, 25, 10, 25]


@pytest.fixture(autouse=True)
def _mmdet_scope():
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


@pytest.fixture
def notices_in(caplog):
    logger = MMLogger.get_instance('annotations')
    logger.addHandler(caplog.handler)
    yield lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    logger.removeHandler(caplog.handler)


@pytest.fixture
def content():
    """Two images with a cat and a dog each, in boxes of 20 x 20 px."""
    objects = [
        dict(
            id=index + 1,
            image_id=index // 2 + 1,
            category_id=index % 2 + 1,
            bbox=[10, 5, 20, 20],
            area=400,
            iscrowd=0,
            segmentation=[list(SQUARE)],
        )
        for index in range(4)
    ]
    images = [dict(id=k, file_name=f'{k}.jpg', height=40, width=50) for k in (1, 2)]
    categories = [dict(id=k + 1, name=name) for k, name in enumerate(CLASSES)]
    return dict(images=images, annotations=objects, categories=categories)


def write(root, content):
    (root / 'img').mkdir(exist_ok=True)
    for image in content['images']:
        pixels = np.zeros((image.get('height', 40), image.get('width') or 50, 3), np.uint8)
        Image.fromarray(pixels).save(root / 'img' / f'{image.get("file_name", "no-name.jpg")}')
    (root / 'ann.json').write_text(json.dumps(content))
    return root


def dataset(root, with_mask=True):
    steps = [
        dict(type='mcl_plugins.LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True, with_mask=with_mask),
        dict(type='PackDetInputs'),
    ]
    return DATASETS.build(
        dict(
            type='mcl_plugins.CocoDataset',
            data_root=f'{root}/',
            ann_file='ann.json',
            data_prefix=dict(img='img/'),
            metainfo=dict(classes=CLASSES),
            pipeline=steps,
        )
    )


def precision_of_the_truth(data, root, metric):
    """The average precision of the objects of the data set themselves."""
    measure = METRICS.build(
        dict(type='mcl_plugins.CocoMetric', ann_file=f'{root}/ann.json', metric=metric)
    )
    measure.dataset_meta = data.metainfo
    for index in range(len(data)):
        sample = data[index]['data_samples']
        found = dict(
            bboxes=sample.gt_instances.bboxes.tensor,
            labels=sample.gt_instances.labels,
            scores=torch.ones(len(sample.gt_instances)),
        )
        if metric == 'segm':
            found['masks'] = torch.from_numpy(sample.gt_instances.masks.masks).bool()
        shape = sample.ori_shape
        measure.process({}, [dict(img_id=sample.img_id, ori_shape=shape, pred_instances=found)])
    return measure.evaluate(len(data))[f'coco/{metric}_mAP']


def without(field, kind='annotations'):
    def change(content):
        for entry in content[kind]:
            entry.pop(field)

    return change


def setting(kind, index, **values):
    return lambda content: content[kind][index].update(values)


def from_zero(content):
    for annotation in content['annotations']:
        annotation['id'] -= 1


DERIVED = {
    'id 0': (from_zero, 'ids of the annotations have a 0'),
    'no ids': (without('id'), 'ids of the annotations have some that are none'),
    'no area': (without('area'), r'4 of 4 annotations have no area.*annotation 1\)'),
    'no iscrowd': (without('iscrowd'), '4 of 4 annotations have no iscrowd; it is taken for 0'),
    'no bbox': (without('bbox'), '4 of 4 annotations have no bbox'),
    'short polygon beside a whole one': (
        setting('annotations', 2, segmentation=[[1, 1, 5, 5], SQUARE]),
        r'1 of 4 annotations have polygons of fewer than three points.*annotation 3\)',
    ),
    'unlisted image': (
        lambda content: content['annotations'].append(
            content['annotations'][0] | dict(id=9, image_id=7)
        ),
        r'1 of 5 annotations are left out.*annotation 9, image_id 7\)',
    ),
}


@pytest.mark.parametrize('case', DERIVED)
@pytest.mark.parametrize('metric', ['bbox', 'segm'])
def test_what_follows_from_the_rest_is_derived(tmp_path, content, notices_in, case, metric):
    """The truth itself scores 1, with each object found."""
    change, notice = DERIVED[case]
    change(content)
    root = write(tmp_path, content)
    data = dataset(root)
    (message,) = notices_in()
    assert message.startswith(f'{root}/ann.json: ')
    assert re.search(notice, message)
    assert [len(data.get_data_info(k)['instances']) for k in range(2)] == [2, 2]
    assert precision_of_the_truth(data, root, metric) == 1.0


def test_a_whole_file_needs_no_notice(tmp_path, content, notices_in):
    root = write(tmp_path, content)
    before = copy.deepcopy(content)
    assert AnnotationFile(root / 'ann.json', with_masks=True).content == before
    dataset(root).check_sample()
    assert notices_in() == []


def test_derived_values(tmp_path, content):
    rle = dict(size=[40, 50], counts=[0, 100, 1900])
    content['annotations'][1]['segmentation'] = rle
    without('area')(content)
    content['annotations'][0].pop('bbox')
    objects = AnnotationFile(write(tmp_path, content) / 'ann.json').content['annotations']
    assert [entry['area'] for entry in objects] == [400, 100, 400, 400]
    assert objects[0]['bbox'] == [10, 5, 20, 20]
    for entry in objects:
        entry.pop('area')
        entry.pop('segmentation')
    root = write(tmp_path, content | dict(annotations=objects))
    areas = [e['area'] for e in AnnotationFile(root / 'ann.json').content['annotations']]
    assert areas == [400] * 4


REFUSED = {
    'image id twice': (setting('images', 1, id=1), r'2 images have the id 1 \(1\.jpg, 2\.jpg\)'),
    'no height': (without('height', 'images'), r'image 1 \(1\.jpg\) has the height None: add'),
    'width 0': (setting('images', 1, width=0), r'image 2 \(2\.jpg\) has the width 0'),
    'no file name': (lambda c: c['images'][0].pop('file_name'), 'image 1 has no file_name'),
    'unlisted category': (
        setting('annotations', 1, category_id=77),
        r'annotation 2 has the category_id 77, which is not among the categories \(1, 2\)',
    ),
    'no category': (without('category_id'), 'annotation 1 has the category_id None'),
    'category id twice': (setting('categories', 1, id=1), 'two categories have the id 1'),
    'category name twice': (setting('categories', 1, name='cat'), "have the name 'cat'"),
    'no image id': (without('image_id'), 'annotation 1 has no image_id'),
    'image id as text': (
        setting('annotations', 3, image_id='2'),
        "annotation 4 has the image_id '2', the image has the id 2",
    ),
    'image id 0 as text': (
        lambda c: (c['images'][0].update(id=0), c['annotations'][0].update(image_id='0')),
        "annotation 1 has the image_id '0', the image has the id 0",
    ),
    'annotation id twice': (setting('annotations', 3, id=1), '2 annotations have the id 1'),
    'neither box nor mask': (
        lambda c: [entry.pop(key) for entry in c['annotations'] for key in ('bbox', MASK)],
        r'annotation 1 .*no mask \(segmentation\), but the pipeline loads masks: add a list',
    ),
    'box of three numbers': (setting('annotations', 2, bbox=[1, 2, 3]), r'bbox \[1, 2, 3\]'),
    'box of no number': (
        setting('annotations', 2, bbox=[1, 2, float('nan'), 3]),
        r'annotation 3 has the bbox \[1, 2, nan, 3\]',
    ),
    'polygon of two points': (
        setting('annotations', 0, segmentation=[[1, 1, 5, 5]]),
        r'annotation 1 has the segmentation \[\[1, 1, 5, 5\]\]: it must be',
    ),
    'flat polygon': (
        setting('annotations', 0, segmentation=SQUARE),
        r'annotation 1 has the segmentation \[10, 5, .*, 10, 25\]: it must be a list of polygons',
    ),
    'polygon of pairs': (
        setting('annotations', 0, segmentation=[[[1, 1], [5, 1], [5, 5]]]),
        r'segmentation \[\[\[1, 1\], \[5, 1\], \[5, 5\]\]\]: it must be a list of polygons \[x1',
    ),
    'RLE of another size': (
        setting('annotations', 0, segmentation=dict(size=[50, 40], counts=[2000])),
        r'size \[40, 50\] of its image',
    ),
    'boxes without masks': (
        without('segmentation'),
        r"annotation 1 has no mask \(segmentation\).*with_mask=False.*metric='bbox'",
    ),
    'fractions': (
        lambda c: [entry.update(bbox=[0.1, 0.1, 0.4, 0.4]) for entry in c['annotations']],
        'ann.json: 4 of 4 objects are not trained on.*not a fraction',
    ),
}
MASK = 'segmentation'


@pytest.mark.parametrize('case', REFUSED)
def test_what_cannot_be_derived_is_named(tmp_path, content, case):
    change, message = REFUSED[case]
    change(content)
    root = write(tmp_path, content)
    with pytest.raises(ValueError, match=message) as caught:
        dataset(root)
    assert f'{root}/ann.json' in str(caught.value)


def test_a_detector_of_boxes_needs_a_box_or_polygons(tmp_path, content):
    for field in ('bbox', MASK):
        content['annotations'][1].pop(field)
    root = write(tmp_path, content)
    with pytest.raises(ValueError, match=r'annotation 2 has the bbox None: it must be \[x, y'):
        dataset(root, with_mask=False)


@pytest.mark.parametrize('mask', [None, [], [[1, 1, 5, 5]], 'no mask'])
def test_a_detector_of_boxes_needs_no_masks(tmp_path, content, mask):
    for entry in content['annotations']:
        entry['segmentation'] = mask
    root = write(tmp_path, content)
    assert precision_of_the_truth(dataset(root, with_mask=False), root, 'bbox') == 1.0


def test_lost_and_strange_boxes_are_counted(tmp_path, content, notices_in):
    """mmdet leaves out small boxes and those outside; two corners reach beyond the image."""
    content['annotations'][0]['bbox'] = [10, 5, 0.5, 20]
    content['annotations'][3]['bbox'] = [30, 20, 45, 38]
    dataset(write(tmp_path, content))
    lost, beyond = notices_in()
    assert '1 of 4 objects are not trained on' in lost and 'annotation 1,' in lost
    assert '1 of 4 objects have a bbox that reaches beyond' in beyond and 'annotation 4,' in beyond


@pytest.mark.parametrize('orientation', [None, 6])
def test_an_image_of_another_size_than_its_entry(tmp_path, content, orientation):
    """Before the training, and on the way."""
    root = write(tmp_path, content)
    exif = Image.Exif()
    shape = (40, 50) if orientation else (80, 100)
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(root / 'img/2.jpg', exif=exif)
    data = dataset(root)
    message = rf'2\.jpg is {"40 x 50" if orientation else "100 x 80"} px, but .*ann\.json says 50'
    with pytest.raises(ValueError, match=message) as caught:
        data.check_sample()
    assert ('color_ignore_orientation' in str(caught.value)) == bool(orientation)
    with pytest.raises(ValueError, match=message):
        data[1]


def test_a_missing_image_is_named_before_the_training(tmp_path, content):
    root = write(tmp_path, content)
    (root / 'img/2.jpg').unlink()
    with pytest.raises(FileNotFoundError, match=r'img/2\.jpg does not exist.*ann\.json lists it'):
        dataset(root).check_sample()


@pytest.mark.parametrize('name', ['coco_lsj', 'coco_multi_scale', 'scenes_detection'])
def test_the_configs_evaluate_with_the_checked_file(name):
    config = Config.fromfile(ROOT / f'configs/_base_/datasets/{name}.py')
    for evaluator in (config.val_evaluator, config.test_evaluator):
        assert evaluator.type == 'mcl_plugins.CocoMetric' and evaluator.ann_file
