"""The look at images of COCO leaves broken ones to their loader, and no error of the package."""

import json

import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)

from mcl_plugins.transforms import LoadImageFromFile


@pytest.fixture
def dataset(tmp_path):
    Image.new('RGB', (24, 16)).save(tmp_path / 'a.png')
    content = {
        'images': [dict(id=1, file_name='a.png', width=24, height=16)],
        'annotations': [dict(id=1, image_id=1, category_id=1, bbox=[2, 2, 8, 8], area=64)],
        'categories': [dict(id=1, name='cat')],
    }
    content['annotations'][0]['iscrowd'] = 0
    (tmp_path / 'instances.json').write_text(json.dumps(content))
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield DATASETS.build(
            dict(
                type='mcl_plugins.CocoDataset',
                ann_file=str(tmp_path / 'instances.json'),
                data_prefix=dict(img=str(tmp_path)),
                metainfo=dict(classes=('cat',)),
                pipeline=[dict(type='LoadImageFromFile')],
            )
        )


def test_a_broken_image_is_passed_over(dataset, tmp_path):
    dataset.check_sample()
    (tmp_path / 'a.png').write_bytes(b'no image')
    dataset.check_sample()


@pytest.mark.parametrize('error', [AttributeError('a bug'), ValueError('other bands')])
def test_other_errors_are_not(dataset, error, monkeypatch):
    def fail(self, results):
        raise error

    monkeypatch.setattr(LoadImageFromFile, 'transform', fail)
    with pytest.raises(type(error), match=str(error)):
        dataset.check_sample()
