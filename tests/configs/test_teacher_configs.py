"""MoBY's and MoCo v3's configs say what their released codes say (linear ones: see there)."""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DATA_SAMPLERS, MODELS, PARAM_SCHEDULERS
from zoo import Zoo, flat

MOBY, MOCOV3 = Zoo('moby'), Zoo('mocov3')
PRETRAINING = {
    # epochs, width
    'swin-t.py': (300, 768),
    'swin-t_100e.py': (100, 768),
    'swin-b.py': (300, 1024),
    'deit-s.py': (300, 384),
}
COLOURS = [
    dict(type='mcl_plugins.ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1,
         prob=0.8),
    dict(type='mcl_plugins.Grayscale', prob=0.2),
]  # fmt: skip
VIEWS = [
    [*COLOURS, dict(type='mcl_plugins.GaussianBlur', prob=1.0, sigma=(0.1, 2.0))],
    [
        *COLOURS,
        dict(type='mcl_plugins.GaussianBlur', prob=0.1, sigma=(0.1, 2.0)),
        dict(type='mcl_plugins.Solarize', prob=0.2),
    ],
]


def test_every_pretraining_config_is_in_a_table():
    assert {*PRETRAINING, *MOBY.ablations} == set(MOBY.pretraining)
    assert {'vit-s.py', 'vit-b.py'} == set(MOCOV3.pretraining)


def check_views(config):
    """Two crops of 8 % or more, bilinear, and BYOL's colours."""
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.crop_ratio_range) == (224, [(0.08, 1.0)] * 2)
    assert crop.flip_prob == 0.5
    assert crop.get('interpolation', 'bilinear') == 'bilinear'
    assert config.data_preprocessor.views == VIEWS
    assert config.train_dataloader.drop_last


@pytest.mark.parametrize('name', PRETRAINING)
def test_moby_settings(name):
    config = MOBY.config(name)
    epochs, width = PRETRAINING[name]
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size * 8 == 512
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=512)
    assert config.optim_wrapper.clip_grad == dict(max_norm=5.0)
    check_views(config)
    assert config.model.backbone.drop_path_rate == 0.2
    assert config.model.momentum == dict(start=0.99, end=1.0)
    with torch.device('meta'):
        built = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    assert [tuple(queue.keys.shape) for queue in built.queues] == [(256, 4096)] * 2
    assert built.contrast_head.temperature == 0.2
    assert built.projector.fc0.weight.shape == (4096, width)
    assert built.predictor.fc0.weight.shape == (4096, 256)
    for mlp in (built.projector, built.predictor):
        assert mlp.fc1.weight.shape == (256, 4096) and not hasattr(mlp, 'bn1')
        assert mlp.fc0.bias is not None and mlp.fc1.bias is not None


def test_the_bn_trick_is_the_only_change_of_its_config():
    assert MOBY.changes('ablations/bn-trick_100e.py', 'swin-t_100e.py') == {
        'model.backbone.mlp_norm': 'BN'
    }


def test_moby_follows_timms_schedule():
    """Linear up to epoch 5, then a cosine that counts from the first step, not from there."""
    config, steps = MOBY.config('swin-t_100e.py'), 20
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = OptimWrapper(torch.optim.SGD([parameter], lr=1e-3))
    schedulers = [
        PARAM_SCHEDULERS.build(
            {'end': 100, **schedule}, default_args=dict(optimizer=optimizer, epoch_length=steps)
        )
        for schedule in config.param_scheduler
    ]
    for step in range(100 * steps):
        (rate,) = optimizer.get_lr()['lr']
        released = 5e-6 + (1e-3 - 5e-6) * (1 + math.cos(math.pi * step / (100 * steps))) / 2
        if step < 5 * steps:  # MMEngine is at the peak in the last step of the warm-up
            released = 5e-7 + (1e-3 - 5e-7) * step / (5 * steps)
        assert rate == pytest.approx(released, rel=0.02, abs=5e-9)
        if step >= 5 * steps:
            assert rate == pytest.approx(released, rel=1e-4)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def unscoped(config):
    """Without MMEngine's note of the library that a config was inherited from."""
    return {key: value for key, value in config.items() if key != '_scope_'}


@pytest.mark.parametrize(('name', 'theirs'), [('vit-s', 'small'), ('vit-b', 'base')])
def test_moco_v3_is_mmpretrains(name, theirs):
    config = MOCOV3.config(f'{name}.py')
    original = get_config(
        f'mmpretrain::mocov3/mocov3_vit-{theirs}-p16_16xb256-amp-coslr-300e_in1k.py'
    )
    before, after = (flat(unscoped(c.model.to_dict())) for c in (original, config))
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    norms = {'neck.norm_cfg.type', 'head.predictor.norm_cfg.type'}
    assert changed == {'type', 'backbone.type', 'head.type', *norms}
    assert config.model.type == 'mcl_plugins.MoCoV3'  # theirs, whose target moves with the steps
    assert config.model.backbone.type == 'mcl_plugins.MoCoV3ViT'  # theirs, with recomputation
    assert config.model.head.type == 'mcl_plugins.MoCoV3Head'  # theirs, in float32
    assert config.train_cfg.max_epochs == original.train_cfg.max_epochs == 300
    assert [unscoped(s) for s in config.param_scheduler] == list(original.param_scheduler)
    assert config.train_dataloader.batch_size * 16 == 4096
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=4096)
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=2.4e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1
    )
    check_views(config)


def test_moco_v3_runs_as_the_other_methods_do():
    """It inherits mmpretrain's runtime, and should not differ from ours."""
    ours, theirs = MOBY.config('swin-t.py'), MOCOV3.config('vit-s.py')
    for key in ('runner_type', 'env_cfg', 'log_processor', 'randomness', 'default_scope'):
        for name, value in flat(Config(dict(a=ours[key])).to_dict()).items():
            assert flat(Config(dict(a=theirs[key])).to_dict())[name] == value, name
    for hook in ('checkpoint', 'finite_loss', 'logger', 'schedule'):
        assert unscoped(theirs.default_hooks[hook]) == ours.default_hooks[hook]
    assert theirs.visualizer.vis_backends == ours.visualizer.vis_backends


def test_moco_v3_decays_everything_and_freezes_the_patch_embedding():
    config = MOCOV3.config('vit-s.py')
    with torch.device('meta'):
        model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    assert {group['weight_decay'] for group in optimizer.param_groups} == {0.1}
    assert not model.backbone.patch_embed.projection.weight.requires_grad


@pytest.mark.parametrize(('arch', 'epochs', 'width'), [('s', 300, 384), ('b', 150, 768)])
def test_moco_v3_is_fine_tuned_as_deit(arch, epochs, width):
    """mmpretrain's config of ViT-B, without what DeiT's defaults do not have."""
    config = MOCOV3.config(f'transfer/in1k-finetune_vit-{arch}.py')
    theirs = get_config('mmpretrain::mocov3/benchmarks/vit-base-p16_8xb64-coslr-150e_in1k.py')
    assert config.train_cfg.max_epochs == epochs and theirs.train_cfg.max_epochs == 150
    assert config.optim_wrapper.optimizer == theirs.optim_wrapper.optimizer
    assert config.train_dataloader.batch_size == theirs.train_dataloader.batch_size == 64
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=8 * 64)
    assert 'clip_grad' not in config.optim_wrapper
    assert [s.get('end') for s in config.param_scheduler] == [5, None]
    load, *steps = (t.type for t in config.train_dataloader.dataset.pipeline)
    assert load == 'mcl_plugins.LoadRandomResizedCrop'  # their first two
    original = [t.type for t in theirs.train_dataloader.dataset.pipeline]
    assert ['LoadImageFromFile', 'RandomResizedCrop', *steps] == original
    augments = [[(a.type, a.alpha) for a in c.model.train_cfg.augments] for c in (config, theirs)]
    assert augments[0] == augments[1]
    assert config.model.head.loss == theirs.model.head.loss
    assert config.model.head.init_cfg.std == theirs.model.head.init_cfg[0].std
    backbone = config.model.backbone
    assert backbone.drop_path_rate == theirs.model.backbone.drop_path_rate == 0.1
    assert backbone.out_type == 'cls_token' and backbone.final_norm
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert model.head.fc.weight.shape == (1000, width)
    assert model.backbone.layers[0].attn.num_heads == 12
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    assert {group['lr'] for group in wrapper.optimizer.param_groups} == {5e-4}  # no layer decay


def test_each_image_comes_three_times():
    sampler = MOCOV3.config('transfer/in1k-finetune_vit-s.py').train_dataloader.sampler
    images = list(DATA_SAMPLERS.build({**sampler, 'dataset': range(3 * 256), 'seed': 0}))
    assert len(images) == 3 * 256 and all(images.count(image) == 3 for image in set(images))
