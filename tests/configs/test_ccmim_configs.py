"""ccMIM's configs say what its paper and its released code say."""

import pytest
import torch
from mmengine.registry import MODELS
from zoo import ABSENT, Zoo, flat

ZOO = Zoo('ccmim')
PRETRAINING = {
    # epochs, width, lambda, batches an update
    'vit-b.py': (800, 768, 0.2, 1),
    'vit-b_300e.py': (300, 768, 0.2, 1),
    'vit-s.py': (300, 384, 0.2, 1),
    'vit-b_released.py': (800, 768, 0.1, 4),
}


def test_every_pretraining_config_is_in_a_table():
    assert {*PRETRAINING, *ZOO.ablations} == set(ZOO.pretraining)


@pytest.mark.parametrize('name', PRETRAINING)
def test_pretraining_settings(name):
    config = ZOO.config(name)
    epochs, width, weight, accumulation = PRETRAINING[name]
    model, wrapper = config.model, config.optim_wrapper
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size == 32
    assert wrapper.get('accumulative_counts', 1) == accumulation
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=256)
    assert wrapper.optimizer == dict(
        type='AdamW', lr=1.5e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.05
    )
    assert [s.get('end') for s in config.param_scheduler] == [40, None]
    assert config.param_scheduler[0].start_factor == 1e-4
    assert model.contrast_head == dict(
        type='mcl_plugins.InfoNCEHead', temperature=0.5, loss_weight=weight
    )
    assert model.pixel_head.norm_pix and 'importance' not in model
    crop, _ = config.train_dataloader.dataset.pipeline
    assert (crop.scale, crop.crop_ratio_range, crop.interpolation) == (224, (0.2, 1.0), 'bicubic')
    assert crop.flip_prob == 0.5

    with torch.device('meta'):
        built = MODELS.build({**model, 'data_preprocessor': config.data_preprocessor})
    assert built.backbone.embed_dims == width
    assert len(built.decoder.decoder_blocks) == 8
    assert built.decoder.decoder_pred.weight.shape == (768, 512)
    projector = built.projector
    assert projector.fc0.weight.shape == (width, width) and projector.fc0.bias is None
    assert projector.fc1.weight.shape == (256, width) and projector.fc1.bias is None
    assert projector.bn0.affine and not projector.bn1.affine
    assert isinstance(projector.bn0, torch.nn.BatchNorm1d)  # of each process
    assert built.mask_generator(torch.zeros(2, 196)).len_keep == 49


DEFAULT = 'ablations/importance-sampling_400e.py'
SELECTION = {
    'random': {'type': 'mcl_plugins.RandomMask'},
    'block': {'type': 'mcl_plugins.BlockMask'},
    'importance': {'sampling': False},
    'importance-sampling': {},
}
ALIGN = {'model.contrast_head.type': 'mcl_plugins.CosineHead'}
ALIGN['model.contrast_head.temperature'] = ABSENT
PREDICTOR = ZOO.config('ablations/lambda-align-0.2.py').model.predictor
ALIGN.update({f'model.predictor.{key}': PREDICTOR[key] for key in PREDICTOR if key != 'norm_cfg'})
ALIGN['model.predictor.norm_cfg.type'] = 'BN1d'
WEIGHT = 'model.contrast_head.loss_weight'
PAPER = {
    'paper-importance': {
        'model.importance.blocks': 'last',
        'model.importance.kind': 'logit',
        'model.importance.scale': 'width',
    },
    'paper-negatives': {'model.contrast_head.type': 'mcl_plugins.VisibleNegativesHead'},
    'paper-decoder': {'model.decoder.decoder_depth': 2},
}


def expected(key):
    """The config that an ablation starts from, and what it changes."""
    if key in PAPER:
        return 'vit-b_300e.py', PAPER[key]
    strategy, _, epochs = key.partition('_')
    if epochs:
        changes = {f'model.mask_generator.{k}': v for k, v in SELECTION[strategy].items()}
        return 'vit-b.py', {**changes, 'train_cfg.max_epochs': int(epochs.removesuffix('e'))}
    *kind, weight = key.split('-')[1:]
    changes = dict(ALIGN) if kind == ['align'] else {}
    if float(weight) != 0.2:
        changes[WEIGHT] = float(weight)
    return DEFAULT, changes


@pytest.mark.parametrize('name', ZOO.ablations)
def test_ablation_changes_only_its_row(name):
    base, changes = expected(name.removeprefix('ablations/').removesuffix('.py'))
    assert ZOO.changes(name, base) == changes


def test_the_figure_is_complete():
    names = {name.removeprefix('ablations/lambda-').removesuffix('.py') for name in ZOO.ablations}
    weights = ['0.2', '0.4', '0.6', '0.8', '1.0']
    assert {'0', *(f'align-{w}' for w in weights), *(f'nce-{w}' for w in weights[1:])} <= names
    assert ZOO.config(DEFAULT).model.contrast_head.loss_weight == 0.2


def test_predictor_has_simsiams_shape():
    predictor = MODELS.build(PREDICTOR)
    assert predictor.fc0.weight.shape == (64, 256) and predictor.fc1.weight.shape == (256, 64)
    assert not hasattr(predictor, 'bn1') and predictor.fc1.bias is not None


def test_block_masks_have_rectangles_of_at_least_16_patches():
    generator = MODELS.build(ZOO.config('ablations/block_400e.py').model.mask_generator)
    assert generator.min_area == 16
    assert generator(2, (14, 14), torch.device('cpu')).len_keep == 49


@pytest.mark.parametrize(('arch', 'decay'), [('b', 0.65), ('s', 0.75)])
def test_finetuning_settings(arch, decay):
    config = ZOO.config(f'transfer/in1k-finetune_vit-{arch}.py')
    assert config.train_cfg.max_epochs == 100
    assert config.optim_wrapper.optimizer.lr == 2e-3  # 5e-4 for 256 images, of 1024
    assert config.auto_scale_lr.base_batch_size == 1024
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == decay
    assert config.param_scheduler[0].end == 5
    assert config.model.backbone.drop_path_rate == 0.1


FINE_GRAINED = {
    # epochs, classes, images a process, random erasing, settings of the data
    'inat18': (360, 8142, 128, 0.1, dict(type='mcl_plugins.INaturalist', year=2018)),
    'inat19': (360, 1010, 128, 0.1, dict(type='mcl_plugins.INaturalist', year=2019)),
    'flowers102': (1000, 102, 96, 0.25, dict(type='mcl_plugins.Flowers102')),
}
SPLITS = {'INaturalist': ('train', 'val', 'val'), 'Flowers102': ('trainval', 'test', 'test')}


@pytest.mark.parametrize('data', FINE_GRAINED)
def test_fine_grained_settings(data):
    """The recipe is MAE's on ImageNet but for what the paper and iBOT's script say."""
    config = ZOO.config(f'transfer/{data}-finetune_vit-b.py')
    epochs, classes, batch, erasing, settings = FINE_GRAINED[data]
    assert config.train_cfg.max_epochs == epochs
    assert config.train_dataloader.batch_size == batch
    assert config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    assert config.model.head.num_classes == config.data_preprocessor.num_classes == classes
    assert config.custom_hooks == [dict(type='mcl_plugins.ClassCountHook')]
    loaders = [config[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test')]
    assert [loader.split for loader in loaders] == list(SPLITS[settings['type'].split('.')[1]])
    for loader in loaders:
        assert {**loader, **settings} == loader and 'Image' not in loader.type
    imagenet = ZOO.config('transfer/in1k-finetune_vit-b.py')
    assert config.auto_scale_lr == imagenet.auto_scale_lr
    assert config.optim_wrapper.paramwise_cfg == imagenet.optim_wrapper.paramwise_cfg
    assert loaders[1].pipeline == imagenet.val_dataloader.dataset.pipeline
    before, after = (flat(c.model.to_dict()) for c in (imagenet, config))
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} == {
        'head.num_classes'
    }
    for ours, theirs in zip(
        loaders[0].pipeline, imagenet.train_dataloader.dataset.pipeline, strict=True
    ):
        wanted = {**theirs, 'erase_prob': erasing} if theirs.type == 'RandomErasing' else theirs
        # What is inherited from mmpretrain is under its scope, and means the same without.
        assert {**ours, '_scope_': None} == {**wanted, '_scope_': None}
