"""Shared by all tests: OpenMMLab's scope, quiet logs, small models."""

from __future__ import annotations

import copy
import gc
import os
import random
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from PIL import Image

from mcl_plugins.mask_generators import PatchMask

ROOT = Path(__file__).parents[1]

PREPROCESSOR = dict(
    type='mcl_plugins.MultiViewPreprocessor',
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
)
SMALL = dict(
    type='mcl_plugins.ConMIM',
    backbone=dict(
        type='mcl_plugins.MaskedBEiTViT',
        arch=dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96),
        img_size=32,
        patch_size=8,
    ),
    neck=dict(
        type='NonLinearNeck',
        in_channels=48,
        hid_channels=32,
        out_channels=16,
        num_layers=3,
        with_last_bn_affine=False,
        with_avg_pool=False,
        norm_cfg=dict(type='BN1d'),
        init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02, a=-0.02, b=0.02),
    ),
    head=dict(type='mcl_plugins.PatchContrastHead', temperature=0.1),
    mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.75, unit=2),
    momentum=dict(start=0.9, end=1.0),
    data_preprocessor=dict(
        **PREPROCESSOR, views=[[], [dict(type='mcl_plugins.Grayscale', prob=0.5)]]
    ),
)


# Parts of the small MAE-like models: 16 patches of 8 px, 48 wide.
SMALL_VIT = dict(
    type='mcl_plugins.MaskedViT',
    arch=dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96),
    img_size=32,
    patch_size=8,
)
SMALL_DECODER = dict(
    type='mcl_plugins.MaskedDecoder',
    num_patches=16,
    patch_size=8,
    embed_dim=48,
    decoder_embed_dim=32,
    decoder_depth=2,
    decoder_num_heads=4,
)
# Parts of the small MoBY and MimCo: 16x16, then 8x8 tokens of 4 px, 32 wide at the end.
SMALL_SWIN = dict(
    arch=dict(embed_dims=16, depths=(2, 2), num_heads=(2, 4)),
    img_size=32,
    patch_size=2,
    window_size=4,
)
MOBY_MLP = dict(
    type='NonLinearNeck',
    hid_channels=24,
    out_channels=16,
    with_bias=True,
    with_last_bias=True,
    with_last_bn=False,
    norm_cfg=dict(type='mcl_plugins.SyncBN'),
)
# Masked MoCo's small heads, and the small Masked MoCo: 4 chunks of 4 patches.
MOCO_MLP = dict(
    type='NonLinearNeck',
    hid_channels=24,
    out_channels=16,
    with_last_bn_affine=False,
    with_avg_pool=False,
    norm_cfg=dict(type='mcl_plugins.SyncBN'),
)
SMALL_MASKED_MOCO = dict(
    type='mcl_plugins.MaskedMoCo',
    backbone={**SMALL_VIT, 'type': 'mcl_plugins.MaskedMoCoViT'},
    projector=dict(**MOCO_MLP, in_channels=48, num_layers=3),
    predictor=dict(**MOCO_MLP, in_channels=16, num_layers=2),
    contrast_head=dict(type='mcl_plugins.InfoNCEHead', temperature=0.3),
    num_chunks=4,
    momentum=dict(start=0.9, end=1.0),
    data_preprocessor={**PREPROCESSOR, 'views': [[], []]},
)
PIXEL_HEAD = dict(
    type='MAEPretrainHead',
    norm_pix=True,
    patch_size=8,
    loss=dict(type='PixelReconstructionLoss', criterion='L2'),
)


# The files that take longest come first, so that no worker is left with one of them at the end.
LONGEST = (
    'tools/test_commands.py',
    'configs/test_zoo.py',
    'mcl_plugins/cli/quickstart/test_transfer_demo.py',
    'test_wheel.py',
    'mcl_plugins/cli/quickstart/test_quickstart.py',
    'mcl_plugins/cli/test_evaluate.py',
    'mcl_plugins/engine/test_compiled.py',
)


def pytest_collection_modifyitems(items):
    """Order the files, and keep the order within each."""
    order = {ROOT / 'tests' / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    # MMEngine collects garbage for each data set, which takes a second for all that is imported.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _scope():
    """Build under mmpretrain's scope, with MMEngine's thousand lines of initialisation off."""
    if not MMLogger.check_instance_created('tests'):
        MMLogger.get_instance('tests', log_level='ERROR')
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


@pytest.fixture(autouse=True)
def _process_goes_on(monkeypatch):
    """Let a test fail whose code would end the process of the tests, which says nothing then."""
    process, end, said = os.getpid(), os._exit, []

    def refuse(status):
        if os.getpid() != process:
            end(status)
        said.append(f'os._exit({status}) from\n{"".join(traceback.format_stack())}')

    monkeypatch.setattr(os, '_exit', refuse)
    yield
    if said:
        pytest.fail(said[0], pytrace=False)


@pytest.fixture
def small_conmim():
    """An initialised ConMIM of 2 narrow blocks on 32 px images with 16 patches."""
    model = MODELS.build(SMALL)
    model.init_weights()
    return model


@pytest.fixture
def images(tmp_path):
    """A data root with sixteen small random images of two classes under train/."""
    rng = np.random.default_rng(0)
    for index in range(16):
        folder = tmp_path / 'data/train' / str(index % 2)
        folder.mkdir(parents=True, exist_ok=True)
        image = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / f'{index}.jpg')
    return tmp_path / 'data'


@pytest.fixture
def training_config(tmp_path, images):
    """An epoch of the small ConMIM: four iterations of four images, and a checkpoint."""
    return Config(
        dict(
            default_scope='mmpretrain',
            work_dir=str(tmp_path / 'work'),
            experiment_name=tmp_path.name,
            model=copy.deepcopy(SMALL),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                drop_last=True,
                sampler=dict(type='DefaultSampler', shuffle=True),
                collate_fn=dict(type='default_collate'),
                dataset=dict(
                    type='mcl_plugins.ImageFolder',
                    data_root=str(images),
                    data_prefix='train',
                    with_label=False,
                    pipeline=[
                        dict(type='LoadImageFromFile'),
                        dict(type='RandomResizedCrop', scale=32, backend='pillow'),
                        dict(type='PackInputs'),
                    ],
                ),
            ),
            train_cfg=dict(by_epoch=True, max_epochs=1),
            optim_wrapper=dict(
                type='mcl_plugins.Bf16OptimWrapper',
                optimizer=dict(type='AdamW', lr=1e-3),
                constructor='mcl_plugins.MergedOptimWrapperConstructor',
                paramwise_cfg=dict(flat_decay_mult=0.0),
            ),
            default_hooks=dict(
                checkpoint=dict(type='CheckpointHook', interval=1),
                logger=dict(type='LoggerHook', interval=1),
            ),
        )
    )


def wait_until(happens, seconds=30):
    """Wait until a condition holds; fail if it does not within so many seconds."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f'it has not happened within {seconds} s'
        time.sleep(0.01)


class GivenMask(torch.nn.Module):
    """A mask generator that hands out a fixed mask."""

    def __init__(self, hidden):
        super().__init__()
        self.hidden = hidden

    def forward(self, *_):
        return PatchMask.from_mask(self.hidden)


def tokens_entering(block, model, *arguments):
    """What reaches ``block`` in a pass of ``model``, and the pass's one output."""
    seen = []
    handle = block.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    (output,) = model(*arguments)
    handle.remove()
    return seen[0], output
