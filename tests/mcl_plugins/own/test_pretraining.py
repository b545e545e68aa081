"""Configs for own images: every part fits the images, and the schedule follows their number."""

import math

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from conftest import ROOT
from mcl_plugins.cli.own.memory import bytes_per_image, largest_batch
from mcl_plugins.own import pretraining

CONFIGS = ROOT / 'configs'
TEMPLATES = sorted(CONFIGS.glob('own/*_*.py'))
PRETRAINING = [path for path in TEMPLATES if 'pretraining(' in path.read_text()]
METHODS = ('ccmim', 'cmae', 'conmim', 'masked_byol', 'masked_moco', 'mimco', 'moby', 'mocov3')


def base(name):
    return Config.fromfile(CONFIGS / name)


def test_every_method_has_a_template_of_each_of_its_networks():
    found = {path.stem for path in PRETRAINING} - {'conmim_vit-s_probe'}
    assert found == {
        f'{method}_{arch}'
        for method in METHODS
        for arch in ('vit-s', 'vit-b', 'swin-t', 'deit-s')
        if (CONFIGS / method / f'{arch}.py').is_file()
    }


@pytest.mark.parametrize('path', PRETRAINING, ids=lambda path: path.stem)
def test_a_template_differs_from_the_papers_config_by_data_and_schedule(path):
    own = Config.fromfile(path)
    method, _, arch = path.stem.removesuffix('_probe').rpartition('_')
    paper = base(f'{method}/{arch}.py')
    assert own.train_dataloader.dataset.type == 'mcl_plugins.ImageFolder'
    assert own.train_dataloader.dataset.data_root == 'data/images'
    assert own.train_dataloader.dataset.pipeline == paper.train_dataloader.dataset.pipeline
    assert own.data_preprocessor == paper.data_preprocessor
    steps = 50_000 // own.train_dataloader.batch_size * own.train_cfg.max_epochs
    warm_up = own.param_scheduler[0].end
    assert own.train_cfg.max_epochs / 100 <= warm_up <= own.train_cfg.max_epochs / 5
    betas = own.optim_wrapper.optimizer.betas
    assert warm_up / own.train_cfg.max_epochs * steps >= 0.95 * 2 / (1 - betas[1])
    # The rate of the paper's rule at this batch is lower, that at the paper's batch is higher.
    linear = paper.optim_wrapper.optimizer.lr / paper.auto_scale_lr.base_batch_size
    batch = own.train_dataloader.batch_size
    assert linear * batch < own.optim_wrapper.optimizer.lr < linear * 4096
    assert own.auto_scale_lr == dict(enable=True, base_batch_size=batch)


def test_momentum_and_rate_of_the_papers_batch_are_the_papers():
    config = base('cmae/vit-s.py')
    own = pretraining(config, 'x', count=1_281_167, batch_size=4096, epochs=1600)
    assert own['model']['momentum'] == {'start': 0.996, 'end': 0.996}
    rate = config.optim_wrapper.optimizer.lr * 4096 / config.auto_scale_lr.base_batch_size
    assert own['optim_wrapper']['optimizer']['lr'] == pytest.approx(rate)
    assert [step.get('end') for step in own['param_scheduler']] == [40, None]


def test_a_short_training_has_a_quick_teacher_and_a_short_queue():
    own = pretraining(base('moby/swin-t.py'), 'x', count=2000, batch_size=64, epochs=10)
    assert own['model']['momentum']['start'] == round(1 - 50 / 310, 4)
    assert own['model']['queue']['length'] == 256
    late = pretraining(base('mocov3/vit-s.py'), 'x', count=2000, batch_size=64, epochs=100)
    assert late['model']['base_momentum'] == pytest.approx(1 / 62, abs=1e-4)
    assert math.isclose(sum(late['param_scheduler'][1][key] for key in ('T_max', 'begin')), 100)


KEPT = {  # bytes of an image of 64 px and four bands, as measured
    'ccmim': 6_333_654,
    'cmae': 7_658_998,
    'conmim': 7_079_830,
    'masked_byol': 17_355_648,
    'masked_moco': 17_372_420,
}


@pytest.mark.parametrize('method', KEPT)
def test_images_of_four_bands_and_another_size_go_through_every_part(method):
    """A step in float32 on noise: views, masks, decoder and targets have to fit each other."""
    name = f'{method}/vit-s.py'
    own = pretraining(base(name), 'x', image_size=64, bands=4, mean=[1.0] * 4, std=[2.0] * 4)
    config = base(name)
    config.merge_from_dict({key: value for key, value in own.items() if key != 'custom_hooks'})
    loading = config.train_dataloader.dataset.pipeline[0]
    assert loading.color_type == 'unchanged'
    assert config.model.backbone.in_channels == len(config.data_preprocessor.mean) == 4
    views = str(config.data_preprocessor.get('views'))
    assert 'Grayscale' not in views and ("'hue': 0.1" not in views)
    image, parameters = bytes_per_image(config)
    assert image == pytest.approx(KEPT[method], rel=0.1) and parameters > 16 * 20e6


def test_bytes_of_an_image_are_what_the_backward_pass_needs():
    """Input, hidden units and outputs once each, though two operations keep the hidden units."""

    @MODELS.register_module(force=True)
    class TwoLayers(torch.nn.Module):
        def __init__(self, backbone, data_preprocessor):
            super().__init__()
            self.backbone = torch.nn.Linear(3 * 8 * 8, 20)
            self.backbone.img_size = backbone.img_size
            self.head = torch.nn.Linear(20, 5)
            self.teacher = torch.nn.Linear(192, 20).requires_grad_(False)

        def loss(self, views, _):
            hidden = self.backbone(views[0].flatten(1)).relu()
            return {'loss': self.head(hidden).square().sum()}

    model = dict(type='TwoLayers', backbone=dict(img_size=(8, 8)))
    image, parameters = bytes_per_image(Config(dict(model=model, data_preprocessor={})))
    assert image == 4 * (3 * 8 * 8 + 20 + 5)
    first, second = 192 * 20 + 20, 20 * 5 + 5
    assert parameters == 16 * (first + second) + 4 * first


def test_memory_decides_the_batch():
    assert largest_batch(10_000, 1000, 0, half=False) == 8
    assert largest_batch(10_000, 1000, 0, half=True) == 16
    assert largest_batch(10_000, 1000, 9000, half=True) == 1


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(image_size=100), 'image_size=100 must be a multiple of 32, .*: 96'),
        (dict(bands=4, mean=[1.0]), r'mean=\[1.0\] has 1 numbers, but the images have bands=4'),
        (dict(epochs=1), 'epochs=1 must be at least 2'),
        (dict(teacher='moby.pth'), "teacher='moby.pth': ConMIM has no frozen teacher"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        pretraining(base('conmim/vit-s.py'), 'x', **changes)
