"""What metrics and hooks leave in the message hub can be read from a checkpoint again."""

import json
import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub, MMLogger
from mmengine.registry import METRICS, DefaultScope

from conftest import ROOT
from mcl_plugins.checkpoint.files import is_readable, load_file, save_file
from mcl_plugins.engine.runner import Runner


def accuracy(config, tmp_path):
    metric = METRICS.build(config)
    scores = torch.eye(6)
    samples = [dict(pred_score=scores[k], gt_label=torch.tensor([k % 4])) for k in range(6)]
    metric.process({}, samples)
    return metric.evaluate(6)


def intersection_over_union(config, tmp_path):
    metric = METRICS.build(config | dict(iou_metrics=['mIoU', 'mDice', 'mFscore']))
    metric.dataset_meta = dict(classes=('ground', 'house', 'tree'))  # the last one is absent: NaN
    found, true = torch.tensor([[0, 1, 1, 0]]), torch.tensor([[0, 1, 0, 0]])
    metric.process({}, [dict(pred_sem_seg=dict(data=found), gt_sem_seg=dict(data=true))])
    return metric.evaluate(1)


def coco(config, tmp_path):
    square = dict(bbox=[1, 1, 10, 10], area=100, segmentation=[[1, 1, 11, 1, 11, 11, 1, 11]])
    content = dict(
        images=[dict(id=1, file_name='1.jpg', height=20, width=20)],
        annotations=[dict(id=1, image_id=1, category_id=1, iscrowd=0, **square)],
        categories=[dict(id=1, name='cat')],
    )
    (tmp_path / 'ann.json').write_text(json.dumps(content))
    metric = METRICS.build(config | dict(ann_file=str(tmp_path / 'ann.json'), classwise=True))
    metric.dataset_meta = dict(classes=('cat',))
    masks = torch.zeros(1, 20, 20, dtype=torch.bool)
    masks[0, 1:11, 1:11] = True
    found = dict(
        bboxes=torch.tensor([[1.0, 1, 11, 11]]),
        labels=torch.tensor([0]),
        scores=torch.ones(1),
        masks=masks,
    )
    metric.process({}, [dict(img_id=1, ori_shape=(20, 20), pred_instances=found)])
    return metric.evaluate(1)


MEASURE = {
    'Accuracy': ('mmpretrain', accuracy),
    'IoUMetric': ('mmseg', intersection_over_union),
    'mcl_plugins.CocoMetric': ('mmdet', coco),
}


def metrics_of_the_configs():
    """Type of each metric -> its config."""
    found = {}
    for file in sorted((ROOT / 'configs/_base_/datasets').glob('*.py')):
        config = Config.fromfile(file)
        for key in ('val_evaluator', 'test_evaluator'):
            if config.get(key):
                kind = config[key].type
                found[kind] = config[key].to_dict()
    return found


def test_every_metric_of_the_configs_survives_a_checkpoint(tmp_path):
    """mmseg's are NumPy's float32 and float64, NaN among them: save_best keeps one of them."""
    pytest.importorskip('mmdet.datasets', reason='mmdet needs mmcv ops', exc_type=ImportError)
    configs = metrics_of_the_configs()
    assert set(configs) == set(MEASURE)
    for name, config in configs.items():
        library, measure = MEASURE[name]
        with DefaultScope.overwrite_default_scope(library):
            metrics = measure(config, tmp_path)
        assert metrics
        hub = MessageHub.get_instance(f'hub of {name}')
        for key, value in metrics.items():
            hub.update_info(f'best_score_{key}', value)
            hub.update_scalar(f'val/{key}', value)
        save_file({'message_hub': hub.state_dict()}, tmp_path / 'best.pth')
        loaded = load_file(tmp_path / 'best.pth')['message_hub']
        for key, value in metrics.items():
            again = loaded['runtime_info'][f'best_score_{key}']
            assert type(again) is type(value)
            assert again == value or (math.isnan(again) and math.isnan(value))
            assert isinstance(loaded['log_scalars'][f'val/{key}'], HistoryBuffer)


NUMBERS = f'?{np.typecodes["AllInteger"]}{np.typecodes["AllFloat"]}'


def test_all_numbers_of_numpy_are_read_again(tmp_path):
    values = [np.dtype(code).type(1) for code in NUMBERS] + [np.str_('best')]
    arrays = [np.array([value, value]) for value in values]
    save_file({'values': values, 'arrays': arrays}, tmp_path / 'numbers.pth')
    loaded = load_file(tmp_path / 'numbers.pth')
    assert [value.dtype for value in loaded['values']] == [value.dtype for value in values]
    assert loaded['values'] == values
    for before, after in zip(arrays, loaded['arrays'], strict=True):
        assert before.dtype == after.dtype and np.array_equal(before, after)


class Opaque:
    """Of a class of one's own."""


@pytest.mark.parametrize(
    'value', [Opaque(), Path('best.pth'), np.array([Opaque()], object), {'deep': [Opaque()]}]
)
def test_objects_do_not_become_readable(tmp_path, value):
    assert not is_readable(value)
    torch.save({'value': value}, tmp_path / 'opaque.pth')
    with pytest.raises(ValueError, match='opaque.pth was not loaded'):
        load_file(tmp_path / 'opaque.pth')


def test_an_entry_that_could_not_be_read_is_not_saved(training_config, caplog):
    """One object of a user's metric would make each checkpoint of the run unreadable."""
    runner = Runner.from_cfg(training_config)
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    runner.message_hub.update_info('best_score', np.float32(0.5))
    runner.message_hub.update_info('opaque', opaque := Opaque())
    for name in ('a.pth', 'b.pth'):
        runner.save_checkpoint(
            training_config.work_dir, name, save_optimizer=False, save_param_scheduler=False
        )
        infos = load_file(f'{training_config.work_dir}/{name}')['message_hub']['runtime_info']
        assert infos['best_score'] == np.float32(0.5) and 'opaque' not in infos
    assert runner.message_hub.get_info('opaque') is opaque
    runner.message_hub.update_info('opaque', opaque)  # the hub may be used on
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert sum("'opaque' of the message hub is not saved" in text for text in warnings) == 1
