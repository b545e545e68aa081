"""Build configs in this process and take a training step of each on a shrunken model.

    python tests/configs/step.py CONFIG...

Prints one JSON object a config: ``config`` and either ``error`` (a traceback) or what was measured.
``mcl_plugins`` is not imported here: the configs must find it by themselves.
"""

import json
import math
import re
import socket
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS, init_default_scope
from PIL import Image

# Encoders without classifier, in parameters: 12 d^2 + 14 d (and 732 heads, with position tables) a
# block and 770 d beside; Swin's are those of its paper less the classifier. The hybrid one has two
# convolutions more for pre-training.
ENCODER = {'vit-s': 21.6e6, 'vit-b': 85.8e6, 'vit-l': 303.4e6, 'deit-s': 21.6e6}
ENCODER.update({'swin-t': 28.3e6 - 0.77e6, 'swin-b': 87.8e6 - 1.03e6})
DEFAULT = {  # of ablations; ViT-B elsewhere
    'mimco': 'swin-t',
    'moby': 'swin-t',
    'masked_moco': 'vit-s',
    'masked_byol': 'vit-s',
}
HYBRID = {'mcl_plugins.MaskedConvViT': 88.9e6, 'mcl_plugins.ConvViT': 84.6e6}
TINY = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=192)
# 8 x 8 patches: a smaller grid has too few mask units to tell 60, 75 and 90 % apart.
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
PIXELS, PATCH, CLASSES, BATCH = 64, 8, 10, 4
TINY_SWIN = dict(embed_dims=24, depths=(1, 1), num_heads=(2, 4))  # 48 wide at the end, on 8 x 8
TINY_HYBRID = dict(embed_dims=(16, 24, 48), depths=(1, 1, 2), num_heads=3)
HYBRID_PATCH = 16
# Hooks that each config names, so that their settings can be changed on the command line.
GUARDS = {'doctor', 'finite_loss', 'identity', 'preemption', 'schedule', 'watchdog'}
TEACHERS = re.compile(r'(^|\.)(teacher|ema)\.')  # copies that follow
EPOCH = 3  # iterations of the epochs on which the schedules are tried


def refuse(*args, **kwargs):
    raise AssertionError('a config must not use the network')


def strings(node):
    """All strings in a nest of dicts and lists."""
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from strings(child)
    elif isinstance(node, str):
        yield node


def check_full_size(config, size):
    """Build the model on no device: numbers without memory."""
    with torch.device('meta'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    parameters = sum(p.numel() for p in model.backbone.parameters())
    expected = HYBRID.get(config.model.backbone.type, ENCODER[size])
    assert math.isclose(parameters, expected, rel_tol=0.01), f'{parameters} parameters'
    return parameters


def check_pipelines(config, folder):
    """Each loader's dataset builds, and its pipeline makes uint8 images of the model's size.

    Returns the number of images that a training sample has, None for one that is not in a list.
    """
    path = Path(folder) / 'image.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)).save(path)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if config.get(name):
            assert config[name].dataset.type.startswith('mcl_plugins.'), name
            dataset = DATASETS.build({**config[name].dataset, 'lazy_init': True})
            sample = dataset.pipeline({'img_path': str(path), 'gt_label': 1})
            side = config.model.backbone.get('img_size', 224)
            inputs = sample['inputs']
            for image in inputs if isinstance(inputs, list) else [inputs]:
                assert image.shape == (3, side, side), name
                assert image.dtype == torch.uint8, name
            if name == 'train_dataloader':
                images = len(inputs) if isinstance(inputs, list) else None
    return images


def shrink_encoder(backbone):
    """Make an encoder small; returns the side of its patches."""
    backbone.update(img_size=PIXELS, init_cfg=None)
    if backbone.type in HYBRID:
        backbone.arch = TINY_HYBRID
        return HYBRID_PATCH
    if 'Swin' in backbone.type:
        backbone.update(arch=TINY_SWIN, patch_size=PATCH // 2, window_size=4)
    else:
        backbone.update(arch=TINY, patch_size=PATCH)
    return PATCH


def necks(node, name=''):
    """All projectors and predictors in a nest of dicts, with their names."""
    if isinstance(node, dict) and node.get('type') in ('NonLinearNeck', 'mcl_plugins.ExtreMANeck'):
        yield name, node
    elif isinstance(node, dict):
        for key, child in node.items():
            yield from necks(child, key)


def shrink(config, folder=None):
    """A model of 2 blocks that keeps what makes the config what it is.

    A frozen teacher's file is written into ``folder``.
    """
    model = config.model
    width, patch = TINY['embed_dims'], shrink_encoder(model.backbone)
    if 'backbone' in (model.get('teacher') or {}):
        train_teacher(model.teacher.backbone, Path(folder) / 'teacher.pth')
    for name, part in necks(model):
        inputs = 16 if name == 'predictor' else width
        part.update(in_channels=inputs, hid_channels=64, out_channels=16)
    if model.get('patch_contrast') and not model.patch_contrast.projector:  # of features themselves
        model.patch_contrast.predictor.update(in_channels=width, out_channels=width)
    for part in (model, model.get('patch_contrast'), model.get('image_contrast')):
        if part and part.get('queue'):
            part.queue.update(dim=16, length=10)
    if model.get('class_attention'):
        model.class_attention.update(embed_dims=width, num_heads=TINY['num_heads'])
    for name in ('neck', 'decoder', 'pixel_decoder', 'feature_decoder'):
        part = model.get(name)
        if part and part.type == 'SimMIMLinearDecoder':
            part.update(in_channels=width, encoder_stride=patch)
        elif part and part.type.endswith('Decoder'):
            part.update(num_patches=(PIXELS // patch) ** 2, patch_size=patch, embed_dim=width)
            part.update(decoder_embed_dim=32, decoder_num_heads=2)
            if 'predict_feature_dim' in part:
                part.predict_feature_dim = width
    for name in ('head', 'pixel_head'):
        if model.get(name) and 'patch_size' in model[name]:
            model[name].patch_size = patch
    if model.backbone.get('trained_blocks', 0) > 1:
        model.backbone.trained_blocks = 1  # of two
    if model.get('neck') and model.neck.type == 'ClsBatchNormNeck':
        model.neck.input_features = width
    if model.type == 'ImageClassifier':
        model.head.update(num_classes=CLASSES, in_channels=width)
        config.data_preprocessor.num_classes = CLASSES
    model.setdefault('data_preprocessor', config.data_preprocessor)


def train_teacher(backbone, path):
    """Make the frozen teacher small, and the file that it starts from."""
    start = backbone.init_cfg
    shrink_encoder(backbone)
    state = MODELS.build(backbone).state_dict()
    torch.save({'state_dict': {start.prefix + key: value for key, value in state.items()}}, path)
    backbone.init_cfg = dict(start, checkpoint=str(path))


def random_batch(images):
    """A batch as the loader would give it; ``images`` a sample, None for one without a list."""
    from mmpretrain.structures import DataSample  # noqa: PLC0415  after the configs' own imports

    def image():
        return torch.randint(0, 256, (3, PIXELS, PIXELS), dtype=torch.uint8)

    return default_collate(
        [
            dict(
                inputs=image() if images is None else [image() for _ in range(images)],
                data_samples=DataSample().set_gt_label(index),
            )
            for index in range(BATCH)
        ]
    )


def take_step(config, images):
    """One optimizer step; returns the loss and the optimizer."""
    model = MODELS.build(config.model)
    model.init_weights()
    model.train()
    optimizer = build_optim_wrapper(model, config.optim_wrapper)
    from_scratch = 'scratch_swin' in Path(config.filename).name
    check_groups(model, optimizer, 'Swin' if from_scratch else config.model.type)

    with optimizer.optim_context(model):
        data = model.data_preprocessor(random_batch(images), training=True)
        loss, _ = model.parse_losses(model(**data, mode='loss'))
    assert torch.isfinite(loss), 'the loss is not finite'
    optimizer.backward(loss)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f'no gradient: {name}'
            assert parameter.grad.isfinite().all(), f'gradient not finite: {name}'
        else:
            assert parameter.grad is None, f'frozen, with gradient: {name}'
    check_step(model, optimizer)
    return loss.item(), optimizer


def check_step(model, optimizer):
    """The optimizer moves what is trained, and only the EMA, if there is one, follows."""
    from mcl_plugins.algorithms import PretrainingMethod  # noqa: PLC0415  the configs import it

    before = {name: p.clone() for name, p in model.named_parameters()}
    has_ema = isinstance(model, PretrainingMethod) and model.ema is not None
    if has_ema:
        model.set_progress(0, 100)
    optimizer.step()
    optimizer.zero_grad()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    followed = {name for name in moved if TEACHERS.search(name)}
    assert moved - followed
    assert bool(followed) == has_ema and all(name.startswith('ema.') for name in followed)


def check_groups(model, optimizer, method):
    """The optimizer has each trained parameter once, no teacher's, and decays what it should."""
    groups = [(p, group) for group in optimizer.optimizer.param_groups for p in group['params']]
    trained = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    assert sorted(id(p) for p, _ in groups) == sorted(trained), 'not the trained parameters'
    assert not [name for name in trained.values() if TEACHERS.search(name)]
    for parameter, group in groups:
        name = trained[id(parameter)]
        decays = optimizer.optimizer.defaults['weight_decay'] > 0  # linear classification's do not
        expected = decays and is_decayed(method, name, parameter)
        assert (group['weight_decay'] > 0) == expected, f'weight decay of {name}'


def is_decayed(method, name, parameter):
    """Which parameters the released codes decay."""
    if method == 'mcl_plugins.CMAE':  # by name: the weights of batch norms are
        return not re.search(r'ln\d?\.|bias$|cls_token|mask_token', name)
    if method in ('mcl_plugins.CcMIM', 'mcl_plugins.MaskedAutoencoder', 'MAE', 'mcl_plugins.MoBY'):
        return parameter.ndim > 1
    if method == 'Swin':
        return parameter.ndim > 1 and not name.endswith('relative_position_bias_table')
    if method == 'mcl_plugins.MoCoV3':
        return True
    if method in (
        'mcl_plugins.MimCo',
        'mcl_plugins.SimMIMMoBY',
        'mcl_plugins.MaskedMoCo',
        'mcl_plugins.MaskedBYOL',
    ):
        return parameter.ndim > 1 and not name.endswith(('cls_token', 'mask_token'))
    return parameter.ndim > 1 and not name.endswith(('cls_token', 'pos_embed'))


def check_schedules(config, optimizer):
    """Walk through the training; returns the first and the last learning rate of the head."""
    epochs, base = config.train_cfg.max_epochs, [g['lr'] for g in optimizer.param_groups]
    # The same groups without weights, so that walking takes no time.
    optimizer = torch.optim.SGD([dict(params=[torch.zeros(0)], lr=lr) for lr in base])
    schedulers = [
        PARAM_SCHEDULERS.build(  # with what MMEngine's Runner adds
            {'end': epochs, **cfg}, default_args=dict(optimizer=optimizer, epoch_length=EPOCH)
        )
        for cfg in config.param_scheduler
    ]
    factors = []
    for iteration in range(epochs * EPOCH):
        now = {
            round(group['lr'] / lr, 9)
            for group, lr in zip(optimizer.param_groups, base, strict=True)
        }
        assert len(now) == 1, 'the schedule changes the ratio of the layers'
        factors.append(now.pop())
        if iteration == 0:
            optimizer.step()  # the schedulers only look whether there has been one
        for scheduler in schedulers:
            if not scheduler.by_epoch or (iteration + 1) % EPOCH == 0:
                scheduler.step()
    *warmups, cosine = config.param_scheduler  # MoCo v3's linear classification has no warm-up
    warmup = warmups[0].end * EPOCH if warmups else 1
    # MoBY's cosine begins with the warm-up, which therefore ends a little below the stated rate.
    together = bool(warmups) and cosine.begin == 0
    assert 1 - 0.05 * together <= max(factors) <= 1.0
    assert factors[warmup - 1] == max(factors), 'the peak is not at the end of the warm-up'
    assert factors[:warmup] == sorted(factors[:warmup])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    peak = config.optim_wrapper.optimizer.lr
    return factors[0] * peak, factors[-1] * peak


def try_config(path, folder):
    torch.manual_seed(0)
    config = Config.fromfile(path)
    assert not [text for text in strings(config.to_dict()) if '://' in text], 'a URL'
    assert not GUARDS - set(config.default_hooks), 'a guard of this package'
    init_default_scope(config.default_scope)
    match = re.search('|'.join(ENCODER), Path(path).name)
    method = Path(path).resolve().relative_to(CONFIGS).parts[0]
    parameters = check_full_size(config, match[0] if match else DEFAULT.get(method, 'vit-b'))
    images = check_pipelines(config, folder)
    shrink(config, folder)
    loss, optimizer = take_step(config, images)
    first, last = check_schedules(config, optimizer)
    peak = config.optim_wrapper.optimizer.lr
    return dict(encoder=parameters, loss=loss, lr_first=first, lr_peak=peak, lr_last=last)


def main():
    socket.socket.connect = socket.create_connection = refuse
    MMLogger.get_current_instance().setLevel('ERROR')
    torch.set_num_threads(1)
    assert 'mcl_plugins' not in sys.modules
    with tempfile.TemporaryDirectory() as folder:
        for path in sys.argv[1:]:
            try:
                result = try_config(path, folder)
            except Exception:
                result = dict(error=traceback.format_exc())
            print(json.dumps(dict(config=path, **result)), flush=True)


if __name__ == '__main__':
    main()
