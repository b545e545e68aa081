"""The ADE20K configs say what their papers and the followed codes say, build, learn and predict."""

import re
import socket

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, PARAM_SCHEDULERS, DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from step import strings
from torch import nn
from zoo import ROOT, read

from ade_folder import make_ade20k
from mcl_plugins.backbones import MaskedConvViT, MaskedViT, SimMIMSwin
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.utils.compat import LinspaceOnHost

# Parameters of encoder and of all in millions (implus/mae_segmentation and Swin's own code have
# about as many), rate, layer decay, drop path, iterations.
CONFIGS = {
    'conmim/transfer/ade20k-upernet_vit-s': (21.9, 41.6, 3e-5, 0.9, 0.1, 160000),
    'conmim/transfer/ade20k-upernet_vit-b': (86.2, 163.1, 3e-5, 0.9, 0.1, 160000),
    'conmim/transfer/ade20k-upernet_vit-s_pt': (21.9, 41.6, 7e-4, 0.65, 0.1, 160000),
    'conmim/transfer/ade20k-upernet_vit-b_pt': (86.2, 163.1, 7e-4, 0.65, 0.1, 160000),
    'cmae/transfer/ade20k-upernet_vit-b': (87.0, 163.9, 1e-4, 0.65, 0.1, 160000),
    'cmae/transfer/ade20k-upernet_conv-vit-b': (85.8, 160.2, 1e-4, 0.75, 0.2, 160000),
    'ccmim/transfer/ade20k-upernet_vit-b': (87.0, 163.9, 3e-4, 0.65, 0.1, 160000),
    'mimco/transfer/ade20k-upernet_swin-t': (27.5, 59.9, 6e-5, None, 0.3, 160000),
    'mimco/transfer/ade20k-upernet_vit-b': (87.0, 163.9, 1e-4, 0.65, 0.1, 160000),
    'masked_moco/transfer/ade20k-upernet_vit-b': (87.0, 163.9, 1e-4, 0.65, 0.1, 80000),
    'moby/transfer/ade20k-upernet_swin-t': (27.5, 59.9, 6e-5, None, 0.3, 160000),
}
# One of each architecture, and how its encoder is made small; sides are 64 px.
SIDE, CLASSES = 64, 5
VIT = dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=64)
SMALL = {
    'conmim/transfer/ade20k-upernet_vit-b': (dict(arch=VIT, out_indices=(0, 1, 2, 3)), 32),
    'cmae/transfer/ade20k-upernet_vit-b': (dict(arch=VIT, out_indices=(0, 1, 2, 3)), 32),
    'cmae/transfer/ade20k-upernet_conv-vit-b': (
        dict(arch=dict(embed_dims=(8, 16, 32), depths=(1, 1, 2), num_heads=2)),
        [8, 16, 32, 32],
    ),
    'moby/transfer/ade20k-upernet_swin-t': (
        dict(
            arch=dict(embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 2, 2)),
            window_size=4,
        ),
        [8, 16, 32, 64],
    ),
}


@pytest.fixture(autouse=True)
def _offline_mmseg(monkeypatch):
    def refuse(*_):
        raise AssertionError('a config must not use the network')

    monkeypatch.setattr(socket.socket, 'connect', refuse)
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield


def load(name):
    return read(ROOT / 'configs' / f'{name}.py')


def on_no_device(config):
    with torch.device('meta'), LinspaceOnHost():
        return MODELS.build(config.model)


def shrunken(name):
    """The config's model, small in all its parts."""
    model = load(name).model
    changes, widths = SMALL[name]
    model.backbone.update(img_size=SIDE, init_cfg=None, **changes)
    widths = [widths] * 4 if isinstance(widths, int) else widths
    if model.get('neck'):
        model.neck.embed_dims = widths[-1]
    model.decode_head.update(in_channels=widths, channels=16, num_classes=CLASSES)
    model.auxiliary_head.update(in_channels=widths[2], channels=16, num_classes=CLASSES)
    model.data_preprocessor.size = (SIDE, SIDE)
    if model.test_cfg.mode == 'slide':
        model.test_cfg.update(crop_size=(SIDE, SIDE), stride=(42, 42))
    return model


def test_every_ade20k_config_is_in_the_table():
    files = (ROOT / 'configs').glob('*/transfer/ade20k-*.py')
    found = {file.relative_to(ROOT / 'configs').with_suffix('').as_posix() for file in files}
    assert found == set(CONFIGS)


@pytest.mark.parametrize('name', CONFIGS)
def test_settings_and_sizes(name):
    config = load(name)
    encoder, whole, rate, decay, drop_path, iterations = CONFIGS[name]
    assert not [text for text in strings(config.to_dict()) if '://' in text], 'a URL'
    assert config.model.pretrained is None
    assert config.model.backbone.init_cfg.checkpoint == ''
    assert config.model.backbone.drop_path_rate == drop_path
    assert config.auto_scale_lr == dict(enable=True, base_batch_size=16)
    assert config.train_dataloader.batch_size * 8 == 16
    assert config.train_cfg.max_iters == iterations
    swin = decay is None
    assert config.model.test_cfg.mode == ('whole' if swin else 'slide')
    optimizer = config.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.weight_decay) == (rate, 0.01 if swin else 0.05)
    assert optimizer.betas == (0.9, 0.999)

    model = on_no_device(config)
    for part, millions in ((model.backbone, encoder), (model, whole)):
        assert sum(p.numel() for p in part.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)
    for head in (model.decode_head, model.auxiliary_head):
        assert head.num_classes == head.conv_seg.out_channels == 150
        assert head.align_corners is False
    assert model.auxiliary_head.in_index == 2
    assert model.auxiliary_head.loss_decode.loss_weight == 0.4
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert {type(norm).__module__ for norm in norms} == {'mcl_plugins.layers.sync_norm'}


@pytest.mark.parametrize('name', CONFIGS)
def test_learning_rates(name):
    """Rates of the layers, decay, and the schedule over the first and the last iterations."""
    config = load(name)
    _, _, rate, decay, _, iterations = CONFIGS[name]
    model = on_no_device(config)
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    names = {id(p): n for n, p in model.named_parameters()}
    groups = {names[id(p)]: g for g in wrapper.optimizer.param_groups for p in g['params']}
    assert set(groups) == {n for n, p in model.named_parameters() if p.requires_grad}
    layers = model.backbone.num_layers + 1 if decay else 0
    rates = [group['lr'] for group in groups.values()]
    assert max(rates) == rate
    assert min(rates) == pytest.approx(rate * (decay or 1) ** layers)
    for parameter_name, parameter in model.named_parameters():
        if decay:
            plain = parameter.ndim == 1 or parameter_name.endswith(('cls_token', 'pos_embed'))
        else:
            plain = 'norm' in parameter_name or 'position_bias' in parameter_name
        assert (groups[parameter_name]['weight_decay'] == 0) == plain, parameter_name

    warmup, poly = config.param_scheduler
    assert 'end' not in poly  # the runner's: the last iteration
    short = 3000
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    default = dict(optimizer=optimizer)
    schedulers = [PARAM_SCHEDULERS.build(warmup, default_args=default)]
    schedulers.append(PARAM_SCHEDULERS.build({**poly, 'end': short}, default_args=default))
    factors = []
    for _ in range(short):
        factors.append(optimizer.param_groups[0]['lr'] / rate)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert factors[0] == pytest.approx(1e-6)
    assert factors[1500] == pytest.approx(1, abs=1e-3) == max(factors)
    assert factors[750] == pytest.approx(0.5, abs=1e-3)
    assert factors[2250] == pytest.approx(0.5, abs=1e-3)
    assert 0 <= factors[-1] < 1e-3
    assert iterations > short


@pytest.mark.parametrize(
    'name', ['cmae/transfer/ade20k-upernet_vit-b', 'moby/transfer/ade20k-upernet_swin-t']
)
def test_data(name, tmp_path):
    """What training, validation and several scales see of a wide and a tall image."""
    config, slide = load(name), 'moby' not in name
    root = make_ade20k(tmp_path, [(48, 240), (120, 90)])  # the first is wider than 4 : 1

    def samples(loader, **settings):
        dataset = {**config[loader].dataset, 'data_root': str(root), **settings}
        return DATASETS.build(dataset)

    train = samples('train_dataloader')
    assert len(train) == 2
    for sample in train:
        assert sample['inputs'].dtype == torch.uint8
        shape = sample['inputs'].shape[1:]
        assert max(shape) <= 512 and sample['data_samples'].gt_sem_seg.shape == shape
    for loader in ('val_dataloader', 'test_dataloader'):
        wide, tall = (sample['inputs'].shape[1:] for sample in samples(loader))
        assert wide == ((512, 2560) if slide else (410, 2048))
        assert tall == (683, 512)
        assert config[loader].batch_size == 1
    copies = samples('test_dataloader', pipeline=config.tta_pipeline)[1]
    sides = [image.shape[2] for image in copies['inputs'][::2]]
    assert sides == ([512] * 3 if slide else [256, 384, 512]) + [640, 768, 896]
    assert [sample.flip for sample in copies['data_samples']] == [False, True] * 6


@pytest.mark.parametrize('name', SMALL)
def test_learns_and_predicts(name):
    """A step in which every parameter gets a gradient, and a prediction of the image's size."""
    torch.manual_seed(0)
    config, model = load(name), MODELS.build(shrunken(name))
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(model, config.optim_wrapper)
    samples = [labelled(SIDE, SIDE) for _ in range(2)]
    images = [torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8) for _ in samples]
    with wrapper.optim_context(model):
        data = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
        losses = model(**data, mode='loss')
        loss, _ = model.parse_losses(losses)
    wrapper.backward(loss)
    assert {'decode.loss_ce', 'aux.loss_ce'} <= set(losses)
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    before = {n: p.clone() for n, p in model.named_parameters()}
    wrapper.step()
    unmoved = {n for n, p in model.named_parameters() if torch.equal(p, before[n])}
    assert not unmoved - {n for n, p in model.named_parameters() if not p.grad.any()}

    model.eval()
    sample = labelled(70, 100, img_shape=(75, 107))
    image = torch.randint(0, 256, (3, 75, 107), dtype=torch.uint8)
    with torch.no_grad():
        data = model.data_preprocessor(dict(inputs=[image], data_samples=[sample]))
        (prediction,) = model(**data, mode='predict')
    assert prediction.seg_logits.shape == (70, 100)
    assert prediction.seg_logits.data.shape[0] == CLASSES
    assert prediction.seg_logits.data.isfinite().all()


def labelled(height, width, **meta):
    """A sample whose first rows do not count."""
    labels = torch.randint(0, CLASSES, (1, height, width))
    labels[:, :8] = 255
    shapes = dict(ori_shape=(height, width), img_shape=(height, width), padding_size=[0] * 4)
    sample = SegDataSample(metainfo={**shapes, **meta})
    sample.gt_sem_seg = PixelData(data=labels)
    return sample


@pytest.mark.parametrize(
    ('name', 'source'),
    [
        (
            'cmae/transfer/ade20k-upernet_vit-b',
            lambda: MaskedViT(arch=VIT, img_size=32),
        ),
        (
            'cmae/transfer/ade20k-upernet_conv-vit-b',
            lambda: MaskedConvViT(
                arch=SMALL['cmae/transfer/ade20k-upernet_conv-vit-b'][0]['arch'], img_size=32
            ),
        ),
        (
            'moby/transfer/ade20k-upernet_swin-t',
            lambda: SimMIMSwin(**SMALL['moby/transfer/ade20k-upernet_swin-t'][0], img_size=128),
        ),
    ],
)
def test_a_checkpoint_goes_in_without_surgery(name, source, tmp_path):
    """Through the segmentor's own initialisation, which would not notice if nothing was loaded."""
    encoder, path = source(), tmp_path / 'epoch_1.pth'
    save_file({'state_dict': {f'backbone.{k}': v for k, v in encoder.state_dict().items()}}, path)
    config = shrunken(name)
    config.backbone.init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    model = MODELS.build(config)
    model.init_weights()
    loaded, saved = model.backbone.state_dict(), encoder.state_dict()
    added = r'relative_position|gamma_[12]$|norm\d\.'  # by the transfer
    left_out = r'ln1\.|fusions\.|mask_token$'  # of the pre-training
    assert not [key for key in loaded.keys() - saved.keys() if not re.search(added, key)]
    assert not [key for key in saved.keys() - loaded.keys() if not re.match(left_out, key)]
    for key in loaded.keys() & saved.keys() - {'pos_embed'}:  # which is resized
        assert torch.equal(loaded[key], saved[key]), key


def test_the_heads_of_cmae_start_as_xavier_says():
    for name in ('cmae/transfer/ade20k-upernet_vit-b', 'cmae/transfer/ade20k-upernet_conv-vit-b'):
        model = MODELS.build(shrunken(name))
        model.init_weights()
        outside = [m for n, m in model.named_modules() if not n.startswith('backbone')]
        layers = [m for m in outside if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
        assert len(layers) > 12
        for layer in layers:
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            bound = (6 / (fan_in + fan_out)) ** 0.5
            assert 0.8 * bound < layer.weight.abs().max() <= bound, layer
