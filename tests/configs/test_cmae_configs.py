"""CMAE's configs say what its paper and its released code say."""

import math

import pytest
import step
import torch
from mmengine.registry import MODELS
from zoo import ABSENT, Zoo

from mcl_plugins.checkpoint.files import save_file

ZOO = Zoo('cmae')
PRETRAINING = {
    # epochs, width
    'vit-b.py': (1600, 768),
    'vit-b_800e.py': (800, 768),
    'vit-b_300e.py': (300, 768),
    'vit-s.py': (1600, 384),
    'vit-s_800e.py': (800, 384),
    'vit-s_300e.py': (300, 384),
    'vit-l.py': (1600, 1024),
    'vit-l_800e.py': (800, 1024),
    'vit-l_300e.py': (300, 1024),
    'conv-vit-b.py': (1600, 768),
    'conv-vit-b_800e.py': (800, 768),
}


def test_every_pretraining_config_is_in_a_table():
    assert {*PRETRAINING, *ZOO.ablations} == set(ZOO.pretraining)


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining_settings(name):
    config = ZOO.config(name)
    epochs, width = PRETRAINING[name]
    model, wrapper = config.model, config.optim_wrapper
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size == 128
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=256)
    assert wrapper.optimizer == dict(
        type='AdamW', lr=1.5e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05
    )
    assert 'clip_grad' not in wrapper
    assert [s.get('end') for s in config.param_scheduler] == [40, None]
    assert config.param_scheduler[0].start_factor == 1e-4
    assert model.mask_generator == dict(type='mcl_plugins.RandomMask', mask_ratio=0.65, unit=2)
    assert model.momentum == dict(start=0.996, end=0.996)
    assert (model.contrast_head.temperature, model.contrast_head.loss_weight) == (0.07, 1.0)
    assert model.pixel_head.norm_pix
    assert config.data_preprocessor.views[0] == []
    resized, shift, _ = config.train_dataloader.dataset.pipeline
    assert (resized.scale, resized.crop_ratio_range) == (256, (0.2, 1.0))
    assert (shift.size, shift.max_shift) == (224, 31)

    with torch.device('meta'):
        built = MODELS.build({**model, 'data_preprocessor': config.data_preprocessor})
    assert built.backbone.embed_dims == width
    assert len(built.pixel_decoder.decoder_blocks) == 8
    assert len(built.feature_decoder.decoder_blocks) == 2
    assert built.pixel_decoder.decoder_pred.weight.shape == (768, 512)
    assert built.feature_decoder.decoder_pred.weight.shape == (width, 512)
    assert built.projector.fc0.weight.shape == (1536, width)
    assert built.predictor.fc0.weight.shape == (1536, 256)
    for mlp in (built.projector, built.predictor):
        assert mlp.fc1.weight.shape == (256, 1536) and mlp.fc1.bias is None
        assert type(mlp.bn0).__name__ == 'SyncBN' and mlp.bn0.eps == 1e-6
    mask = built.mask_generator(2, (14, 14), torch.device('cpu'))
    assert mask.len_keep == 68


def test_colours_of_the_target():
    jitter, gray, blur = ZOO.config('vit-b.py').data_preprocessor.views[1]
    strengths = ('brightness', 'contrast', 'saturation', 'hue', 'prob')
    assert [jitter[name] for name in strengths] == [0.4, 0.4, 0.4, 0.1, 0.8]
    assert gray.prob == 0.2
    assert (blur.prob, blur.sigma) == (0.5, (0.1, 2.0))


HEAD = 'model.contrast_head'
TARGET_MASK = 'model.target_mask_generator'
NO_FEATURE_DECODER = {
    'model.feature_decoder': None,
    **{
        f'model.feature_decoder.{key}': ABSENT
        for key in ZOO.config('vit-b.py').model.feature_decoder
    },
}
NO_COLOURS = {'data_preprocessor.views': [[], []]}
COLOURS = ZOO.config('vit-b.py').target_view


def weight(value):
    return {f'{HEAD}.loss_weight': value}


def target_mask(ratio):
    kind = 'mcl_plugins.RandomMask'
    return {f'{TARGET_MASK}.{k}': v for k, v in dict(type=kind, mask_ratio=ratio, unit=2).items()}


# Row by row what changes, beside the pipeline (below).
CHANGES = {
    'views-random-crops': NO_COLOURS,
    'random-crops_no-feature-decoder': NO_FEATURE_DECODER,
    'feature-decoder-0': NO_FEATURE_DECODER,
    'feature-decoder-2-shared': {'model.share_decoder_blocks': True},
    'feature-decoder-4': {'model.feature_decoder.decoder_depth': 4},
    'feature-decoder-4-shared': {
        'model.feature_decoder.decoder_depth': 4,
        'model.share_decoder_blocks': True,
    },
    'feature-decoder-8': {'model.feature_decoder.decoder_depth': 8},
    'shift-0': {},
    'shift-15': {},
    'shift-47': {},
    'shift-63': {},
    'views-same': NO_COLOURS,
    'views-pixel-shift': NO_COLOURS,
    'weight-0.1': weight(0.1),
    'weight-0.5': weight(0.5),
    'weight-1.5': weight(1.5),
    'weight-2.0': weight(2.0),
    'target-mask-25': target_mask(0.25),
    'target-mask-50': target_mask(0.5),
    'target-mask-65': target_mask(0.65),
    'target-mask-75': target_mask(0.75),
    'byol': {
        f'{HEAD}.type': 'mcl_plugins.CosineHead',
        **weight(2.0),
        f'{HEAD}.temperature': ABSENT,
    },
    'mask-patch-75': {'model.mask_generator.mask_ratio': 0.75, 'model.mask_generator.unit': 1},
}
MAE = 'ablations/mae.py'
# Side of the crop and largest shift; None for two crops of their own.
VIEWS = {
    'views-random-crops': None,
    'random-crops_no-feature-decoder': None,
    'shift-0': (224, 0),
    'shift-15': (240, 15),
    'shift-47': (272, 47),
    'shift-63': (288, 63),
    'views-same': (224, 0),
}


@pytest.mark.parametrize('name', [name for name in ZOO.ablations if name != MAE])
def test_ablation_changes_only_its_row(name):
    key = name.removeprefix('ablations/').removesuffix('.py')
    changes = ZOO.changes(name, 'vit-b_300e.py')
    pipeline = changes.pop('train_pipeline', None)
    assert changes.pop('train_dataloader.dataset.pipeline', None) == pipeline
    assert changes == CHANGES[key]
    assert (pipeline is None) == (key not in VIEWS)
    if pipeline is None:
        return
    if VIEWS[key] is None:
        crop, _ = pipeline
        assert crop['crop_ratio_range'] == [(0.2, 1.0)] * 2
    else:
        crop, shift, _ = pipeline
        assert (crop['scale'], shift['max_shift']) == VIEWS[key]
        assert crop['crop_ratio_range'] == (0.2, 1.0)
    assert crop['flip_prob'] == 0.5


def test_mae_differs_from_cmae_by_its_method_alone():
    mae, cmae = ZOO.config(MAE), ZOO.config('vit-b_300e.py')
    assert mae.model.type == 'MAE' and mae.model.backbone.mask_ratio == 0.75
    assert mae.model.head.norm_pix
    for key in ('param_scheduler', 'auto_scale_lr', 'train_cfg'):
        assert mae[key] == cmae[key]
    assert mae.optim_wrapper.optimizer == cmae.optim_wrapper.optimizer
    assert mae.train_dataloader.batch_size == 128
    assert mae.data_preprocessor.bgr_to_rgb


# Fine-tuning: section 4.2 and the released configs; ViT-S and ViT-L are ours

FINETUNING = {
    # epochs, rate at 1024, layer decay, drop path
    'vit-b_300e': (100, 2e-3, 0.65, 0.1),
    'vit-b': (100, 1e-3, 0.65, 0.1),
    'vit-s': (100, 1e-3, 0.75, 0.1),
    'vit-l': (50, 1e-3, 0.75, 0.2),
    'vit-s_300e': (100, 2e-3, 0.75, 0.1),
    'vit-l_300e': (50, 2e-3, 0.75, 0.2),
    'conv-vit-b': (100, 1e-3, 0.65, 0.1),
}


@pytest.mark.parametrize('name', ZOO.finetuning)
def test_finetuning_settings(name):
    config = ZOO.config(name)
    epochs, lr, decay, drop_path = FINETUNING[
        name.removeprefix('transfer/in1k-finetune_').removesuffix('.py')
    ]
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=1024)
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    assert config.model.backbone.drop_path_rate == drop_path
    assert config.model.backbone.out_type == 'avg_featmap'
    assert not config.model.backbone.final_norm
    warmup, cosine = config.param_scheduler
    assert (warmup.end, warmup.start_factor) == (5, 1e-4)
    assert cosine.eta_min_ratio * lr == pytest.approx(1e-6)


PARTIAL = [name for name in ZOO.names if 'partial' in name]


def test_partial_fine_tuning_has_maes_numbers_of_blocks():
    """0 is linear classification, 12 is fine-tuning."""
    blocks = sorted(float(name.split('-')[2].split('_')[0]) for name in PARTIAL)
    assert blocks == [0.5, 1, 2, 4, 6, 8, 10]


@pytest.mark.parametrize('name', PARTIAL)
def test_partial_fine_tuning_differs_by_what_it_freezes(name):
    (blocks,) = ZOO.changes(name, 'transfer/in1k-finetune_vit-b.py').values()
    assert f'in1k-partial-{blocks}_vit-b.py' in name
    with torch.device('meta'):
        model = MODELS.build(ZOO.config(name).model)
    trained = {key for key, p in model.named_parameters() if p.requires_grad}
    layers = {key.split('.')[2] for key in trained if key.startswith('backbone.layers.')}
    assert layers == {str(index) for index in range(12 - math.ceil(blocks), 12)}
    assert {'backbone.ln2.weight', 'head.fc.weight'} <= trained


@pytest.mark.parametrize(
    ('pretraining', 'finetuning'),
    [
        ('vit-b.py', 'transfer/in1k-finetune_vit-b.py'),
        ('conv-vit-b.py', 'transfer/in1k-finetune_conv-vit-b.py'),
    ],
)
def test_finetuning_starts_from_the_online_encoder(tmp_path, pretraining, finetuning):
    config = ZOO.config(pretraining)
    step.shrink(config)
    model = MODELS.build(config.model)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    save_file({'meta': {}, 'state_dict': model.state_dict()}, tmp_path / 'epoch.pth')

    config = ZOO.config(finetuning)
    init_cfg = {**config.model.backbone.init_cfg, 'checkpoint': str(tmp_path / 'epoch.pth')}
    step.shrink(config)
    config.model.backbone.init_cfg = init_cfg
    classifier = MODELS.build(config.model)
    classifier.init_weights()
    online = model.backbone.state_dict()
    for name, tensor in classifier.backbone.state_dict().items():
        assert name.startswith('ln2.') or torch.equal(tensor, online[name]), name
