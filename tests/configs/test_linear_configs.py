"""Linear classification: MAE's, MoCo v3's and MoBY's recipes, and frozen encoders."""

import pytest
import step
import torch
from mmengine.hub import get_config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from zoo import Zoo

LINEAR = {
    # epochs, base rate for 256 images, classes, width, heads, feature
    'cmae/transfer/in1k-linear_vit-b.py': (90, 0.1, 1000, 768, 12, 'cls_token'),
    'ccmim/transfer/in1k-linear_vit-b.py': (90, 0.1, 1000, 768, 12, 'avg_featmap'),
    'ccmim/transfer/in1k-linear_vit-s.py': (90, 0.1, 1000, 384, 6, 'avg_featmap'),
    'masked_moco/transfer/in100-linear_vit-s.py': (100, 1.0, 100, 384, 12, 'cls_token'),
    'masked_byol/transfer/in100-linear_vit-s.py': (100, 1.0, 100, 384, 12, 'cls_token'),
}

MOBY = {
    # width
    'moby/transfer/in1k-linear_swin-t.py': 768,
    'moby/transfer/in1k-linear_swin-t_bn-trick.py': 768,
    'moby/transfer/in1k-linear_swin-b.py': 1024,
    'moby/transfer/in1k-linear_deit-s.py': 384,
}
MOCOV3 = {
    # mmpretrain's name, width, heads
    'mocov3/transfer/in1k-linear_vit-s.py': ('small', 384, 12),
    'mocov3/transfer/in1k-linear_vit-b.py': ('base', 768, 12),
}


def load(name):
    method, _, file = name.partition('/')
    return Zoo(method).config(file)


def test_every_linear_config_is_in_the_table():
    methods = {path.name for path in Zoo('').folder.iterdir() if path.is_dir()}
    found = {
        f'{method}/{name}'
        for method in methods - {'_base_', 'pocket', 'quickstart'}
        for name in Zoo(method).names
        if 'linear' in name
    }
    assert found == {*LINEAR, *MOBY, *MOCOV3}


def build(config):
    """The whole classifier at full size, without memory."""
    config.model.backbone.init_cfg = None
    with torch.device('meta'):
        return MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})


def trained(model):
    return {name for name, p in model.named_parameters() if p.requires_grad}


@pytest.mark.parametrize('name', LINEAR)
def test_settings(name):
    config = load(name)
    epochs, lr, classes, width, heads, feature = LINEAR[name]
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=256)
    assert config.optim_wrapper.optimizer == dict(
        type='LARS', lr=lr, weight_decay=0.0, momentum=0.9
    )
    warmup, cosine = config.param_scheduler
    assert (warmup.end, cosine.begin, cosine.eta_min) == (10, 10, 0.0)
    crop, _ = config.train_dataloader.dataset.pipeline
    assert crop.crop_ratio_range == (0.08, 1.0) and crop.interpolation == 'bicubic'
    assert crop.flip_prob == 0.5
    assert config.data_preprocessor.num_classes == config.model.head.num_classes == classes

    model = build(config)
    encoder = model.backbone
    assert (encoder.embed_dims, encoder.layers[0].attn.num_heads) == (width, heads)
    assert (encoder.out_type, encoder.final_norm) == (feature, feature == 'cls_token')
    assert model.neck.bn.weight is None and model.neck.bn.eps == 1e-6
    assert trained(model) == {'head.fc.weight', 'head.fc.bias'}
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    excluded = {
        id(p): group.get('lars_exclude', False)
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    assert excluded[id(model.head.fc.bias)] and not excluded[id(model.head.fc.weight)]


@pytest.mark.parametrize('name', MOBY)
def test_moby_settings(name):
    """What the released moby_linear.py sets, and what it leaves at the defaults."""
    config = load(name)
    assert config.train_cfg.max_epochs == 100
    assert config.train_dataloader.batch_size * 8 == 512
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=512)
    assert config.optim_wrapper.optimizer == dict(
        type='SGD', lr=1.0, momentum=0.9, nesterov=True, weight_decay=0.0
    )
    assert config.optim_wrapper.clip_grad == dict(max_norm=5.0)
    warmup, cosine = config.param_scheduler
    assert (warmup.end, cosine.begin) == (5, 0)
    assert config.model.head.loss == dict(
        type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'
    )
    assert 'train_cfg' not in config.model  # neither mixup nor cutmix
    check_bilinear(config)
    model = build(config)
    assert trained(model) == {'head.fc.weight', 'head.fc.bias'}
    assert model.head.fc.weight.shape == (1000, MOBY[name])
    model.train()
    drops = [m for m in model.modules() if type(m).__name__ == 'DropPath']
    assert max(m.drop_prob for m in drops) == pytest.approx(0.2)
    assert all(m.training for m in drops)
    assert ('BN' in config.model.backbone.get('mlp_norm', '')) == ('bn-trick' in name)


@pytest.mark.parametrize('name', MOCOV3)
def test_moco_v3_recipe_is_mmpretrains(name):
    config = load(name)
    theirs, width, heads = MOCOV3[name]
    original = get_config(
        f'mmpretrain::mocov3/benchmarks/vit-{theirs}-p16_8xb128-linear-coslr-90e_in1k.py'
    )
    assert config.train_cfg.max_epochs == original.train_cfg.max_epochs == 90
    assert config.optim_wrapper.optimizer == original.optim_wrapper.optimizer
    assert config.train_dataloader.batch_size == original.train_dataloader.batch_size == 128
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=8 * 128)
    (ours,), (cosine,) = config.param_scheduler, original.param_scheduler
    assert (ours.type, ours.begin, ours.by_epoch) == (cosine.type, cosine.begin, cosine.by_epoch)
    assert ours.eta_min == 0.0 and cosine.get('eta_min', 0) == 0
    assert config.model.head.init_cfg == original.model.head.init_cfg
    assert config.model.head.loss.type == original.model.head.loss.type
    for split in ('train', 'val', 'test'):
        pipelines = [c[f'{split}_dataloader'].dataset.pipeline for c in (config, original)]
        ours, theirs = ([named(t) for t in pipeline] for pipeline in pipelines)
        if split == 'train':  # theirs in three steps
            first, crop, flip, pack = theirs
            assert first == dict(type='LoadImageFromFile') and crop.pop('backend') == 'pillow'
            kind = 'LoadRandomResizedCrop'
            theirs = [{**crop, 'type': kind, 'flip_prob': flip['prob']}, pack]
        assert ours == theirs
    check_bilinear(config)
    model = build(config)
    assert trained(model) == {'head.fc.weight', 'head.fc.bias'} and model.neck is None
    encoder = model.backbone
    assert (encoder.embed_dims, encoder.layers[0].attn.num_heads) == (width, heads)
    assert encoder.out_type == 'cls_token' and encoder.final_norm
    model.train()
    assert not any(module.training for module in encoder.children())


def named(transform):
    """A transform without what is its default; our loader differs in its errors alone."""
    defaults = {'direction': 'horizontal'}
    kept = {k: v for k, v in transform.items() if k != '_scope_' and defaults.get(k) != v}
    return {**kept, 'type': transform['type'].removeprefix('mcl_plugins.')}


def check_bilinear(config):
    """torchvision's RandomResizedCrop and flip, and its Resize to 256 and central crop."""
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.get('crop_ratio_range', (0.08, 1.0))) == (224, (0.08, 1.0))
    assert crop.get('interpolation', 'bilinear') == 'bilinear' and crop.flip_prob == 0.5
    for split in ('val', 'test'):
        _, resize, centre, _ = config[f'{split}_dataloader'].dataset.pipeline
        assert (resize.scale, resize.edge, centre.crop_size) == (256, 'short', 224)
        assert resize.get('interpolation', 'bilinear') == 'bilinear'


@pytest.mark.parametrize(
    'name',
    [
        'masked_moco/transfer/in100-linear_vit-s.py',
        'mocov3/transfer/in1k-linear_vit-s.py',
        'moby/transfer/in1k-linear_swin-t.py',
        'moby/transfer/in1k-linear_swin-t_bn-trick.py',
        'moby/transfer/in1k-linear_deit-s.py',
    ],
)
def test_only_the_classifier_learns_and_the_encoder_stays(name):
    config = load(name)
    step.shrink(config)
    model = MODELS.build(config.model)
    model.init_weights()
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    batch = model.data_preprocessor(step.random_batch(None), training=True)
    loss, _ = model.parse_losses(model(**batch, mode='loss'))
    wrapper.update_params(loss)
    changed = {
        key for key, value in model.state_dict().items() if not torch.equal(value, before[key])
    }
    statistics = {'neck.bn.running_mean', 'neck.bn.running_var', 'neck.bn.num_batches_tracked'}
    statistics &= before.keys()
    assert changed == {'head.fc.weight', 'head.fc.bias'} | statistics
