"""The look at label maps leaves broken images to their loader, and no error of the package."""

from pathlib import Path

import pytest
from mmengine.registry import DATASETS, DefaultScope

from ade_folder import make_ade20k
from mcl_plugins.segmentation.survey import Survey


@pytest.fixture
def dataset(tmp_path):
    root = make_ade20k(tmp_path, [(16, 24), (16, 24)])
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield DATASETS.build(
            dict(
                type='mcl_plugins.ADE20KDataset',
                data_root=str(root),
                data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
                pipeline=pipeline,
                test_mode=True,
            )
        )


def test_a_broken_image_is_passed_over(dataset):
    Path(dataset.get_data_info(0)['img_path']).write_bytes(b'no image')
    survey = Survey(dataset)
    survey.run()
    assert survey.looked == {0, 1}


@pytest.mark.parametrize('error', [AttributeError('a bug'), ValueError('other bands')])
def test_other_errors_are_not(dataset, error, monkeypatch):
    survey = Survey(dataset)

    def fail(results):
        raise error

    monkeypatch.setattr(survey, 'image_loader', fail)
    with pytest.raises(type(error), match=str(error)):
        survey.run()
