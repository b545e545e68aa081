"""The guide "add a method": its example, taken from the page, works from outside the package."""

import importlib
import re
import sys

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins.algorithms import PretrainingMethod
from mcl_plugins.checkpoint.files import load_file
from mcl_plugins.cli import released
from mcl_plugins.cli.fidelity import check
from mcl_plugins.cli.quickstart import methods as quickstart
from mcl_plugins.cli.released.golden import FixedMask
from mcl_plugins.cli.train import train
from mcl_plugins.cli.visualize.masks import draw_masks

PAGE = ROOT / 'CONTRIBUTING.md'
BLOCKS = dict(re.findall(r'```python (\S+\.py)\n(.*?)```', PAGE.read_text(), re.DOTALL))
# A user's own config that inherits the page's: the same method on a small encoder and few images.
SHRUNK = """
_base_ = 'masked_simsiam_vit-s.py'
arch = dict(_delete_=True, embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
model = dict(
    backbone=dict(arch=arch, img_size=32, patch_size=8), projector=dict(in_channels=48))
del arch
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(
        _delete_=True,
        type='mcl_plugins.ImageFolder',
        data_root={data_root!r},
        data_prefix='train',
        with_label=False,
        pipeline=[
            dict(type='mcl_plugins.LoadImageFromFile'),
            dict(type='RandomResizedCrop', scale=32, backend='pillow'),
            dict(type='PackInputs'),
        ]))
param_scheduler = dict(_delete_=True, type='ConstantLR', factor=1.0, by_epoch=False)
train_cfg = dict(max_epochs=2)
default_hooks = dict(logger=dict(interval=1))
"""
# How a golden file of the example is compared, as a module from outside the package states it.
COMPARISON = """
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.cli.released import Comparison, compares
from mcl_plugins.cli.released.golden import FixedMask, pair_gradients, part, tensor


@compares('masked_simsiam')
def compare(golden, device):
    from test_masked_simsiam import VIT, mlp
    from mcl_plugins.mask_generators import PatchMask

    head = dict(type='mcl_plugins.CosineHead', loss_weight=0.5)
    parts = dict(backbone=VIT, projector=mlp(48), predictor=mlp(16), contrast_head=head)
    model = MODELS.build(dict(type='MaskedSimSiam', **parts)).to(device, torch.float64)
    model.load_state_dict(part(golden, 'state', device))
    model.mask_generator = FixedMask(PatchMask.from_mask(tensor(golden, 'mask', device)))
    loss = model.loss([tensor(golden, 'images', device)])['loss_contrast']
    loss.backward()
    gradients = pair_gradients(model, part(golden, 'grad', device))
    return Comparison({'loss': (loss, golden['loss'])}, {}, gradients)
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A folder with the page's files, from which Python imports; later tests know none of them."""
    files = {**BLOCKS, 'compare_masked_simsiam.py': COMPARISON}
    for name, code in files.items():
        (tmp_path / name).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module('masked_simsiam')
    yield tmp_path
    for name in files:
        sys.modules.pop(name.removesuffix('.py'), None)
    del MODELS.module_dict['MaskedSimSiam']
    released._REGISTERED.pop('masked_simsiam', None)


def test_the_page_has_the_files_that_it_speaks_of():
    assert set(BLOCKS) == {
        'masked_simsiam.py',
        'masked_simsiam_model.py',
        'masked_simsiam_vit-s.py',
        'test_masked_simsiam.py',
    }


def test_the_oracle_of_the_example_passes(outside):
    module = importlib.import_module('test_masked_simsiam')
    module.test_loss_and_gradients_equal_those_computed_image_by_image()
    assert issubclass(MODELS.get('MaskedSimSiam'), PretrainingMethod)


def test_the_example_trains_and_its_masks_are_drawn(outside, images):
    """With our Runner, from the config of the page; the commands need to know nothing of it."""
    config = outside / 'small.py'
    config.write_text(SHRUNK.format(data_root=str(images)))
    runner = train(config, work_dir=str(outside / 'work'))
    assert runner.iter == 8
    history = runner.message_hub.log_scalars
    assert {'train/loss_contrast', 'train/key_spread', 'train/chance'} <= set(history)
    checkpoint = outside / 'work/epoch_2.pth'
    assert 'backbone.cls_token' in load_file(checkpoint)['state_dict']
    draw_masks(config, [checkpoint], images=[images / 'train/0'], count=2).savefig(
        outside / 'masks.png'
    )


def test_a_golden_file_of_the_example_is_compared(outside):
    """Numbers that the method itself computed agree; others do not."""
    importlib.import_module('compare_masked_simsiam')
    example = importlib.import_module('test_masked_simsiam')
    head = dict(type='mcl_plugins.CosineHead', loss_weight=0.5)
    model = MODELS.build(
        dict(
            type='MaskedSimSiam',
            backbone=example.VIT,
            projector=example.mlp(48),
            predictor=example.mlp(16),
            contrast_head=head,
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5),
        )
    ).double()
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    mask = model.draw_mask(images)
    model.mask_generator = FixedMask(mask)
    loss = model.loss([images])['loss_contrast']
    loss.backward()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    golden = {
        'method': np.array('masked_simsiam'),
        'images': images.numpy(),
        'mask': mask.mask.numpy(),
        'loss': loss.detach().numpy(),
        **{f'state/{name}': value.numpy() for name, value in model.state_dict().items()},
        **{f'grad/{name}': p.grad.numpy() for name, p in trained.items()},
    }
    np.savez(outside / 'masked_simsiam_a.npz', **golden)
    assert check(outside / 'masked_simsiam_a.npz', torch.device('cpu')).passed
    np.savez(outside / 'wrong.npz', **{**golden, 'loss': golden['loss'] + 0.01})
    assert not check(outside / 'wrong.npz', torch.device('cpu')).passed


def test_the_quickstart_takes_a_method_by_its_config(outside):
    config = outside / 'masked_simsiam_vit-s.py'
    finetune = outside / 'masked_simsiam_vit-s_finetune.py'
    with pytest.raises(FileNotFoundError, match='_finetune'):
        quickstart.find_method_config(str(config))
    finetune.touch()
    assert quickstart.find_method_config(str(config)) == config
    assert quickstart.read_title(config) == 'MaskedSimSiam'
