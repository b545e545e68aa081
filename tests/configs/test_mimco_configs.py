"""MimCo's configs say what its paper says, and what MoBY and SimMIM say where it is silent."""

import math

import pytest
import torch
from mmengine.registry import MODELS
from zoo import ABSENT, Zoo

ZOO = Zoo('mimco')
PRETRAINING = {
    # epochs, width, drop path, teacher, its config and its heads in the first block
    'swin-t.py': (100, 768, 0.0, 'moby/swin-t', 3),
    'swin-t_300e.py': (300, 768, 0.0, 'moby/swin-t', 3),
    'swin-b.py': (100, 1024, 0.0, 'moby/swin-b', 4),
    'swin-b_300e.py': (300, 1024, 0.0, 'moby/swin-b', 4),
    'vit-s.py': (100, 384, 0.0, 'mocov3/vit-s', 12),
    'vit-s_300e.py': (300, 384, 0.0, 'mocov3/vit-s', 12),
    'vit-b.py': (100, 768, 0.1, 'mocov3/vit-b', 12),
    'vit-b_300e.py': (300, 768, 0.1, 'mocov3/vit-b', 12),
}
TEACHERS = {'moby': Zoo('moby'), 'mocov3': Zoo('mocov3')}
FINETUNING = [name for name in ZOO.ablations if '/finetune_' in name]


def test_every_pretraining_config_is_in_a_table():
    assert {*PRETRAINING, *ZOO.ablations} == set(ZOO.pretraining)


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining_settings(name):
    config = ZOO.config(name)
    epochs, width, drop_path, _, _ = PRETRAINING[name]
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size * 32 == 2048
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=512)
    assert config.optim_wrapper.clip_grad == dict(max_norm=5.0)
    assert [s.get('end') for s in config.param_scheduler] == [10, None]
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.crop_ratio_range) == (224, (0.67, 1.0))
    assert crop.get('interpolation', 'bilinear') == 'bilinear' and crop.flip_prob == 0.5
    assert 'views' not in config.data_preprocessor  # one view, no colours
    model = config.model
    assert model.momentum == dict(start=0.99, end=1.0)
    assert model.backbone.get('drop_path_rate', 0.0) == drop_path

    with torch.device('meta'):
        built = MODELS.build({**model, 'data_preprocessor': config.data_preprocessor})
    for contrast in (built.patch_contrast, built.image_contrast):
        assert contrast.queue.keys.shape == (256, 4096) and contrast.head.temperature == 0.2
        assert contrast.projector.fc0.weight.shape == (4096, width)
        assert contrast.predictor.fc0.weight.shape == (4096, 256)
        for mlp in (contrast.projector, contrast.predictor):
            assert mlp.fc1.weight.shape == (256, 4096)
            assert mlp.fc0.bias is not None and mlp.fc1.bias is not None
            assert not hasattr(mlp, 'bn1')
            assert type(mlp.bn0).__module__ == 'mcl_plugins.layers.sync_norm'
    assert built.patch_contrast is not built.image_contrast
    mask = built.draw_mask(torch.zeros(2, 3, 224, 224))
    assert mask.mask.sum(dim=1).tolist() == [30 * mask.mask.shape[1] // 49] * 2


@pytest.mark.parametrize('name', PRETRAINING)
def test_the_teacher_is_what_its_config_trains(name):
    """Its default file is where the teacher's config writes it, and it has the same parts."""
    config = ZOO.config(name)
    *_, teacher, heads = PRETRAINING[name]
    method, _, arch = teacher.partition('/')
    trained = TEACHERS[method].config(f'{arch}.py')
    settings = config.model.teacher.backbone
    epochs = trained.train_cfg.max_epochs
    assert epochs == 300
    assert settings.init_cfg.checkpoint == f'work_dirs/{teacher}/epoch_{epochs}.pth'
    assert f'configs/{teacher}.py' in config.model.teacher.how_to_get
    with torch.device('meta'):
        source = MODELS.build(trained.model.backbone)
        encoder = MODELS.build({**settings, 'init_cfg': None})
    assert {k: v.shape for k, v in source.state_dict().items()} == {
        k: v.shape for k, v in encoder.state_dict().items()
    }
    blocks = encoder.layers if method == 'mocov3' else encoder.stages[0].blocks
    attention = blocks[0].attn
    assert getattr(attention, 'w_msa', attention).num_heads == heads


CHANGES = {
    'mask-ratio-50': {'model.mask_generator.mask_ratio': 0.5},
    'mask-ratio-70': {'model.mask_generator.mask_ratio': 0.7},
    'patch-only': {'model.image_contrast': None},
    'image-only': {'model.patch_contrast': None},
    'no-mask': {'model.mask_generator': None},
    'patch-l1': {
        'model.image_contrast': None,
        'model.patch_contrast.head.type': 'mcl_plugins.L1Head',
        'model.patch_contrast.head.temperature': ABSENT,
        'model.patch_contrast.queue': None,
    },
}
GONE = {  # what the removal of a whole part takes away
    'patch-only': 'model.image_contrast.',
    'image-only': 'model.patch_contrast.',
    'no-mask': 'model.mask_generator.',
    'patch-l1': ('model.image_contrast.', 'model.patch_contrast.queue.'),
}


@pytest.mark.parametrize('key', CHANGES)
def test_ablation_changes_only_its_row(key):
    changes = ZOO.changes(f'ablations/{key}.py', 'swin-t.py')
    kept = {
        name: value
        for name, value in changes.items()
        if not (value == ABSENT and name.startswith(GONE.get(key, '-')))
    }
    assert kept == CHANGES[key]


@pytest.mark.parametrize('epochs', [100, 300])
def test_the_multi_task_baseline_is_moby_and_simmim(epochs):
    config = ZOO.config(f'ablations/multi-task_{epochs}e.py')
    moby = TEACHERS['moby'].config('swin-t.py')
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size * 32 == 2048
    for part in ('projector', 'predictor', 'contrast_head', 'queue', 'momentum'):
        assert config.model[part] == moby.model[part]
    assert config.model.mask_generator == ZOO.config('swin-t.py').model.mask_generator
    assert config.data_preprocessor.views == [[], *moby.data_preprocessor.views]
    crop, _ = config.train_dataloader.dataset.pipeline
    assert crop.crop_ratio_range == [(0.67, 1.0), (0.08, 1.0), (0.08, 1.0)]


# Fine-tuning: iBOT's recipe (paper section 4.1, Table 6)


@pytest.mark.parametrize(
    ('arch', 'epochs', 'decay', 'drop_path'),
    [
        ('swin-t', 100, 0.75, 0.1),
        ('swin-b', 100, 0.8, 0.2),
        ('vit-s', 300, 0.75, 0.1),
        ('vit-b', 100, 0.65, 0.1),
    ],
)
def test_finetuning_settings(arch, epochs, decay, drop_path):
    config = ZOO.config(f'transfer/in1k-finetune_{arch}.py')
    assert config.train_cfg.max_epochs == epochs
    assert config.optim_wrapper.optimizer.lr == 4e-3
    assert config.auto_scale_lr.base_batch_size == 1024
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    assert config.model.backbone.drop_path_rate == drop_path
    assert config.param_scheduler[0].end == 20
    if arch.startswith('vit'):
        assert config.model.backbone.out_type == 'cls_token' and config.model.backbone.final_norm
    else:
        assert config.model.neck.type == 'GlobalAveragePooling'


@pytest.mark.parametrize('name', FINETUNING)
def test_fine_tuning_ablation_is_what_its_name_says(name):
    arch, drop_path, decay = name.removesuffix('.py').split('/finetune_')[1].split('_')
    changes = ZOO.changes(name, f'transfer/in1k-finetune_{arch}.py')
    expected = {
        'model.backbone.drop_path_rate': float(drop_path.removeprefix('dpr-')),
        'optim_wrapper.paramwise_cfg.layer_decay_rate': float(decay.removeprefix('ld-')),
    }
    assert changes and changes.items() <= expected.items()
    config = ZOO.config(name)
    assert math.isclose(
        config.model.backbone.drop_path_rate, expected['model.backbone.drop_path_rate']
    )
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == list(expected.values())[1]


def test_table_6_is_complete():
    assert len(FINETUNING) == 3 + 4 + 3 + 3  # and the four configs themselves
