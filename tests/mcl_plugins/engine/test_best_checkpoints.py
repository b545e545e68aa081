"""The best checkpoints that the Runner saves are read again, whatever the metrics return."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import METRICS, MODELS
from mmpretrain.evaluation import metrics as mmpretrain_metrics
from PIL import Image

from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.engine.rehearsal import rehearse
from mcl_plugins.engine.runner import Runner

NUMBERS = {
    'float': 0.5,
    'int': 3,
    'float32': np.float32(0.5),
    'float64': np.float64(0.25),
    'float16': np.float16(0.5),
    'int64': np.int64(2),
    'zero_dim': torch.tensor(0.75),
}
OTHERS = {
    'nan': math.nan,
    'nan32': np.float32('nan'),
    'text': 'good',
    'list': [1.0, math.nan, np.float32(2)],
    'array': np.eye(2, dtype=np.float32),
    'matrix': torch.eye(3),
    'by_class': {'ant': np.float64(1), 'bee': [0.5]},
    'nothing': None,
}


@METRICS.register_module()
class ReturnsAll(BaseMetric):
    """Returns a value of every kind that metrics of the libraries return."""

    default_prefix = 'own'

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {**NUMBERS, **OTHERS, **values_of_mmpretrain()}


@MODELS.register_module()
class Constant(BaseModel):
    """A model of one weight, whose predictions nobody reads."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return [{}] if mode == 'predict' else {'loss': self.weight * 1}


def values_of_mmpretrain():
    """What each of mmpretrain's metrics of classes returns, tables by class among them."""
    kinds = {
        'Accuracy': dict(topk=(1, 2)),
        'SingleLabelMetric': dict(average=None),
        'MultiLabelMetric': dict(average=None, thr=0.5),
        'AveragePrecision': dict(average=None),
        'RetrievalRecall': dict(topk=1),
        'RetrievalAveragePrecision': dict(topk=2),
        'ConfusionMatrix': {},
    }
    found = {}
    for name, arguments in kinds.items():
        metric = getattr(mmpretrain_metrics, name)(**arguments)
        metric.dataset_meta = dict(classes=('ant', 'bee', 'cat'))
        values = rehearse(metric)
        assert values
        found.update({f'{name}/{key}': value for key, value in values.items()})
    return found


def config_of(folder, name, **more):
    loader = dict(
        batch_size=1,
        num_workers=0,
        dataset=dict(type='mcl_plugins.ImageFolder', data_root=str(folder), with_label=False),
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    loader['dataset']['pipeline'] = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    return Config(
        dict(
            model=dict(type='Constant'),
            work_dir=str(folder / 'work'),
            experiment_name=f'{folder.name}-{name}',
            default_scope='mmpretrain',
            train_dataloader=loader,
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
            val_dataloader=loader,
            val_cfg=dict(),
            val_evaluator=dict(type='ReturnsAll'),
            **more,
        )
    )


def same(first, second):
    if isinstance(first, torch.Tensor | np.ndarray):
        tensors = isinstance(first, torch.Tensor), isinstance(second, torch.Tensor)
        first, second = np.asarray(first), np.asarray(second)
        return (
            len(set(tensors)) == 1 and first.dtype == second.dtype and np.array_equal(first, second)
        )
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    nan = isinstance(first, float | np.floating) and math.isnan(first) and math.isnan(second)
    return type(first) is type(second) and (nan or first == second)


@pytest.fixture
def folder(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / '0.png')
    return tmp_path


def test_every_best_checkpoint_of_a_training_is_read_and_started_from(folder):
    keys = [f'own/{name}' for name in NUMBERS]
    checkpoint = dict(type='mcl_plugins.CheckpointHook', save_best=keys, rule='greater')
    hooks = dict(checkpoint=dict(**checkpoint, interval=1))
    Runner.from_cfg(config_of(folder, 'first', default_hooks=hooks)).train()
    best = {key: Path(folder, 'work', f'best_{key.replace("/", "_")}_epoch_1.pth') for key in keys}
    hubs = {key: load_file(file)['message_hub'] for key, file in best.items()}
    hub = hubs[keys[-1]]  # the last one that was written
    for name, value in {**OTHERS, **values_of_mmpretrain()}.items():
        key = f'val/own/{name}'
        if key in hub['log_scalars']:
            assert same(float(hub['log_scalars'][key].current()), float(value)), name
        else:
            assert same(hub['runtime_info'][key], value), name
    for name, value in NUMBERS.items():
        assert same(hubs[f'own/{name}']['runtime_info'][f'best_score_own/{name}'], value)

    again = config_of(folder, 'again', load_from=str(best[keys[0]]))
    again.default_hooks = dict(checkpoint=None)
    again.optim_wrapper.optimizer.lr = 0.0
    runner = Runner.from_cfg(again)
    runner.train()  # a best checkpoint has weights and no optimizer
    assert runner.model.weight.item() == pytest.approx(0.9)
