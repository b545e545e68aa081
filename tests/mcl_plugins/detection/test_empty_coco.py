"""An annotation file that is COCO's and lists nothing."""

import json

import pytest
from mmengine.registry import DefaultScope

pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)

from mcl_plugins.detection.coco import CocoDataset


def test_a_file_without_images_is_named(tmp_path):
    file = tmp_path / 'instances.json'
    categories = [dict(id=1, name='cow')]
    file.write_text(json.dumps(dict(images=[], annotations=[], categories=categories)))
    message = r'instances\.json lists no images\. Set ann_file to another file\.'
    with DefaultScope.overwrite_default_scope('mmdet'), pytest.raises(ValueError, match=message):
        CocoDataset(ann_file=str(file), metainfo=dict(classes=('cow',)), pipeline=[])
