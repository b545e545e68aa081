"""Theirs -> ours: files of other libraries and released codes give an encoder the same features."""

import hashlib

import pytest
import timm
import torch
import torchvision
from conversion import released
from mmpretrain.registry import MODELS
from safetensors.torch import save_file as save_tensors

from arrows import record
from conftest import SMALL_VIT
from foreign import (
    MODELS_IN,
    RELEASED,
    SIZES,
    TIMM_SIZES,
    mae,
    mocov3,
    plain,
    randomise_all_but_zeros,
    randomised,
    rotary,
    timm_model,
)
from mcl_plugins import load_encoder
from mcl_plugins.backbones import MaskedViT, VisionTransformer
from mcl_plugins.checkpoint import sources
from mcl_plugins.checkpoint.ccmim import CCMIM
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.checkpoint.moby import MOBY
from mcl_plugins.encoders.config import FAMILIES


def largest(encoder, images, wanted):
    """The largest difference of the features from (N, [1 +] L, D) or (N, rows, columns, D)."""
    with torch.no_grad():
        features = encoder(images)
    wanted = wanted.flatten(1, -2)
    found = features.patch_tokens
    if features.class_token is not None:
        found = torch.cat((features.class_token[:, None], found), dim=1)
    assert found.shape == wanted.shape
    return (found - wanted).abs().max().item()


@pytest.mark.parametrize('name', MODELS_IN)
def test_their_model_and_its_file_have_the_same_features_here(tmp_path, name):
    family, create = MODELS_IN[name]
    model, run = create()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        wanted = run(images)
    save_tensors(
        {k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / 'a.safetensors'
    )
    arch = dict(num_heads=3) if 'ViT' in family else None
    loaded = [load_encoder(model), load_encoder(tmp_path / 'a.safetensors', arch=arch)]
    record('in', name, family, max(largest(encoder, images, wanted) for encoder in loaded))


@pytest.mark.parametrize('name', RELEASED)
def test_init_cfg_takes_released_files_and_says_what_they_are(tmp_path, name, monkeypatch):
    build, write = RELEASED[name]
    source = build()
    source.init_weights()
    randomise_all_but_zeros(source)
    torch.save(write(source), tmp_path / 'released.pth')
    said = []
    monkeypatch.setattr(
        'mcl_plugins.checkpoint.loading.print_log', lambda text, **_: said.append(text)
    )
    model = build()
    model.init_cfg = dict(
        type='Pretrained', checkpoint=str(tmp_path / 'released.pth'), prefix='backbone.'
    )
    model.init_weights()
    for tensor, wanted in zip(
        model.state_dict().values(), source.state_dict().values(), strict=True
    ):
        assert torch.equal(tensor, wanted)
    assert 'in the layout of' in said[-1]
    images = torch.randn(2, 3, 32, 32)
    arch = dict(num_heads=3) if build in (plain, rotary) else None
    encoder = load_encoder(tmp_path / 'released.pth', arch=arch)
    (output,) = source(images)
    output = output if output.ndim == 3 else output.movedim(1, -1)
    if build is rotary:
        output = output[:, [0, *range(5, 21)]]
    family = FAMILIES[encoder.config.family]
    record('in', f'released: {name}', family, largest(encoder, images, output.detach()))


@pytest.mark.parametrize('name', ['MoCo v3', 'a timm training', 'MoBY'])
def test_the_ema_of_a_released_file_can_be_chosen(tmp_path, name):
    build, write = RELEASED[name]
    source = randomised(build())
    torch.save(write(source), tmp_path / 'released.pth')
    arch = dict(num_heads=3) if build is plain else None
    first, second = (
        load_encoder(tmp_path / 'released.pth', arch, which).backbone.state_dict()
        for which in ('student', 'ema')
    )
    for one, other in zip(first.values(), second.values(), strict=True):
        if one.is_floating_point():
            assert torch.equal(2 * one, other)
    model = build()
    model.init_cfg = dict(
        type='Pretrained', checkpoint=str(tmp_path / 'released.pth'), prefix='ema.backbone.'
    )
    model.init_weights()
    name = next(name for name in second if name.endswith('qkv.weight'))
    assert torch.equal(model.state_dict()[name], second[name])


@pytest.mark.parametrize(
    ('method', 'names', 'heads'),
    [('ccmim', CCMIM, 2), ('moby', MOBY, None)],
)
def test_golden_files_and_their_conversions_are_the_same_encoder(tmp_path, method, names, heads):
    tensors = released(method)
    torch.save({'model': tensors}, tmp_path / 'released.pth')
    torch.save({'state_dict': names.from_released(tensors)}, tmp_path / 'converted.pth')
    arch = dict(num_heads=heads) if heads else None
    one, other = (
        load_encoder(tmp_path / f'{kind}.pth', arch, 'student')
        for kind in ('released', 'converted')
    )
    for name, tensor in one.backbone.state_dict().items():
        assert torch.equal(tensor.float(), other.backbone.state_dict()[name].float()), name


def test_layer_scale_is_multiplied_into_an_encoder_without_it(tmp_path):
    model, run = timm_model('vit_small_patch14_dinov2', **TIMM_SIZES)
    torch.save(model.state_dict(), tmp_path / 'dinov2.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'dinov2.pth'), prefix='backbone.')
    plain_model = MaskedViT(**SIZES, init_cfg=init)
    plain_model.init_weights()
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(plain_model(images)[0], run(images), rtol=1e-4, atol=1e-4)


def test_the_twelve_heads_of_mocov3s_small_vit_are_known(tmp_path):
    arch = dict(embed_dims=384, num_layers=1, num_heads=12, feedforward_channels=64)
    source = VisionTransformer(arch, img_size=32, out_type='raw')
    torch.save(mocov3(source), tmp_path / 'vit-s.pth.tar')
    assert load_encoder(tmp_path / 'vit-s.pth.tar').config.arch['num_heads'] == 12
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'vit-s.pth.tar'), prefix='backbone.')
    other = MaskedViT({**arch, 'num_heads': 6}, img_size=32, init_cfg=init)
    with pytest.raises(ValueError, match=r'12 attention heads, and this encoder has 6.*mocov3'):
        other.init_weights()


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (torchvision.models.resnet18, 'like bn1.*three nearest.*\n.*: expects names such as'),
        (
            lambda: timm.create_model('swinv2_tiny_window8_256', embed_dim=24, depths=(1, 1, 1, 1)),
            'Swin.*: layers.0.blocks.0.attn.logit_scale in the file, which such an encoder does',
        ),
    ],
)
def test_an_unknown_layout_lists_the_three_nearest(tmp_path, content, message):
    torch.save(content().state_dict(), tmp_path / 'other.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'other.pth'), prefix='backbone.')
    model = MaskedViT(**SIZES, init_cfg=init)
    with pytest.raises(ValueError, match=message) as raised:
        model.init_weights()
    assert str(raised.value).count('\n  ') == 3


def test_an_unknown_tensor_in_a_block_is_not_lost(tmp_path):
    tensors = TIMM_VIT.to_theirs(plain().state_dict())
    tensors['blocks.1.attn.q_norm.weight'] = torch.ones(16)
    torch.save(tensors, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'unexpected: layers.1.attn.q_norm.weight'):
        load_encoder(tmp_path / 'other.pth', arch=dict(num_heads=3))


@pytest.fixture
def web(tmp_path, monkeypatch):
    """Count downloads of one file, as any address gives it."""
    torch.save(TIMM_VIT.to_theirs(plain().state_dict()), tmp_path / 'vit.pth')
    content, calls = (tmp_path / 'vit.pth').read_bytes(), []

    def download(url, target, *_, **__):
        calls.append(url)
        with open(target, 'wb') as file:  # noqa: PTH123
            file.write(content)

    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setattr(sources.torch.hub, 'download_url_to_file', download)
    return hashlib.sha256(content).hexdigest(), calls


def test_a_url_is_downloaded_once_and_its_hash_is_checked(web):
    digest, calls = web
    for url in (
        f'https://models.example/vit-{digest[:8]}.pth',
        f'https://models.example/vit.pth#sha256={digest}',
        'https://models.example/vit-20220225.pth',  # a date is no hash
    ):
        calls.clear()
        for _ in range(2):
            model = MaskedViT(**SIZES, init_cfg=dict(type='Pretrained', checkpoint=url, prefix=''))
            model.init_weights()
        assert calls == [url.partition('#')[0]]


@pytest.mark.parametrize('end', ['-0badc0de.pth', '.pth#sha256=0badc0de0badc0de'])
def test_another_hash_is_refused_and_the_download_deleted(web, tmp_path, end):
    with pytest.raises(ValueError, match='its SHA-256 does not begin with 0badc0de'):
        load_encoder(f'https://models.example/vit{end}')
    assert not [file for file in (tmp_path / 'torch').rglob('*') if file.is_file()]


def test_what_follows_the_hash_sign_is_a_hash(web):
    with pytest.raises(ValueError, match='must be sha256= and 8 to 64 digits'):
        load_encoder('https://models.example/vit.pth#md5=0badc0de')


def test_a_pre_training_continues_from_other_weights(tmp_path):
    source = MaskedViT(**SIZES)
    source.init_weights()
    torch.save(mae(source), tmp_path / 'mae.pth')
    backbone = {**SMALL_VIT, 'type': 'mcl_plugins.SimMIMViT'}
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'mae.pth'), prefix='backbone.')
    model = MODELS.build({**backbone, 'init_cfg': init})
    model.init_weights()
    wanted = source.state_dict()
    for name, tensor in model.state_dict().items():
        # MAE's mask token is the decoder's; SimMIM's, which is the encoder's, is new.
        assert name == 'mask_token' or torch.equal(tensor, wanted[name]), name
