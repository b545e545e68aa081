"""Masked MoCo's and Masked BYOL's configs say what the paper says (and what is left open)."""

from itertools import pairwise

import numpy as np
import pytest
import step
import torch
from mmengine.registry import DATASETS, MODELS
from PIL import Image
from zoo import ABSENT, Zoo

from mcl_plugins.checkpoint.files import save_file

ZOOS = {'masked_moco': Zoo('masked_moco'), 'masked_byol': Zoo('masked_byol')}
PRETRAINING = {
    # epochs, warm-up, width, processes for the paper's batch, heads
    'vit-b.py': (800, 40, 768, 32, 'LN + CA'),
    'vit-b_300e.py': (300, 20, 768, 32, 'LN + CA'),
    'vit-b_200e.py': (200, 20, 768, 32, 'LN + CA'),
    'vit-b_100e.py': (100, 20, 768, 32, 'LN + CA'),
    'vit-b_60e.py': (60, 20, 768, 32, 'LN + CA'),
    'vit-s.py': (800, 40, 384, 32, 'LN + CA'),
    'vit-s_300e.py': (300, 20, 384, 32, 'LN + CA'),
    'vit-s_200e.py': (200, 20, 384, 32, 'LN + CA'),
    'vit-s_100e.py': (100, 20, 384, 32, 'LN + CA'),
    'vit-s_in100_200e.py': (200, 20, 384, 8, 'BN'),
    'vit-s_in100_800e.py': (800, 40, 384, 8, 'LN + CA'),
}
BOTH = [
    (method, name)
    for method, zoo in ZOOS.items()
    for name in PRETRAINING
    if (zoo.folder / name).is_file()
]
ABLATIONS = [(method, name) for method, zoo in ZOOS.items() for name in zoo.ablations]
JITTER = dict(
    type='mcl_plugins.ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1, prob=0.8
)
GRAY = dict(type='mcl_plugins.Grayscale', prob=0.2)


@pytest.mark.parametrize('method', ZOOS)
def test_every_pretraining_config_is_in_a_table(method):
    zoo = ZOOS[method]
    found = {name for folder, name in BOTH if folder == method}
    assert {*found, *zoo.ablations} == set(zoo.pretraining)
    assert set(PRETRAINING) - found == (set() if method == 'masked_moco' else {'vit-b_60e.py'})


@pytest.mark.parametrize(('method', 'name'), BOTH)
def test_pretraining_settings(method, name):
    config = ZOOS[method].config(name)
    epochs, warmup, width, processes, heads = PRETRAINING[name]
    small = 'in100' in name
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size * processes == (1024 if small else 4096)
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=256)
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=1.5e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1
    )
    assert [s.get('end') for s in config.param_scheduler] == [warmup, None]
    assert config.param_scheduler[1].begin == warmup
    kind = 'mcl_plugins.ImageNet100' if small else 'mcl_plugins.ImageNet'
    assert config.train_dataloader.dataset.type == kind
    assert [hook.type for hook in config.custom_hooks] == ['mcl_plugins.ConcentrationHook']

    with torch.device('meta'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    assert (model.partition.num_chunks, model.target_partition.num_chunks) == (8, 1)
    assert config.model.momentum == dict(start=0.99, end=1.0)
    assert model.backbone.embed_dims == width
    assert [layer.attn.num_heads for layer in model.backbone.layers] == [12] * 12
    assert model.backbone.patch_embed.projection.weight.requires_grad
    check_heads(model, width, heads, byol=method == 'masked_byol')


def check_heads(model, width, heads, byol):
    """MoCo v3's widths; no bias, no affine at the end, nothing after BYOL's predictor."""
    if byol:
        assert model.contrast_head.loss_weight == 2.0
        assert not hasattr(model.predictor, 'bn1')
    else:
        assert model.contrast_head.temperature == 0.2 and model.contrast_head.loss_weight == 1.0
    projector, predictor = model.projector, model.predictor
    layers = [projector.fc0, projector.fc1, projector.fc2, predictor.fc0, predictor.fc1]
    shapes = [(4096, width), (4096, 4096), (256, 4096), (4096, 256), (256, 4096)]
    assert [tuple(layer.weight.shape) for layer in layers] == shapes
    assert all(layer.bias is None for layer in layers)
    norms = [projector.bn0, projector.bn1, projector.bn2, predictor.bn0]
    norms += [] if byol else [predictor.bn1]
    affine = [True, True, False, True, False]
    assert [norm.weight is not None for norm in norms] == affine[: len(norms)]
    kind, eps = ('SyncBN', 1e-5) if heads == 'BN' else ('LayerNorm', 1e-6)
    assert {(type(norm).__name__, norm.eps) for norm in norms} == {(kind, eps)}
    blocks = getattr(model.class_attention, 'blocks', [])
    assert len(blocks) == (2 if heads == 'LN + CA' else 0)
    for block in blocks:
        assert block.attn.num_heads == 12 and block.attn.q.weight.shape == (width, width)


# Augmentation: section 4.1, details as in ExtreMA's and MoCo v3's released codes


def check_light(config):
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.crop_ratio_range, crop.flip_prob) == (224, (0.2, 1.0), 0.5)
    assert crop.get('interpolation', 'bilinear') == 'bilinear'
    assert config.data_preprocessor.views == [[JITTER, GRAY]] * 2


def check_medium(config):
    crop, shift, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.crop_ratio_range, crop.flip_prob) == (256, (0.2, 1.0), 0.5)
    assert (shift.size, shift.max_shift, shift.diagonal) == (224, 32, True)
    assert config.data_preprocessor.views == [[JITTER, GRAY]] * 2


def check_strong(config):
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.flip_prob) == (224, 0.5)
    assert crop.crop_ratio_range == [(0.08, 1.0)] * 2
    first, second = config.data_preprocessor.views
    blur = dict(type='mcl_plugins.GaussianBlur', sigma=(0.1, 2.0))
    assert first == [JITTER, GRAY, dict(**blur, prob=1.0)]
    solarize = dict(type='mcl_plugins.Solarize', prob=0.2)
    assert second == [JITTER, GRAY, dict(**blur, prob=0.1), solarize]


@pytest.mark.parametrize(('method', 'name'), [*BOTH, *ABLATIONS])
def test_augmentation(method, name):
    config = ZOOS[method].config(name)
    if 'medium' in name:
        check_medium(config)
    elif 'strong' in name or 'ImageNet100' in config.train_dataloader.dataset.type:
        check_strong(config)
    else:
        check_light(config)


@pytest.mark.parametrize('kind', ['light', 'medium', 'strong'])
def test_views_share_what_they_should(tmp_path, kind):
    """Colours off: light views are equal, medium ones overlap, strong ones are different crops."""
    Image.fromarray(
        np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    ).save(tmp_path / 'image.png')  # fmt: skip
    name = 'vit-s_100e.py' if kind == 'light' else f'ablations/{kind}_vit-s_100e.py'
    config = ZOOS['masked_moco'].config(name)
    dataset = DATASETS.build({**config.train_dataloader.dataset, 'lazy_init': True})
    inputs = dataset.pipeline({'img_path': str(tmp_path / 'image.png'), 'gt_label': 0})['inputs']
    preprocessor = MODELS.build({**config.data_preprocessor, 'views': [[], []]})
    batch = [view[None] for view in inputs] if isinstance(inputs, list) else inputs[None]
    first, second = preprocessor({'inputs': batch}, training=True)['inputs']
    assert first.shape == second.shape == (1, 3, 224, 224)
    if kind == 'light':
        assert isinstance(inputs, torch.Tensor) and torch.equal(first, second)
        return
    side = 224
    overlaps = [
        torch.equal(first[..., d:, d:], second[..., : side - d, : side - d]) for d in range(33)
    ]
    assert any(overlaps) == (kind == 'medium')


# Ablations

OFF = {'custom_hooks': []}
NO_CLASS_ATTENTION = {
    'model.class_attention': None,
    'model.class_attention.type': ABSENT,
    'model.class_attention.embed_dims': ABSENT,
    'model.class_attention.num_heads': ABSENT,
}
GRID = {(n, m): f'chunks-{n}_target-{m}' for n in (1, 2, 4, 8) for m in (2, 4, 8)}
TABLE_1 = {n: f'chunks-{n}' for n in (1, 2, 4, 6, 10)}


def chunks(n, m=1):
    changed = {'model.num_chunks': n} if n != 8 else {}
    changed.update({'model.target_chunks': m} if m != 1 else {})
    return {**changed, **OFF} if n == 1 else changed


# Row by row: where it starts from, and what it changes there.
CHANGES = {
    **{name: ('vit-s_in100_200e.py', chunks(n)) for n, name in TABLE_1.items()},
    **{name: ('vit-s_in100_200e.py', chunks(*nm)) for nm, name in GRID.items()},
    'chunks-1_frozen-patch-embed': (
        'vit-s_in100_200e.py',
        {**chunks(1), 'model.backbone.frozen_patch_embed': True},
    ),
    'chunks-1_800e': ('vit-s_in100_800e.py', chunks(1)),
    'heads-bn_800e': (
        'ablations/heads-ln_800e.py',
        {
            f'model.{neck}.norm_cfg.{key}': value
            for neck in ('projector', 'predictor')
            for key, value in (('type', 'mcl_plugins.SyncBN'), ('eps', ABSENT))
        },
    ),
    'heads-ln_800e': ('vit-s_in100_800e.py', NO_CLASS_ATTENTION),
    'vit-b_300e_no-class-attention': ('vit-b_300e.py', NO_CLASS_ATTENTION),
}
# Rows whose values have a test of their own: what they change.
PIPELINE = {'train_pipeline', 'train_dataloader.dataset.pipeline'}
VIEWS = {'two_crops', 'first_view', 'second_view', 'data_preprocessor.views'}
KEYS = {
    'medium_vit-s_100e': ('vit-s_100e.py', PIPELINE | {'diagonal_windows'}),
    'medium_vit-b_60e': ('vit-b_60e.py', PIPELINE | {'diagonal_windows'}),
    'strong_vit-s_100e': ('vit-s_100e.py', PIPELINE | VIEWS),
    'strong_vit-b_60e': ('vit-b_60e.py', PIPELINE | VIEWS),
    'vit-b_300e_extrema-heads': (
        'vit-b_300e.py',
        {
            f'model.{neck}.{key}'
            for neck in ('projector', 'predictor')
            for key in ('type', 'with_last_bn_affine', 'with_avg_pool', 'norm_cfg.type',
                        'norm_cfg.eps')
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(('method', 'name'), ABLATIONS)
def test_ablation_changes_only_its_row(method, name):
    key = name.removeprefix('ablations/').removesuffix('.py')
    if key in CHANGES:
        base, changes = CHANGES[key]
        assert ZOOS[method].changes(name, base) == changes
    else:
        base, keys = KEYS[key]
        assert set(ZOOS[method].changes(name, base)) == keys


def test_extremas_heads():
    config = ZOOS['masked_moco'].config('ablations/vit-b_300e_extrema-heads.py')
    with torch.device('meta'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    for neck, inputs, layers in ((model.projector, 768, 3), (model.predictor, 256, 2)):
        weights = [p for p in neck.parameters() if p.ndim == 2]
        widths = [inputs, *[4096] * (layers - 1), 256]
        assert [tuple(weight.shape)[::-1] for weight in weights] == list(pairwise(widths))


def test_both_methods_have_the_same_rows():
    moco, byol = ({name for m, name in ABLATIONS if m == method} for method in ZOOS)
    shared = {*GRID.values(), *TABLE_1.values(), 'chunks-1_800e', 'chunks-1_frozen-patch-embed'}
    assert byol == {f'ablations/{name}.py' for name in shared} and byol < moco


# Fine-tuning: section 4.2

FINETUNING = {
    'in1k-finetune_vit-b.py': (100, 1000, 'mcl_plugins.ImageNet'),
    'in1k-finetune_vit-b_60e.py': (60, 1000, 'mcl_plugins.ImageNet'),
    'in1k-finetune_vit-s.py': (100, 1000, 'mcl_plugins.ImageNet'),
    'in100-finetune_vit-s.py': (100, 100, 'mcl_plugins.ImageNet100'),
}
TRANSFER = [
    (method, name) for method, zoo in ZOOS.items() for name in zoo.names if 'finetune' in name
]


@pytest.mark.parametrize(('method', 'name'), TRANSFER)
def test_finetuning_settings(method, name):
    config = ZOOS[method].config(name)
    epochs, classes, dataset = FINETUNING[name.removeprefix('transfer/')]
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=1024)
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == 0.65
    assert config.param_scheduler[0].end == 5
    with torch.device('meta'):
        encoder = MODELS.build({**config.model.backbone, 'init_cfg': None})
    width = 384 if 'vit-s' in name else 768
    assert (encoder.embed_dims, encoder.layers[0].attn.num_heads) == (width, 12)
    assert config.model.backbone.drop_path_rate == 0.1
    assert config.model.backbone.out_type == 'avg_featmap'
    assert config.model.head.num_classes == config.data_preprocessor.num_classes == classes
    for split in ('train', 'val', 'test'):
        assert config[f'{split}_dataloader'].dataset.type == dataset
    assert config.train_dataloader.dataset.pipeline != config.val_dataloader.dataset.pipeline


@pytest.mark.parametrize('method', ZOOS)
def test_finetuning_starts_from_the_online_encoder(tmp_path, method):
    config = ZOOS[method].config('vit-s_in100_800e.py')
    step.shrink(config)
    model = MODELS.build(config.model)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    save_file({'meta': {}, 'state_dict': model.state_dict()}, tmp_path / 'epoch.pth')

    config = ZOOS[method].config('transfer/in100-finetune_vit-s.py')
    init_cfg = {**config.model.backbone.init_cfg, 'checkpoint': str(tmp_path / 'epoch.pth')}
    step.shrink(config)
    config.model.backbone.init_cfg = init_cfg
    classifier = MODELS.build(config.model)
    classifier.init_weights()
    online = model.backbone.state_dict()
    for name, tensor in classifier.backbone.state_dict().items():
        assert name.startswith('ln2.') or torch.equal(tensor, online[name]), name
