"""ConMIM's configs say what its paper says."""

import pytest
import step
import torch
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint
from zoo import ABSENT, Zoo

from mcl_plugins.checkpoint.files import save_file

WIDTH = {'s': 384, 'b': 768, 'l': 1024}
ZOO = Zoo('conmim')
PRETRAINING, ABLATIONS, FINETUNING = ZOO.pretraining, ZOO.ablations, ZOO.finetuning
config_of = ZOO.config


# Pre-training: section 4 and Tables 7 and 10 of the paper, the README for ViT-L

SETTINGS = {
    # epochs, images a process, rate, clip, drop path, layer scale, mask unit, hidden of 196
    'vit-s.py': (300, 128, 5e-4, 3.0, 0.1, 0.1, 1, 147),
    'vit-b.py': (800, 128, 5e-4, 3.0, 0.0, 0.1, 2, 148),
    'vit-b_300e.py': (300, 128, 5e-4, 3.0, 0.0, 0.1, 2, 148),
    'vit-l.py': (1600, 64, 7.5e-4, 1.0, 0.0, 1e-5, 2, 148),
    'vit-l_800e.py': (800, 64, 7.5e-4, 1.0, 0.0, 1e-5, 2, 148),
    'vit-l_400e.py': (400, 64, 7.5e-4, 1.0, 0.0, 1e-5, 2, 148),
}
HIDDEN = {
    'ablations/mask-random-60.py': 120,
    'ablations/mask-random-90.py': 180,
    'ablations/mask-block-40.py': 79,
    'ablations/mask-block-60.py': 118,
    'ablations/mask-block-75.py': 147,
    'ablations/mask-block-90.py': 177,
}


def test_every_pretraining_config_is_in_a_table():
    assert {*SETTINGS, *ABLATIONS} == set(PRETRAINING)


@pytest.mark.parametrize('name', SETTINGS)
def test_pretraining_settings(name):
    config = config_of(name)
    epochs, images, lr, clip, drop_path, layer_scale, unit, _ = SETTINGS[name]
    wrapper, model = config.optim_wrapper, config.model
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size == images
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=2048)
    assert wrapper.optimizer == dict(
        type='AdamW', lr=lr, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.05
    )
    assert wrapper.clip_grad == dict(max_norm=clip)
    assert [s.get('end') for s in config.param_scheduler] == [10, None]
    assert model.backbone.get('drop_path_rate', 0.0) == drop_path
    assert model.mask_generator == dict(type='mcl_plugins.RandomMask', mask_ratio=0.75, unit=unit)
    assert model.head == dict(type='mcl_plugins.PatchContrastHead', temperature=0.1)
    assert model.momentum == dict(start=0.996, end=1.0)
    assert config.data_preprocessor.mean == [123.675, 116.28, 103.53]
    with torch.device('meta'):
        encoder = MODELS.build(model.backbone)
    assert encoder.patch_resolution == (14, 14)
    assert encoder.arch_settings['embed_dims'] == WIDTH[name[4]]
    model.backbone.arch = step.TINY
    tiny = MODELS.build(model.backbone)
    assert tiny.layers[0].gamma_1.unique().item() == pytest.approx(layer_scale)


@pytest.mark.parametrize('name', [n for n in PRETRAINING if config_of(n).model.mask_generator])
def test_hidden_patches(name):
    expected = HIDDEN.get(name, SETTINGS.get(name, SETTINGS['vit-b_300e.py'])[-1])
    generator = MODELS.build(config_of(name).model.mask_generator)
    mask = generator(3, (14, 14), torch.device('cpu'))
    assert mask.mask.sum(dim=1).tolist() == [expected] * 3


# Ablations: their table's row, and nothing else

STRONG = config_of('vit-b.py').strong_view


def block_mask(ratio):
    return {
        'model.mask_generator.type': 'mcl_plugins.BlockMask',
        'model.mask_generator.mask_ratio': ratio,
        'model.mask_generator.unit': ABSENT,
    }


NO_MASK = {
    'model.mask_generator': None,
    **{f'model.mask_generator.{key}': ABSENT for key in ('type', 'mask_ratio', 'unit')},
}
CHANGES = {
    'instance-contrast': {**NO_MASK, 'model.head.type': 'mcl_plugins.InstanceContrastHead'},
    'patch-contrast-unmasked': NO_MASK,
    'negatives-batch': {'model.head.negatives': 'batch'},
    'negatives-filtered': {'model.head.max_negative_similarity': 0.9},
    'views-strong-strong': {'data_preprocessor.views': [STRONG, STRONG], 'strong': STRONG},
    'views-basic-basic': {'data_preprocessor.views': [[], []]},
    'views-swapped': {'data_preprocessor.views': [STRONG, []]},
    'no-ema': {'model.momentum.start': 0.0, 'model.momentum.end': 0.0},
    'mask-block-40': block_mask(0.40),
    'mask-block-60': block_mask(0.60),
    'mask-block-75': {k: v for k, v in block_mask(0.75).items() if not k.endswith('ratio')},
    'mask-block-90': block_mask(0.90),
    'mask-random-60': {'model.mask_generator.mask_ratio': 0.60},
    'mask-random-90': {'model.mask_generator.mask_ratio': 0.90},
    'temperature-0.05': {'model.head.temperature': 0.05},
    'temperature-0.07': {'model.head.temperature': 0.07},
    'temperature-0.15': {'model.head.temperature': 0.15},
    'temperature-0.2': {'model.head.temperature': 0.2},
    'momentum-0.99': {'model.momentum.start': 0.99},
    'momentum-0.999': {'model.momentum.start': 0.999},
}


@pytest.mark.parametrize('name', ABLATIONS)
def test_ablation_changes_only_its_row(name):
    key = name.removeprefix('ablations/').removesuffix('.py')
    assert ZOO.changes(name, 'vit-b_300e.py') == CHANGES[key]


# Fine-tuning: Table 11 of the paper; ViT-L and 384 px are ours

FINETUNE_SETTINGS = {
    # epochs, warm-up, rate, layer decay, drop path, weight decay, pixels
    'vit-s': (200, 5, 4e-3, 0.8, 0.1, 0.05, 224),
    'vit-b': (100, 20, 4e-3, 0.65, 0.1, 0.05, 224),
    'vit-l': (50, 5, 1e-3, 0.75, 0.2, 0.05, 224),
    'vit-s_384': (20, 1, 4e-5, 0.8, 0.1, 1e-8, 384),
    'vit-b_384': (10, 1, 4e-5, 0.65, 0.1, 1e-8, 384),
    'vit-l_384': (5, 1, 4e-5, 0.75, 0.2, 1e-8, 384),
}


@pytest.mark.parametrize('name', FINETUNING)
def test_finetuning_settings(name):
    config = config_of(name)
    epochs, warmup, lr, decay, drop_path, weight_decay, pixels = FINETUNE_SETTINGS[
        name.removeprefix('transfer/in1k-finetune_').removesuffix('.py')
    ]
    wrapper, model = config.optim_wrapper, config.model
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=1024)
    assert wrapper.optimizer == dict(
        type='AdamW', lr=lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay
    )
    assert 'clip_grad' not in wrapper
    assert wrapper.paramwise_cfg.layer_decay_rate == decay
    assert [s.get('end') for s in config.param_scheduler] == [warmup, None]
    assert 'eta_min' not in config.param_scheduler[1]  # one floor for all layers
    assert (model.backbone.img_size, model.backbone.drop_path_rate) == (pixels, drop_path)
    assert config.data_preprocessor.mean == [123.675, 116.28, 103.53]
    assert config.data_preprocessor.std == [58.395, 57.12, 57.375]
    assert [(a.type, a.alpha) for a in model.train_cfg.augments] == [('Mixup', 0.8), ('CutMix', 1)]
    transforms = {t.type: t for t in config.train_dataloader.dataset.pipeline}
    assert transforms['RandAugment'].magnitude_level == 9
    assert transforms['RandAugment'].magnitude_std == 0.5
    assert (transforms['RandomErasing'].erase_prob, transforms['RandomErasing'].mode) == (
        0.25,
        'rand',
    )
    assert transforms['mcl_plugins.LoadRandomResizedCrop'].interpolation == 'bicubic'


def test_classifier_starts_a_thousandth_as_large():
    config = config_of('transfer/in1k-finetune_vit-b.py')
    head = MODELS.build(config.model.head)
    head.init_weights()
    # A normal cut at one deviation keeps 0.54 of it.
    assert head.fc.weight.std().item() == pytest.approx(0.54 * 2e-5, rel=0.02)
    assert head.fc.weight.abs().max() <= 2e-5
    assert not head.fc.bias.any()


# From one stage to the next


def shrunken(name, **backbone):
    config = config_of(name)
    init_cfg = config.model.backbone.get('init_cfg')
    step.shrink(config)
    config.model.backbone.update(init_cfg=init_cfg, **backbone)
    return config.model


@pytest.fixture(scope='module')
def pretrained(tmp_path_factory):
    """A shrunken ConMIM as if after training, and the file that pre-training writes of it."""
    torch.manual_seed(0)
    model = MODELS.build(shrunken('vit-b.py'))
    model.init_weights()
    for parameter in model.parameters():  # student and teacher apart, no tensor at its start
        torch.nn.init.normal_(parameter)
    path = tmp_path_factory.mktemp('pretrained') / 'epoch_800.pth'
    save_file({'meta': {}, 'state_dict': model.state_dict()}, path)
    return model.ema.backbone, path


@pytest.mark.parametrize('size', [step.PIXELS, step.PIXELS * 3 // 2])
def test_finetuning_starts_from_the_teacher(pretrained, size):
    teacher, path = pretrained
    model = shrunken('transfer/in1k-finetune_vit-b.py', img_size=size)
    model.backbone.init_cfg.checkpoint = str(path)
    model = MODELS.build(model)
    fresh_index = model.backbone.layers[0].attn.relative_position_index.clone()
    model.init_weights()

    wanted, shared = teacher.state_dict(), teacher.rel_pos_bias.relative_position_bias_table
    seen = 0
    for name, tensor in model.backbone.state_dict().items():
        if name.startswith('ln2.'):
            assert torch.equal(tensor, torch.full_like(tensor, float(name == 'ln2.weight')))
        elif name.endswith('relative_position_index'):
            assert torch.equal(tensor, fresh_index)
        elif name.endswith('relative_position_bias_table'):
            assert_resized(tensor, shared)
            seen += 1
        else:
            assert torch.equal(tensor, wanted[name]), name
    assert seen == step.TINY['num_layers']


def assert_resized(table, shared):
    """The class token's lines, the corners and the centre stay; all of it at the same size."""
    if len(table) == len(shared):
        assert torch.equal(table, shared)
        return
    assert torch.equal(table[-3:], shared[-3:])
    grids = []
    for lines in (table, shared):
        side = round((len(lines) - 3) ** 0.5)
        grids.append(lines[:-3].detach().unflatten(0, (side, side)))
    for place in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        torch.testing.assert_close(grids[0][place], grids[1][place])
    centres = [grid[len(grid) // 2, len(grid) // 2] for grid in grids]
    torch.testing.assert_close(*centres)


def test_finetuning_without_a_checkpoint_is_an_error():
    model = MODELS.build(shrunken('transfer/in1k-finetune_vit-b.py'))
    with pytest.raises(ValueError, match=r'init_cfg\.checkpoint'):
        model.init_weights()


def test_second_stage_starts_from_the_whole_classifier(tmp_path):
    first = shrunken('transfer/in1k-finetune_vit-b.py')
    first.backbone.init_cfg = None
    first = MODELS.build(first)
    for parameter in first.parameters():
        torch.nn.init.normal_(parameter)
    save_file({'meta': {}, 'state_dict': first.state_dict()}, tmp_path / 'epoch_100.pth')

    name = 'transfer/in1k-finetune_vit-b_384.py'
    second = MODELS.build(shrunken(name, img_size=step.PIXELS * 3 // 2))
    load_checkpoint(second, str(tmp_path / 'epoch_100.pth'), strict=True)
    before = dict(first.named_parameters())
    for key, tensor in second.named_parameters():
        if key.endswith('bias_table'):
            assert_resized(tensor, before[key])
        else:
            assert torch.equal(tensor, before[key]), key
    # Forgotten, it is an error, not a training from scratch.
    with pytest.raises(FileNotFoundError):
        load_checkpoint(second, config_of(name).load_from)
