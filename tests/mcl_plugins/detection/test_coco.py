"""Annotation files that are not COCO's are named."""

import pytest
from mmengine.registry import DefaultScope

pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)

from mcl_plugins.detection.coco import CocoDataset


@pytest.mark.parametrize('content', ['', '{"images": [', '[1]', '{"images": []}'])
def test_a_file_of_something_else_is_named(tmp_path, content):
    file = tmp_path / 'instances.json'
    file.write_text(content)
    message = r'instances\.json is not a COCO file of images, annotations and categories'
    with DefaultScope.overwrite_default_scope('mmdet'), pytest.raises(ValueError, match=message):
        CocoDataset(ann_file=str(file))
