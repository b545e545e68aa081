"""Readings and baselines: what they change, and that nothing from scratch has layer decay."""

import re

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from zoo import DENSE, ROOT, Zoo, read

from mcl_plugins.cli.common import read_config
from mcl_plugins.utils.compat import LinspaceOnHost

CONFIGS = ROOT / 'configs'
ALL = sorted(
    path.relative_to(CONFIGS).as_posix()
    for path in CONFIGS.rglob('*.py')
    if path.parent.parent.name != '_base_' and path.parent.name != '_base_'
)
PAGES = [*ROOT.glob('*.md'), *ROOT.glob('docs/*.md'), *CONFIGS.rglob('*.md')]
BASELINES = [name for name in ALL if '/baselines/' in name]
BUILT = [  # the others take a step in test_zoo
    name
    for name in ALL
    if (DENSE.match(name.partition('/')[2]) and '/transfer/' not in name)
    or re.search('/baselines/(beit|cae|mocov2|simmim)_', name)
]


def starts_from_weights(config):
    """Whether the encoder of a training starts from a file."""
    init = config.model.get('backbone', {}).get('init_cfg')
    pretrained = isinstance(init, dict) and init.get('type') == 'Pretrained'
    return pretrained or config.get('load_from') is not None


@pytest.mark.parametrize('name', ALL)
def test_random_weights_have_no_layer_decay(name):
    """Layer decay would leave the first layers at 2 % of the rate, close to random weights."""
    config = read(CONFIGS / name)
    if not starts_from_weights(config):
        paramwise = config.optim_wrapper.get('paramwise_cfg') or {}
        assert paramwise.get('layer_decay_rate', 1.0) == 1.0


def test_no_page_or_comment_advises_random_weights_with_layer_decay():
    """A sentence that says init_cfg=None must not be about a recipe with layer decay."""
    texts = {path: path.read_text() for path in PAGES}
    texts.update({CONFIGS / name: (CONFIGS / name).read_text() for name in ALL})
    for path, text in texts.items():
        comments = text if path.suffix == '.md' else '\n'.join(re.findall('^#.*', text, re.M))
        if 'init_cfg=None' not in comments:
            continue
        # The quickstart's own recipes have no layer decay, which the test above holds.
        assert path.parent.name == 'quickstart' or path == ROOT / 'docs/get-started.md', path
    for path in CONFIGS.glob('quickstart/*.py'):
        paramwise = read(path).get('optim_wrapper', {}).get('paramwise_cfg') or {}
        assert paramwise.get('layer_decay_rate', 1.0) == 1.0, path


@pytest.mark.parametrize('name', [n for n in BASELINES if '-scratch_' in n])
def test_scratch_recipes_are_complete(name):
    config = read(CONFIGS / name)
    assert config.model.backbone.init_cfg is None
    assert config.model.head.init_cfg.std == 0.02, 'a head of 2e-5 is for pre-trained encoders'
    epochs = 100 if '100e' in name else 300
    assert config.train_cfg.max_epochs == epochs
    swin = 'swin' in name
    rate = config.optim_wrapper.optimizer.lr / config.auto_scale_lr.base_batch_size
    assert rate == pytest.approx(1e-3 / 1024)  # DeiT's 5e-4 for 512, Swin's 1e-3 for 1024
    assert config.param_scheduler[0].end == (20 if swin else 5)


READINGS = {
    'conmim/readings/coco-mask-rcnn_vit-b_trained-positions.py': (
        'transfer/coco-mask-rcnn_vit-b.py',
        {
            'model.backbone.trained_positions': True,
            'optim_wrapper.paramwise_cfg.custom_keys.pos_embed.decay_mult': 0.0,
        },
    ),
    'conmim/readings/in1k-finetune_vit-b_384_table-11.py': (
        'transfer/in1k-finetune_vit-b_384.py',
        {'optim_wrapper.optimizer.lr': 4e-3, 'optim_wrapper.optimizer.weight_decay': 0.05},
    ),
    'conmim/readings/in1k-finetune_vit-s_384_table-11.py': (
        'transfer/in1k-finetune_vit-s_384.py',
        {'optim_wrapper.optimizer.lr': 4e-3, 'optim_wrapper.optimizer.weight_decay': 0.05},
    ),
    'ccmim/readings/in1k-finetune_vit-b_base-1e-3.py': (
        'transfer/in1k-finetune_vit-b.py',
        {'optim_wrapper.optimizer.lr': 4e-3, 'optim_wrapper.paramwise_cfg.layer_decay_rate': 0.75},
    ),
    'ccmim/readings/in1k-finetune_vit-b_absolute-1e-3.py': (
        'transfer/in1k-finetune_vit-b.py',
        {'optim_wrapper.optimizer.lr': 1e-3},
    ),
    'ccmim/readings/lambda-nce-0.1.py': (
        'ablations/importance-sampling_400e.py',
        {'model.contrast_head.loss_weight': 0.1},
    ),
    'ccmim/readings/lambda-align-0.1.py': (
        'ablations/lambda-align-0.2.py',
        {'model.contrast_head.loss_weight': 0.1},
    ),
    'ccmim/readings/no-flip.py': ('vit-b_300e.py', {}),
    'cmae/readings/random-crops_no-feature-decoder_masked-target.py': (
        'ablations/random-crops_no-feature-decoder.py',
        {
            'model.target_mask_generator.type': 'mcl_plugins.RandomMask',
            'model.target_mask_generator.mask_ratio': 0.65,
            'model.target_mask_generator.unit': 2,
        },
    ),
    'cmae/readings/in1k-finetune_conv-vit-b_base-5e-4.py': (
        'transfer/in1k-finetune_conv-vit-b.py',
        {'optim_wrapper.optimizer.lr': 2e-3},
    ),
    'cmae/readings/coco-mask-rcnn_conv-vit-b_convmae.py': (
        'transfer/coco-mask-rcnn_conv-vit-b.py',
        {
            'optim_wrapper.optimizer.lr': 8e-5,
            'optim_wrapper.accumulative_counts': 1,
            'auto_scale_lr.base_batch_size': 32,
        },
    ),
    'cmae/readings/coco-cascade-vitdet_vit-b_100e.py': ('transfer/coco-vitdet_vit-b_100e.py', None),
    'masked_moco/readings/coco-vitdet_vit-b_50e_masked-padding.py': (
        'transfer/coco-vitdet_vit-b_50e.py',
        {'model.backbone.mask_padding': True},
    ),
    'mimco/readings/patch-l1-feature.py': ('swin-t.py', None),
}
# Follow from the rate, or are compared below.
SCHEDULES = ('param_scheduler', 'train_pipeline', 'train_dataloader.dataset.pipeline')


def test_every_reading_is_in_the_table():
    assert set(READINGS) == {name for name in ALL if '/readings/' in name}


@pytest.mark.parametrize('name', [n for n, (_, changes) in READINGS.items() if changes is not None])
def test_reading_changes_only_its_point(name):
    method, _, file = name.partition('/')
    base, wanted = READINGS[name]
    changes = Zoo(method).changes(file, base)
    found = {key: value for key, value in changes.items() if key not in SCHEDULES}
    assert found == wanted
    if 'param_scheduler' in changes:  # the floor stays
        config = read(CONFIGS / name)
        _, cosine = config.param_scheduler
        rate = config.optim_wrapper.optimizer.lr
        assert cosine.eta_min_ratio * rate == pytest.approx(1e-6)


def test_crops_without_flip():
    name = 'ccmim/readings/no-flip.py'
    flipped, plain = (
        read(CONFIGS / n).train_dataloader.dataset.pipeline for n in ('ccmim/vit-b_300e.py', name)
    )
    assert flipped[0].flip_prob == 0.5
    assert plain == [dict(flipped[0], flip_prob=0.0), *flipped[1:]]


def test_the_cascade_differs_from_the_detector_by_its_heads():
    changes = Zoo('cmae').changes(
        'readings/coco-cascade-vitdet_vit-b_100e.py', 'transfer/coco-vitdet_vit-b_100e.py'
    )
    allowed = ('model.type', 'model.roi_head.', 'model.train_cfg.', 'model.test_cfg.')
    assert all(key.startswith(allowed) for key in changes), changes
    stages = changes['model.train_cfg.rcnn']
    assert [stage['assigner']['pos_iou_thr'] for stage in stages] == [0.5, 0.6, 0.7]
    assert not any(stage['assigner']['match_low_quality'] for stage in stages)


@pytest.mark.parametrize('name', BUILT)
def test_builds_at_full_size(name):
    """On no device: the model, and an optimizer that has every trained parameter."""
    config = read_config(CONFIGS / name)
    settings = dict(config.model)
    if config.get('data_preprocessor'):
        settings.setdefault('data_preprocessor', config.data_preprocessor)
    with (
        DefaultScope.overwrite_default_scope(config.default_scope),
        torch.device('meta'),
        LinspaceOnHost(),
    ):
        model = MODELS.build(settings)
        optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    held = {id(p) for group in optimizer.param_groups for p in group['params']}
    assert {id(p) for p in model.parameters() if p.requires_grad} <= held


# Table 3 of ConMIM: its own runs, each with the rate that it states.
RATES = {'deit-s': 8e-5, 'mae-s': 8e-5, 'deit-b': 8e-5, 'dino-b': 8e-5, 'mae-b': 8e-5}
RATES['mocov3-b'] = 1.6e-4


@pytest.mark.parametrize('encoder', RATES)
def test_conmims_own_runs_on_coco(encoder):
    changes = Zoo('conmim').changes(
        f'baselines/coco-mask-rcnn_{encoder}.py',
        f'transfer/coco-mask-rcnn_vit-{encoder[-1]}.py',
    )
    file = changes.pop('model.backbone.init_cfg.checkpoint', '')
    assert file == ('data/dino_vitbase16_pretrain.pth' if encoder == 'dino-b' else '')
    assert changes == {
        'optim_wrapper.optimizer.lr': RATES[encoder],
        'model.backbone.qkv_bias': 'qkv',
        'model.backbone.layer_scale': None,
    }


LONGER = ('conmim/baselines/beit_vit-b_800e.py', 'ccmim/baselines/cae_vit-b_800e.py')


@pytest.mark.parametrize('name', LONGER)
def test_longer_pre_training_of_mmpretrains_methods(name):
    method, _, file = name.partition('/')
    changes = Zoo(method).changes(file, file.replace('800e', '300e'))
    schedule = changes.pop('param_scheduler')
    assert changes == {'train_cfg.max_epochs': 800}
    assert [part['end'] for part in schedule] == [10, 800] and schedule[1]['T_max'] == 790


FINE_GRAINED = [
    name for name in BASELINES if re.search('/(inat18|inat19|flowers102)-finetune_beit_vit-b', name)
]


@pytest.mark.parametrize('name', FINE_GRAINED)
def test_beit_is_fine_tuned_as_the_other_rows(name):
    """Its encoder differs, and how its head is initialised."""
    file = name.removeprefix('ccmim/')
    base = file.replace('baselines', 'transfer').replace('beit_', '')
    changes = Zoo('ccmim').changes(file, base)
    assert all(key.startswith(('model.backbone.', 'model.head.init_cfg.')) for key in changes)


def test_detectors_named_after_detectron2_are_its():
    for name in (
        'masked_moco/transfer/coco-vitdet_vit-b_50e.py',
        'cmae/transfer/coco-vitdet_vit-b_100e.py',
    ):
        config = read(CONFIGS / name)
        assert config.model.backbone.mask_padding is False
        assert config.model.train_cfg.rcnn.assigner.match_low_quality is False
        assert config.model.train_cfg.rpn.assigner.match_low_quality is True
        for loader in (config.train_dataloader, config.val_dataloader):
            (resize,) = [t for t in loader.dataset.pipeline if 'Resize' in t.type]
            assert resize.backend == 'pillow'
    mimdet = read(CONFIGS / 'conmim/transfer/coco-mask-rcnn_vit-b.py')
    assert mimdet.model.train_cfg.rcnn.assigner.match_low_quality is False
