"""Every config: it builds in a fresh process, takes a step, and says what its paper says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import step
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from modelindex.load_model_index import load

from mcl_plugins.checkpoint.files import save_file

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / 'configs/conmim'
CONFIGS = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob('*.py'))
PRETRAINING = [name for name in CONFIGS if not name.startswith('transfer/')]
ABLATIONS = [name for name in CONFIGS if name.startswith('ablations/')]
FINETUNING = [name for name in CONFIGS if name.startswith('transfer/in1k-finetune')]
# For users' own images: it stands in no table.
OWN_IMAGES = 'vit-b_own-images.py'
PROCESSES = 2


@pytest.fixture(scope='module', autouse=True)
def quiet():
    """MMEngine lists the initialisation of each parameter where there is no log file."""
    MMLogger.get_current_instance().setLevel('ERROR')
    init_default_scope('mmpretrain')


def config_of(name):
    return Config.fromfile(FOLDER / name)


# Building and stepping


@pytest.fixture(scope='module')
def steps():
    """What ``step.py`` says of each config, from a few fresh processes: an import takes seconds."""
    runs = [
        subprocess.Popen(
            [
                sys.executable,
                step.__file__,
                *(str(FOLDER / name) for name in CONFIGS[i::PROCESSES]),
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(PROCESSES)
    ]
    results, errors = {}, ''
    for run in runs:
        out, err = run.communicate(timeout=170)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith('{"config"')]
        results.update({Path(r['config']).relative_to(FOLDER).as_posix(): r for r in lines})
        errors += err
    return results, errors


@pytest.mark.parametrize('name', CONFIGS)
def test_takes_a_step(steps, name):
    results, errors = steps
    assert name in results, errors
    assert 'error' not in results[name], results[name]['error']


@pytest.mark.parametrize('name', CONFIGS)
def test_learning_rate_ends_where_the_paper_says(steps, name):
    result = steps[0][name]
    assert 'error' not in result, 'see test_takes_a_step'
    start, end = (1e-6, 1e-6) if name in FINETUNING else (0, 1e-5)
    assert result['lr_first'] == pytest.approx(start, abs=1e-7)
    # Three iterations an epoch end a little before the floor.
    assert end * 0.999 <= result['lr_last'] < end * (1.7 if name in FINETUNING else 1.01)


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
    assert {*SETTINGS, *ABLATIONS, OWN_IMAGES} == set(PRETRAINING)


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
    assert encoder.arch_settings['embed_dims'] == step.WIDTH[name[4]]
    model.backbone.arch = step.TINY
    tiny = MODELS.build(model.backbone)
    assert tiny.layers[0].gamma_1.unique().item() == pytest.approx(layer_scale)


@pytest.mark.parametrize('name', [n for n in PRETRAINING if config_of(n).model.mask_generator])
def test_hidden_patches(name):
    expected = HIDDEN.get(name, SETTINGS.get(name, SETTINGS['vit-b_300e.py'])[-1])
    generator = MODELS.build(config_of(name).model.mask_generator)
    mask = generator(3, (14, 14), torch.device('cpu'))
    assert mask.hidden.sum(dim=1).tolist() == [expected] * 3


# Ablations: their table's row, and nothing else

ABSENT = 'absent'
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


def flat(node, prefix=''):
    """{'a.b': value} of a nest of dicts; lists are values."""
    if not isinstance(node, dict):
        return {prefix: node}
    leaves = {}
    for key, child in node.items():
        leaves.update(flat(child, f'{prefix}.{key}' if prefix else key))
    return leaves


@pytest.mark.parametrize('name', ABLATIONS)
def test_ablation_changes_only_its_row(name):
    default, config = flat(config_of('vit-b_300e.py').to_dict()), flat(config_of(name).to_dict())
    changes = {
        key: config.get(key, ABSENT)
        for key in default.keys() | config.keys()
        if config.get(key, ABSENT) != default.get(key, ABSENT)
    }
    assert changes == CHANGES[name.removeprefix('ablations/').removesuffix('.py')]


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
    assert transforms['RandomResizedCrop'].interpolation == 'bicubic'


@pytest.mark.parametrize('name', FINETUNING)
def test_layers_learn_at_their_own_rates(name):
    config = config_of(name)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    decay, depth = config.optim_wrapper.paramwise_cfg.layer_decay_rate, len(model.backbone.layers)
    for group in optimizer.optimizer.param_groups:
        block = re.match(r'backbone\.layers\.(\d+)\.', group['param_name'])
        if block:
            above = depth - int(block[1])
        else:
            first = group['param_name'].startswith(('backbone.patch_embed', 'backbone.cls_token'))
            above = depth + 1 if first else 0
        lr = config.optim_wrapper.optimizer.lr * decay**above
        assert group['lr'] == pytest.approx(lr), group['param_name']


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
    return model.teacher.backbone, path


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


# Pages about the configs


def test_readme_links_to_every_config_and_to_nothing_else():
    links = re.findall(r'\]\(([^)]+)\)', (FOLDER / 'README.md').read_text())
    local = {link for link in links if '://' not in link}
    assert local == set(CONFIGS)


@pytest.mark.parametrize('name', ABLATIONS)
def test_readme_and_config_state_the_same_number(name):
    stated = re.search(r': (\d\d\.\d\d|fails)', (FOLDER / name).read_text().splitlines()[0])[1]
    (row,) = [row for row in (FOLDER / 'README.md').read_text().splitlines() if f'({name})' in row]
    assert row.split('|')[3].strip() == stated


def test_model_index_loads_and_its_files_exist():
    index = load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    assert not index.check_errors
    names = [model.name for model in index.models]
    assert len(set(names)) == len(names)
    for model in index.models:
        assert not model.check_errors
        assert model.name == model.name.lower()
        assert (ROOT / model.config).is_file(), model.config
        assert set(model.data.get('Downstream') or []) <= set(names)
        epochs = Config.fromfile(ROOT / model.config).train_cfg.max_epochs
        assert model.metadata.data['Epochs'] == epochs, model.name
    assert {FOLDER / name for name in CONFIGS if name not in (*ABLATIONS, OWN_IMAGES)} == {
        ROOT / model.config for model in index.models
    }
    for collection in index.collections:
        assert (ROOT / collection.readme).is_file()
