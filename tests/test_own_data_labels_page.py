"""What the page on own labels says is what the package does: its configs, run on small data."""

import json
import re

import numpy as np
import pytest
from mmengine.registry import DATASETS, EVALUATOR, DefaultScope
from PIL import Image

from conftest import ROOT
from mcl_plugins.cli.common import load_config
from mcl_plugins.cli.train import configure

PAGE = (ROOT / 'docs/own-data-labels.md').read_text()
BLOCKS = dict(re.findall(r'```python (\w+)\.py\n(.*?)```', PAGE, re.DOTALL))


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Writes the configs of the page into a folder, in which the test then is."""
    monkeypatch.chdir(tmp_path)
    for name, content in BLOCKS.items():
        (tmp_path / f'{name}.py').write_text(content)
    return tmp_path


def image(path, shape=(600, 640)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def sets_of(name, splits=('train', 'val', 'test')):
    config = load_config(f'{name}.py')
    with DefaultScope.overwrite_default_scope(config.default_scope):
        sets = {split: DATASETS.build(config[f'{split}_dataloader'].dataset) for split in splits}
    return config, sets


def test_classes_from_folders(page):
    for split in ('train', 'val'):
        for name in ('ant', 'bee'):
            image(page / f'photos/{split}/{name}/1.jpg')
    config, sets = sets_of('own_classes')
    assert all(data.metainfo['classes'] == ('ant', 'bee') for data in sets.values())
    assert [sets['val'].get_data_info(k)['gt_label'] for k in (0, 1)] == [0, 1]
    sample = sets['train'][1]
    assert sample['inputs'].shape == (3, 224, 224) and sample['data_samples'].gt_label == 1
    assert config.model.head.num_classes == config.data_preprocessor.num_classes == 2
    assert config.val_evaluator.topk == config.test_evaluator.topk == 1


def test_label_maps(page):
    for split in ('train', 'val'):
        image(page / f'streets/images/{split}/1.jpg')
        labels = np.tile(np.repeat([0, 1, 2, 255], 160).astype(np.uint8), (600, 1))
        (page / f'streets/labels/{split}').mkdir(parents=True)
        Image.fromarray(labels).save(page / f'streets/labels/{split}/1.png')
    config, sets = sets_of('own_label_maps')
    for data in sets.values():
        data.check_sample()
        assert data.metainfo['classes'] == ('road', 'house', 'tree')
    labels = sets['val'][0]['data_samples'].gt_sem_seg.data
    assert labels.unique().tolist() == [0, 1, 2, 255] and labels.shape == (1, 600, 640)
    assert sets['train'][0]['inputs'].shape == (3, 512, 512)
    heads = config.model.decode_head, config.model.auxiliary_head
    assert all(head.num_classes == 3 for head in heads)


def test_coco_files(page):
    pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)
    square = [[50, 50, 250, 50, 250, 250, 50, 250]]
    for split in ('train', 'val'):
        image(page / f'farm/{split}/1.jpg')
        objects = [
            dict(id=k, image_id=1, category_id=k + 1, segmentation=square) for k in range(2)
        ]  # ids from 0, and neither bbox nor area nor iscrowd: derived
        content = dict(
            images=[dict(id=1, file_name='1.jpg', height=600, width=640)],
            annotations=objects,
            categories=[dict(id=1, name='cow'), dict(id=2, name='goat')],
        )
        (page / f'farm/{split}.json').write_text(json.dumps(content))
    config, sets = sets_of('own_coco')
    for data in sets.values():
        data.check_sample()
        found = data.get_data_info(0)['instances']
        assert [one['bbox_label'] for one in found] == [0, 1]
        assert found[0]['bbox'] == [50, 50, 250, 250]
    with DefaultScope.overwrite_default_scope('mmdet'):
        evaluator = EVALUATOR.build(dict(type='Evaluator', metrics=config.val_evaluator))
    (metric,) = evaluator.metrics
    assert sorted(metric._coco_api.anns) == [1, 2]
    heads = config.model.roi_head
    assert heads.bbox_head.num_classes == heads.mask_head.num_classes == 2


def test_one_option_starts_from_a_model_of_other_classes(page):
    (command,) = re.findall(r'```bash\n(mcl train .*?)\n```', PAGE)
    file, option = re.fullmatch(r'mcl train (\S+) --cfg-options (\S+)', command).groups()
    key, value = option.split('=')
    config = configure(file, work_dir='work', cfg_options={key: value})
    assert config.model.init_cfg == dict(type='Pretrained', checkpoint='mask_rcnn.pth')
    assert 'init_cfg' not in config.model.backbone


def test_the_pages_refer_to_each_other():
    assert '(own-data.md)' in PAGE
    assert '(own-data-labels.md)' in (ROOT / 'docs/own-data.md').read_text()
