"""COCO configs: settings, data, learning rates, and a step and a prediction of each network."""

import json
import re

import numpy as np
import pytest
import step
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS, DefaultScope
from PIL import Image, ImageDraw
from zoo import ROOT, read

from mcl_plugins.engine.hooks.class_count import check_class_count
from mcl_plugins.utils.compat import LinspaceOnHost

mmdet = pytest.importorskip('mmdet')

NAMES = sorted(
    path.relative_to(ROOT / 'configs').as_posix()
    for path in (ROOT / 'configs').glob('*/transfer/coco-*.py')
)
SWIN = 'mcl_plugins.SwinTransformer'
VITDET = 'mcl_plugins.ViTDet'
MIMDET = 'mcl_plugins.MIMDetViT'
SETTINGS = {
    # encoder, its width, epochs, rate, its batch, steps (None: cosine), layer decay, drop path
    'mimco/transfer/coco-mask-rcnn_swin-t': (SWIN, 768, 12, 1e-4, 16, [8, 11], None, 0.1),
    'moby/transfer/coco-mask-rcnn_swin-t': (SWIN, 768, 12, 1e-4, 16, [8, 11], None, 0.1),
    'moby/transfer/coco-mask-rcnn_swin-t_3x': (SWIN, 768, 36, 1e-4, 16, [27, 33], None, 0.2),
    'moby/transfer/coco-cascade-mask-rcnn_swin-t': (SWIN, 768, 12, 1e-4, 16, [8, 11], None, 0.0),
    'moby/transfer/coco-cascade-mask-rcnn_swin-t_3x': (
        *(SWIN, 768, 36, 1e-4),
        *(16, [27, 33], None, 0.2),
    ),
    'ccmim/transfer/coco-mask-rcnn_vit-b': (
        *('mcl_plugins.DenseViT', 768, 12, 3e-4),
        *(32, [9, 11], 0.75, 0.2),
    ),
    'ccmim/transfer/coco-mask-rcnn_vit-s': (
        *('mcl_plugins.DenseViT', 384, 12, 3e-4),
        *(32, [9, 11], 0.75, 0.1),
    ),
    'conmim/transfer/coco-mask-rcnn_vit-b': (MIMDET, 768, 25, 1e-4, 64, None, None, 0.1),
    'conmim/transfer/coco-mask-rcnn_vit-s': (MIMDET, 384, 25, 1e-4, 64, None, None, 0.1),
    'masked_moco/transfer/coco-vitdet_vit-b_50e': (
        *(VITDET, 768, 50, 1.6e-4),
        *(64, [44, 48], 0.7, 0.1),
    ),
    'masked_moco/transfer/coco-vitdet_vit-b_50e_random': (
        *(VITDET, 768, 50, 1.6e-4),
        *(64, [44, 48], 1.0, 0.1),
    ),
    'masked_moco/transfer/coco-vitdet_vit-b_50e_supervised': (
        *(VITDET, 768, 50, 1.6e-4),
        *(64, [44, 48], 0.7, 0.1),
    ),
    'masked_moco/transfer/coco-vitdet_vit-b_100e_mae': (
        *(VITDET, 768, 100, 1.6e-4),
        *(64, [88, 96], 0.7, 0.1),
    ),
    'cmae/transfer/coco-vitdet_vit-b_100e': (VITDET, 768, 100, 1e-4, 64, None, 0.7, 0.1),
    'cmae/transfer/coco-mask-rcnn_conv-vit-b': (
        *('mcl_plugins.WindowedConvViT', 768, 100, 1e-4),
        *(64, None, None, 0.1),
    ),
}
# One of each architecture.
ARCHITECTURES = {
    'mask-rcnn_swin': 'moby/transfer/coco-mask-rcnn_swin-t.py',
    'cascade_swin': 'moby/transfer/coco-cascade-mask-rcnn_swin-t.py',
    'cae': 'ccmim/transfer/coco-mask-rcnn_vit-s.py',
    'mimdet': 'conmim/transfer/coco-mask-rcnn_vit-s.py',
    'vitdet': 'masked_moco/transfer/coco-vitdet_vit-b_50e_random.py',
    'hybrid': 'cmae/transfer/coco-mask-rcnn_conv-vit-b.py',
}
# Millions of parameters: Swin's and ViTDet's are published (48, 86 and 111).
MILLIONS = {
    'mask-rcnn_swin': 47.8,
    'cascade_swin': 85.6,
    'vitdet': 110.9,
}
WIDTH = 32  # of small encoders and necks
VIT = dict(embed_dims=WIDTH, num_layers=4, num_heads=2, feedforward_channels=64)
SIDE = 128  # of small LSJ images


@pytest.fixture(autouse=True)
def _detection(monkeypatch, _scope):
    """Build under mmdet's scope, and without the network."""
    monkeypatch.setattr('socket.socket.connect', step.refuse)
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield


def load(name):
    return read(ROOT / 'configs' / name)


@pytest.fixture(scope='module')
def coco(tmp_path_factory):
    """A data root in COCO's format: four images of rectangles with exact masks."""
    from mmdet.datasets import CocoDataset  # noqa: PLC0415  optional

    root = tmp_path_factory.mktemp('coco')
    rng = np.random.default_rng(0)
    categories = [
        dict(id=i, name=name) for i, name in enumerate(CocoDataset.METAINFO['classes'], start=1)
    ]
    for split in ('train2017', 'val2017'):
        images, annotations = [], []
        (root / split).mkdir()
        (root / 'annotations').mkdir(exist_ok=True)
        for index in range(4):
            size = (160, 120) if index % 2 else (120, 160)
            image = Image.fromarray(rng.integers(0, 90, (*size[::-1], 3), dtype=np.uint8))
            images.append(dict(id=index, file_name=f'{index}.jpg', width=size[0], height=size[1]))
            for _ in range(3):
                left, top = (int(x) for x in rng.integers(0, 50, 2))
                width, height = (int(x) for x in rng.integers(30, 60, 2))
                corners = (left, top, left + width, top + height)
                ImageDraw.Draw(image).rectangle(corners, fill=tuple(rng.integers(150, 255, 3)))
                right, bottom = left + width, top + height
                outline = [left, top, right, top, right, bottom, left, bottom]
                annotations.append(
                    dict(
                        id=len(annotations) + 1,
                        image_id=index,
                        category_id=int(rng.integers(1, 81)),
                        bbox=[left, top, width, height],
                        area=width * height,
                        segmentation=[outline],
                        iscrowd=0,
                    )
                )
            image.save(root / split / f'{index}.jpg')
        content = dict(images=images, annotations=annotations, categories=categories)
        (root / f'annotations/instances_{split}.json').write_text(json.dumps(content))
    return root


def at(config, root):
    """The config with its data under ``root`` and loaders in this process."""
    for name in ('train', 'val', 'test'):
        loader = config[f'{name}_dataloader']
        loader.dataset.data_root = f'{root}/'
        loader.update(num_workers=0, persistent_workers=False, batch_size=2)
    for name in ('val', 'test'):
        config[f'{name}_evaluator'].ann_file = f'{root}/annotations/instances_val2017.json'
    return config


def narrow(node):
    """Make all necks and heads narrow, in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ('out_channels', 'in_channels', 'feat_channels', 'conv_out_channels'):
                node[key] = WIDTH if isinstance(value, int) else value
            elif key == 'fc_out_channels':
                node[key] = 64
            else:
                narrow(value)
    elif isinstance(node, list):
        for child in node:
            narrow(child)


def shrink(config):
    """A small detector on small images that keeps what makes the config what it is."""
    model = config.model
    backbone, encoder = model.backbone, model.backbone.type
    widths = [WIDTH] * 4
    narrow(model.neck), narrow(model.rpn_head), narrow(model.roi_head)
    if encoder == SWIN:
        backbone.arch = dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2))
        widths = [8, 16, 32, 64]
    elif encoder == 'mcl_plugins.WindowedConvViT':
        widths = [8, 16, WIDTH, WIDTH]
        backbone.arch = dict(embed_dims=(8, 16, WIDTH), depths=(1, 1, 4), num_heads=2)
    else:
        backbone.arch = VIT
    if 'out_indices' in backbone:
        backbone.out_indices = (0, 1, 2, 3)
    if 'window_size' in backbone:
        backbone.update(img_size=SIDE, window_size=3, global_blocks=(1, 3))
    backbone.init_cfg = None
    necks = model.neck if isinstance(model.neck, list) else [model.neck]
    for neck in necks:
        if neck.type == 'FPN':
            neck.in_channels = widths
        elif 'embed_dims' in neck:
            neck.embed_dims = WIDTH
    model.train_cfg.rpn_proposal.update(nms_pre=50, max_per_img=20)
    model.test_cfg.rpn.update(nms_pre=50, max_per_img=20)
    model.test_cfg.rcnn.update(score_thr=0.0, max_per_img=5)
    if model.data_preprocessor.pad_size_divisor == 1024:
        model.data_preprocessor.pad_size_divisor = SIDE
    for loader in (config.train_dataloader, config.val_dataloader):
        for transform in loader.dataset.pipeline:
            smaller(transform)
    return config


def smaller(node):
    """Divide all pixels in a pipeline by 8, in place."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ('scale', 'crop_size'):
                node[key] = tuple(side // 8 for side in value)
            elif key == 'scales':
                node[key] = [tuple(side // 8 for side in scale) for scale in value]
            else:
                smaller(value)
    elif isinstance(node, list):
        for child in node:
            smaller(child)


def build(config):
    with LinspaceOnHost():
        return MODELS.build(config.model)


def first_batch(loader):
    dataset = DATASETS.build(loader.dataset)
    return pseudo_collate([dataset[i] for i in range(2)])


def test_every_config_is_in_the_table():
    assert {f'{name}.py' for name in SETTINGS} == set(NAMES)
    assert set(ARCHITECTURES.values()) < set(NAMES)


@pytest.mark.parametrize('name', SETTINGS)
def test_settings(name):
    config = load(f'{name}.py')
    encoder, width, epochs, lr, batch, steps, layer_decay, drop_path = SETTINGS[name]
    assert not [text for text in step.strings(config.to_dict()) if '://' in text], 'a URL'
    assert config.default_scope == 'mmdet' and config.runner_type == 'mcl_plugins.Runner'
    assert config.model.backbone.type == encoder
    assert config.train_cfg.max_epochs == epochs
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=batch)
    wrapper = config.optim_wrapper
    assert wrapper.type == 'mcl_plugins.Bf16OptimWrapper'
    accumulated = wrapper.get('accumulative_counts', 1)
    assert 8 * config.train_dataloader.batch_size * accumulated == batch
    assert wrapper.optimizer.lr == lr
    assert wrapper.paramwise_cfg.get('layer_decay_rate') == layer_decay
    if encoder == SWIN or 'DenseViT' in encoder:
        assert wrapper.optimizer.weight_decay == 0.05
        sides = {scale[0] for scale in scales(config.train_dataloader.dataset.pipeline)}
        assert sides == {*range(480, 801, 32), 400, 500, 600}
        assert config.val_dataloader.dataset.pipeline[1].scale == (1333, 800)
    else:
        assert wrapper.optimizer.weight_decay == 0.1
        (jitter,) = (
            t for t in config.train_dataloader.dataset.pipeline if t.type == 'RandomResize'
        )
        assert jitter.scale == (1024, 1024) and jitter.ratio_range == (0.1, 2.0)
        assert config.val_dataloader.dataset.pipeline[1].scale == (1024, 1024)
        assert config.model.data_preprocessor.pad_size_divisor == 1024
    given = config.model.backbone.init_cfg
    if name.endswith('random'):
        assert given is None
    else:
        assert given == dict(type='Pretrained', checkpoint='', prefix='backbone.')
    with torch.device('meta'):
        model = build(config)
    assert last_drop_path(model.backbone) == pytest.approx(drop_path)
    embed = getattr(model.backbone, 'num_features', None)
    assert (embed[-1] if encoder == SWIN else model.backbone.embed_dims) == width
    for key, number in MILLIONS.items():
        if ARCHITECTURES[key] == f'{name}.py':
            parameters = sum(p.numel() for p in model.parameters())
            assert round(parameters / 1e6, 1) == number
    assert rates_at_epochs(config) == pytest.approx(expected_rates(epochs, steps), abs=1e-3)


def scales(node):
    """All values under ``scales`` in a nest of dicts and lists."""
    if isinstance(node, dict):
        yield from node.get('scales', [])
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from scales(child)


def last_drop_path(backbone):
    """The largest drop path rate in an encoder: its last block's."""
    return max(getattr(m, 'drop_prob', None) or 0 for m in backbone.modules())


def rates_at_epochs(config):
    """The rate, in parts of the peak, after the warm-up and at the start of each later epoch."""
    warmup, _ = config.param_scheduler
    length = 8 if warmup.get('by_epoch', True) else warmup.end + 1  # iterations of an epoch
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    epochs = config.train_cfg.max_epochs
    schedulers = []
    for settings in config.param_scheduler:
        end = {} if settings.get('by_epoch') is False else {'end': epochs}
        schedulers.append(
            PARAM_SCHEDULERS.build(
                {**end, **settings}, default_args=dict(optimizer=optimizer, epoch_length=length)
            )
        )
    rates = []
    for iteration in range(epochs * length):
        if iteration == 0:
            assert optimizer.param_groups[0]['lr'] == pytest.approx(0.001)
        elif iteration % length == 0:
            rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            if not scheduler.by_epoch or iteration % length == length - 1:
                scheduler.step()
    return rates


def expected_rates(epochs, steps):
    """By plain formulas: 1, 0.1 and 0.01, or half a cosine from the end of the warm-up to zero."""
    if steps:
        return [0.1 ** sum(epoch >= s for s in steps) for epoch in range(1, epochs)]
    progress = (np.arange(1, epochs) - 0.25) / (epochs - 0.25)
    return ((1 + np.cos(np.pi * progress)) / 2).tolist()


@pytest.mark.parametrize('name', ['cae', 'vitdet', 'mimdet', 'mask-rcnn_swin'])
def test_parameters_learn_and_decay_as_stated(name):
    config = load(ARCHITECTURES[name])
    with torch.device('meta'):
        model = build(config)
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    names = {id(p): key for key, p in model.named_parameters() if p.requires_grad}
    groups = {names.pop(id(p)): group for group in optimizer.param_groups for p in group['params']}
    assert not names, 'not in the optimizer'
    decay = config.optim_wrapper.paramwise_cfg.get('layer_decay_rate', 1.0)
    peak = config.optim_wrapper.optimizer.lr
    for key, group in groups.items():
        block = re.match(r'backbone\.(?:layers\.(\d+)|(pos_embed|patch_embed|cls_token))', key)
        depth = 13 if block is None else int(block[1]) + 1 if block[1] else 0
        assert group['lr'] == pytest.approx(peak * decay ** (13 - depth)), key
        module = model.get_submodule(key.rpartition('.')[0])
        norm = isinstance(module, (torch.nn.LayerNorm, torch.nn.GroupNorm)) or hasattr(
            module, 'running_mean'
        )
        spared = norm or 'pos_embed' in key or 'relative_position_bias_table' in key
        if name == 'vitdet':  # detectron2's class of these norms is none that it spares
            spared = spared and key.startswith('backbone.')
        if name == 'cae':
            spared = spared or key.endswith(('bias', 'cls_token'))
        if name == 'mask-rcnn_swin':
            spared = 'norm' in key or 'relative_position_bias_table' in key
        assert (group['weight_decay'] > 0) != spared, key


@pytest.mark.parametrize('name', ['mask-rcnn_swin', 'vitdet'])
def test_pipelines_at_full_size(name, coco):
    config = at(load(ARCHITECTURES[name]), coco)
    preprocessor = MODELS.build(config.model.data_preprocessor)
    for loader, training in ((config.train_dataloader, True), (config.val_dataloader, False)):
        batch = preprocessor(first_batch(loader), training)
        shape = batch['inputs'].shape
        sizes = [sample.img_shape for sample in batch['data_samples']]
        if name == 'vitdet':
            assert shape == (2, 3, 1024, 1024)
            assert all(max(size) <= 1024 for size in sizes)
            assert training or all(max(size) == 1024 for size in sizes)
            for image, (height, width) in zip(batch['inputs'], sizes, strict=True):
                assert not image[:, height:].any() and not image[:, :, width:].any()
            if training:
                masks = batch['data_samples'][0].gt_instances.masks
                assert (masks.height, masks.width) == (1024, 1024)
        else:
            assert not any(side % 32 for side in shape[2:])
            assert training or all(min(size) == 800 for size in sizes)
        assert all(len(sample.gt_instances.bboxes) for sample in batch['data_samples'])


@pytest.mark.parametrize('name', ARCHITECTURES)
def test_a_step_and_a_prediction(name, coco):
    torch.manual_seed(0)
    np.random.seed(0)
    config = shrink(at(load(ARCHITECTURES[name]), coco))
    model = build(config)
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    data = model.data_preprocessor(first_batch(config.train_dataloader), True)
    loss, logged = model.parse_losses(model(**data, mode='loss'))
    assert loss.isfinite() and {'loss_rpn_cls', 'loss_rpn_bbox'} <= logged.keys()
    assert any('loss_mask' in key for key in logged)
    wrapper.backward(loss)
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f'no gradient: {key}'
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    wrapper.step()
    moved = {key for key, p in model.named_parameters() if not torch.equal(p, before[key])}
    assert {key.split('.')[0] for key in moved} == {'backbone', 'neck', 'rpn_head', 'roi_head'}

    model.eval()
    with torch.no_grad():
        batch = model.data_preprocessor(first_batch(config.val_dataloader), False)
        samples = model(**batch, mode='predict')
    for sample in samples:
        found = sample.pred_instances
        assert 0 < len(found) <= 5
        assert tuple(found.masks.shape[1:]) == sample.ori_shape
        assert found.bboxes.isfinite().all()


@pytest.mark.parametrize('name', ['vitdet', 'cascade_swin'])
def test_boxes_are_float32_under_bfloat16(name, coco):
    torch.manual_seed(0)
    config = shrink(at(load(ARCHITECTURES[name]), coco))
    model = build(config)
    model.init_weights()
    data = model.data_preprocessor(first_batch(config.train_dataloader), True)
    seen = []
    extractor = model.roi_head.bbox_roi_extractor
    for module in extractor if isinstance(extractor, torch.nn.ModuleList) else [extractor]:
        module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    with torch.autocast('cpu', torch.bfloat16):
        loss, _ = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    assert loss.isfinite()
    assert len(seen) == (3 if name == 'cascade_swin' else 1)
    for maps, boxes in seen:
        assert maps[0].dtype == torch.bfloat16 and boxes.dtype == torch.float32
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_annotations_of_other_classes_stop(coco, tmp_path):
    path = coco / 'annotations/instances_train2017.json'
    content = json.loads(path.read_text())
    loader = at(load(ARCHITECTURES['vitdet']), coco).train_dataloader
    loader.dataset.ann_file = str(tmp_path / 'other.json')
    with pytest.raises(FileNotFoundError, match=r'other\.json.*data/coco'):
        DATASETS.build(loader.dataset)
    shown = {
        'it lacks person': content['categories'][1:],
        'the config lacks wombat': [*content['categories'], dict(id=99, name='wombat')],
        'their order differs': content['categories'][::-1],
    }
    for complaint, categories in shown.items():
        (tmp_path / 'other.json').write_text(json.dumps({**content, 'categories': categories}))
        with pytest.raises(ValueError, match=complaint):
            DATASETS.build(loader.dataset)
    (tmp_path / 'other.json').write_text(json.dumps({**content, 'annotations': []}))
    with pytest.raises(ValueError, match='No image of .* is left'):
        DATASETS.build(loader.dataset)


def test_heads_of_another_number_of_classes_stop(coco):
    config = shrink(at(load(ARCHITECTURES['vitdet']), coco))
    assert config.custom_hooks == [dict(type='mcl_plugins.ClassCountHook')]
    dataset = DATASETS.build(config.train_dataloader.dataset)
    check_class_count(build(config), dataset)
    config.model.roi_head.mask_head.num_classes = 3
    with pytest.raises(ValueError, match=r'mask_head has num_classes=3.*80 classes'):
        check_class_count(build(config), dataset)
