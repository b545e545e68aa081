"""Theirs -> ours: files of other libraries and released codes give an encoder the same features."""

import hashlib
from argparse import Namespace

import pytest
import timm
import torch
import torchvision
import transformers
from conversion import released
from mmpretrain.registry import MODELS
from safetensors.torch import save_file as save_tensors

from arrows import record
from conftest import SMALL_SWIN, SMALL_VIT
from mcl_plugins import load_encoder
from mcl_plugins.backbones import BEiTViT, MaskedViT, SwinTransformer, VisionTransformer
from mcl_plugins.checkpoint import sources
from mcl_plugins.checkpoint.ccmim import CCMIM
from mcl_plugins.checkpoint.layouts.beit import TIMM_BEIT
from mcl_plugins.checkpoint.layouts.swin import RELEASED_SWIN
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.checkpoint.moby import MOBY

ARCH = SMALL_VIT['arch']
SIZES = dict(arch=ARCH, img_size=32, patch_size=8)
SWIN = SMALL_SWIN
TIMM_SIZES = dict(embed_dim=48, depth=2, num_heads=3, img_size=32, patch_size=8, mlp_ratio=2)
HF_SIZES = dict(
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=96,
    image_size=32,
    patch_size=8,
)
HF_SWIN = dict(
    image_size=32, patch_size=2, embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4
)
TIMM_SWIN = dict(
    embed_dim=16, depths=(2, 2), num_heads=(2, 4), window_size=4, patch_size=2, img_size=32
)


def randomised(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1) if parameter.ndim > 1 else parameter.uniform_(0.5, 1.5)
    return model.train(False) or model


def timm_model(name, **sizes):
    model = randomised(timm.create_model(name, **sizes))
    return model, model.forward_features


def hf_model(name, config, **kwargs):
    model = randomised(getattr(transformers, name)(config, **kwargs))
    return model, lambda images: model(images).last_hidden_state


def hf_mae():
    config = transformers.ViTMAEConfig(
        **HF_SIZES,
        mask_ratio=0.0,
        decoder_hidden_size=32,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
    )
    model = randomised(transformers.ViTMAEForPreTraining(config))
    in_order = torch.arange(16.0).expand(2, 16)
    return model, lambda images: model.vit(images, noise=in_order).last_hidden_state


def torchvision_vit():
    model = randomised(torchvision.models.VisionTransformer(32, 8, 2, 3, 48, 96))

    def run(images):
        tokens = model._process_input(images)
        return model.encoder(torch.cat((model.class_token.expand(2, -1, -1), tokens), dim=1))

    return model, run


def torchvision_swin():
    model = randomised(torchvision.models.SwinTransformer([2, 2], 16, [2, 2], [2, 4], [4, 4]))
    return model, lambda images: model.norm(model.features(images))


def dinov2_sizes():
    sizes = {name: size for name, size in HF_SIZES.items() if name != 'intermediate_size'}
    return dict(**sizes, mlp_ratio=2)


BEIT = dict(use_relative_position_bias=True)
SHARED = dict(use_shared_relative_position_bias=True, use_mean_pooling=False)
VIT, SWIN_224 = 'vit_base_patch16_224', 'swin_tiny_patch4_window7_224'
MODELS_IN = {
    'timm: ViT': ('plain ViT', lambda: timm_model(VIT, **TIMM_SIZES)),
    'timm: DINOv2': ('plain ViT', lambda: timm_model('vit_small_patch14_dinov2', **TIMM_SIZES)),
    'timm: BEiT': ('BEiT-like ViT', lambda: timm_model('beit_base_patch16_224', **TIMM_SIZES)),
    'timm: Swin': ('Swin transformer', lambda: timm_model(SWIN_224, **TIMM_SWIN)),
    'Hugging Face: ViT': (
        'plain ViT',
        lambda: hf_model('ViTModel', transformers.ViTConfig(**HF_SIZES)),
    ),
    'Hugging Face: ViTMAE': ('plain ViT', hf_mae),
    'Hugging Face: Dinov2': (
        'plain ViT',
        lambda: hf_model('Dinov2Model', transformers.Dinov2Config(**dinov2_sizes())),
    ),
    'Hugging Face: BEiT': (
        'BEiT-like ViT',
        lambda: hf_model('BeitModel', transformers.BeitConfig(**HF_SIZES, **BEIT)),
    ),
    'Hugging Face: BEiT, shared positions': (
        'BEiT-like ViT',
        lambda: hf_model(
            'BeitModel', transformers.BeitConfig(**HF_SIZES, **SHARED), add_pooling_layer=False
        ),
    ),
    'Hugging Face: Swin': (
        'Swin transformer',
        lambda: hf_model('SwinModel', transformers.SwinConfig(**HF_SWIN)),
    ),
    'torchvision: ViT': ('plain ViT', torchvision_vit),
    'torchvision: Swin': ('Swin transformer', torchvision_swin),
}


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


# Released files as their codes write them: what is around the encoder, and the method's names.
def mae(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    other = {'decoder_embed.weight': torch.ones(2, 2), 'mask_token': torch.ones(1, 1, 32)}
    return {'model': {**tensors, **other}, 'args': Namespace(lr=1), 'epoch': 8}


def mocov3(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    online = {f'module.base_encoder.{name}': tensor for name, tensor in tensors.items()}
    target = {f'module.momentum_encoder.{name}': 2 * tensor for name, tensor in tensors.items()}
    head = {'module.base_encoder.head.0.weight': torch.ones(2, 2)}
    return {'state_dict': {**online, **target, **head}, 'arch': 'vit_small'}


def dino(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    teacher = {f'backbone.{name}': tensor for name, tensor in tensors.items()}
    student = {f'module.backbone.{name}': 2 * tensor for name, tensor in tensors.items()}
    head = {'module.head.mlp.0.weight': torch.ones(2, 2)}
    return {'student': {**student, **head}, 'teacher': teacher, 'args': Namespace(out_dim=3)}


def beit(encoder):
    return {'model': TIMM_BEIT.to_theirs(encoder.state_dict())}


def simmim_vit(encoder):
    tensors = TIMM_BEIT.to_theirs(encoder.state_dict())
    decoder = {'decoder.0.weight': torch.ones(3, 3, 1, 1)}
    return {'model': {**{f'encoder.{k}': v for k, v in tensors.items()}, **decoder}}


def simmim_swin(encoder):
    tensors = RELEASED_SWIN.to_theirs(encoder.state_dict())
    mask = {'encoder.layers.0.blocks.1.attn_mask': torch.zeros(4, 16, 16)}
    return {'model': {**{f'encoder.{k}': v for k, v in tensors.items()}, **mask}}


def moby(encoder):
    tensors = RELEASED_SWIN.to_theirs(encoder.state_dict())
    online = {f'encoder.{name}': tensor for name, tensor in tensors.items()}
    target = {f'encoder_k.{name}': 2 * tensor for name, tensor in tensors.items()}
    return {'model': {**online, **target, 'queue1': torch.ones(3, 4)}}


def lightning(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    return {'state_dict': {f'model.module.encoder.{k}': v for k, v in tensors.items()}}


def timm_training(encoder):
    tensors = TIMM_VIT.to_theirs(encoder.state_dict())
    ema = {name: 2 * tensor for name, tensor in tensors.items()}
    return {'state_dict': tensors, 'state_dict_ema': ema, 'optimizer': {'state': {}}}


def relative():
    options = dict(use_shared_rel_pos_bias=True, use_rel_pos_bias=False)
    return BEiTViT(**SIZES, **options, out_type='raw', final_norm=True)


def swin():
    return SwinTransformer(**SWIN)


def plain():
    return VisionTransformer(**SIZES, out_type='raw')


RELEASED = {
    'MAE': (plain, mae),
    'DINO, full checkpoint': (plain, dino),
    'MoCo v3': (plain, mocov3),
    'BEiT': (relative, beit),
    "SimMIM's ViT": (relative, simmim_vit),
    "SimMIM's Swin": (swin, simmim_swin),
    'MoBY': (swin, moby),
    'a Lightning training': (plain, lightning),
    'a timm training': (plain, timm_training),
}


@pytest.mark.parametrize('name', RELEASED)
def test_init_cfg_takes_released_files_and_says_what_they_are(tmp_path, name, monkeypatch):
    build, write = RELEASED[name]
    source = build()
    source.init_weights()
    randomised(source)
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
    arch = dict(num_heads=3) if build is plain else None
    encoder = load_encoder(tmp_path / 'released.pth', arch=arch)
    (output,) = source(images)
    output = output if output.ndim == 3 else output.movedim(1, -1)
    record('in', f'released: {name}', build.__name__, largest(encoder, images, output.detach()))


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
            lambda: timm.create_model('vit_small_patch14_reg4_dinov2', depth=1),
            "timm's ViT.*: reg_token in the file, which such an encoder does not have",
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
