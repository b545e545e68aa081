"""Short trainings of the shipped methods on made pictures, healthy or made ill."""

import time

import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmpretrain.structures import DataSample
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from conftest import ROOT
from mcl_plugins.engine.hooks import DoctorHook
from mcl_plugins.engine.runner import Runner

BATCH, SIDE = 16, 32


class Pictures(Dataset):
    """Smooth random pictures; each takes ``seconds`` to load."""

    def __init__(self, count=96, seconds=0.0):
        coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        self.images = (255 * F.interpolate(coarse, size=SIDE, mode='bilinear')).to(torch.uint8)
        self.seconds = seconds

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return dict(inputs=self.images[index], data_samples=DataSample())


def read(method):
    """The quickstart's config of a method with two blocks, and a teacher for so few steps."""
    config = Config.fromfile(ROOT / f'configs/quickstart/{method}.py')
    model = config.model
    for encoder in filter(None, (model.backbone, (model.get('teacher') or {}).get('backbone'))):
        encoder.arch.update({'depths': (1, 1)} if 'Swin' in encoder.type else {'num_layers': 2})
    for name in ('decoder', 'pixel_decoder', 'feature_decoder'):
        if model.get(name):
            model[name].decoder_depth = 1
    if model.get('momentum'):
        model.momentum.update(start=0.7, end=0.7)
    model.data_preprocessor = config.data_preprocessor
    config.optim_wrapper.optimizer.lr *= BATCH / config.auto_scale_lr.base_batch_size
    return config


def train(config, folder, steps=30, patience=15, dataset=None, **doctor):
    """Train with the hook of the shipped configs; returns the hook at the end."""
    data = DataLoader(
        dataset or Pictures(), BATCH, shuffle=True, drop_last=True, collate_fn=default_collate
    )
    warm_up = dict(type='LinearLR', start_factor=1e-3, begin=0, end=10, by_epoch=False)
    doctor = {**config.default_hooks.doctor, 'patience': patience, **doctor}
    runner = Runner(
        model=config.model,
        work_dir=str(folder),
        train_dataloader=data,
        train_cfg=dict(by_epoch=False, max_iters=steps),
        optim_wrapper=config.optim_wrapper,
        param_scheduler=warm_up,
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=5), checkpoint=None, doctor=doctor
        ),
        custom_hooks=config.get('custom_hooks'),
        experiment_name=folder.name,
        log_level='ERROR',
        default_scope='mmpretrain',
        randomness=dict(seed=0),
    )
    runner.train()
    return next(hook for hook in runner.hooks if isinstance(hook, DoctorHook))


def illnesses(hook):
    """The names of what was found."""
    return {verdict['illness'] for verdict in hook.verdicts}
