"""The encoder of any checkpoint computes what it computed in its training."""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from conftest import PREPROCESSOR, SMALL, SMALL_MASKED_MOCO, SMALL_SWIN, SMALL_VIT
from mcl_plugins import load_encoder
from mcl_plugins.checkpoint.files import load_file, save_file
from mcl_plugins.checkpoint.layouts.recognise import find_encoders
from mcl_plugins.checkpoint.layouts.vit import TIMM_VIT
from mcl_plugins.encoders.shapes import read_config

HYBRID = dict(
    type='mcl_plugins.MaskedConvViT',
    arch=dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2),
    img_size=32,
)
SWIN = dict(type='mcl_plugins.SimMIMSwin', **SMALL_SWIN)


def randomised(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1) if parameter.ndim > 1 else parameter.uniform_(0.5, 1.5)
    model.eval()
    return model


@pytest.fixture
def photos():
    return torch.randn(2, 3, 32, 32)


def saved(path, source, **config):
    """A checkpoint as a Runner writes it: tensors, and the config as text."""
    text = Config(config).pretty_text
    save_file({'state_dict': source.state_dict(), 'meta': {'cfg': text}}, path)
    return path


def all_tokens(features):
    if features.class_token is None:
        return features.patch_tokens
    return torch.cat((features.class_token[:, None], features.patch_tokens), dim=1)


@pytest.mark.parametrize('which', ['student', 'ema', None])
def test_student_and_ema_of_a_pre_training(tmp_path, photos, which):
    model = randomised(MODELS.build(SMALL))
    encoder = load_encoder(saved(tmp_path / 'epoch_1.pth', model, model=SMALL), which=which)
    source = model.backbone if which == 'student' else model.ema.backbone  # ConMIM uses its EMA
    torch.testing.assert_close(all_tokens(encoder(photos)), source(photos)[0], rtol=1e-5, atol=1e-5)
    assert not encoder.training
    assert encoder.origin['which'] == (which or 'ema')
    assert list(encoder.preprocess.mean) == PREPROCESSOR['mean']


@pytest.mark.parametrize('backbone', [SMALL_VIT, SWIN, HYBRID], ids=['vit', 'swin', 'hybrid'])
def test_every_family_needs_no_config_file(tmp_path, photos, backbone):
    model = randomised(MODELS.build(backbone))
    prefixed = torch.nn.ModuleDict({'backbone': model})
    path = saved(tmp_path / 'iter_9.pth', prefixed, model=dict(type='X', backbone=backbone))
    features = load_encoder(path)(photos)
    (wanted,) = model(photos)
    if wanted.ndim == 4:
        torch.testing.assert_close(features.feature_maps[-1], wanted)
    else:
        torch.testing.assert_close(all_tokens(features), wanted)
    torch.testing.assert_close(
        features.patch_tokens, features.feature_maps[-1].flatten(2).transpose(1, 2)
    )
    torch.testing.assert_close(features.mean, features.patch_tokens.mean(1))


def test_the_maps_of_a_swin_are_those_of_its_stages(photos):
    model = randomised(
        MODELS.build(dict(type='mmpretrain.SwinTransformer', **SMALL_SWIN, out_indices=(0, 1)))
    )
    model.norm0 = torch.nn.Identity()  # only the last stage has one in a pre-training
    wanted = model(photos)
    for found, other in zip(load_encoder(model)(photos).feature_maps, wanted, strict=True):
        torch.testing.assert_close(found, other)


def test_a_fine_tuned_classifier_keeps_its_norm_after_the_mean(tmp_path, photos):
    backbone = {**SMALL_VIT, 'type': 'mcl_plugins.VisionTransformer', 'out_type': 'avg_featmap'}
    config = dict(
        type='ImageClassifier',
        backbone=dict(**backbone, final_norm=False),
        head=dict(type='LinearClsHead', in_channels=48, num_classes=3),
    )
    model = randomised(MODELS.build(config))
    features = load_encoder(saved(tmp_path / 'best.pth', model, model=config))(photos)
    torch.testing.assert_close(features.mean, model.backbone(photos)[0])


@pytest.mark.parametrize('config', [SMALL, SMALL_MASKED_MOCO], ids=['tables', 'positions'])
def test_positions_of_another_size_are_those_of_init_cfg(tmp_path, config):
    model = randomised(MODELS.build(config))
    path = saved(tmp_path / 'epoch_1.pth', model, model=config)
    encoder = load_encoder(path, which='student', img_size=48)
    settings = {**config['backbone'], 'img_size': 48}
    init = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    other = MODELS.build({**settings, 'init_cfg': init}).eval()
    other.init_weights()
    images = torch.randn(1, 3, 48, 48)
    torch.testing.assert_close(all_tokens(encoder(images)), other(images)[0], rtol=1e-5, atol=1e-5)


def test_a_gray_image_has_the_features_of_the_same_image_in_colour(tmp_path):
    model = randomised(MODELS.build(SMALL_MASKED_MOCO))
    path = saved(tmp_path / 'epoch_1.pth', model, model=SMALL_MASKED_MOCO)
    gray = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    one, three = load_encoder(path, in_chans=1), load_encoder(path)
    torch.testing.assert_close(one.encode(gray).patch_tokens, three.encode(gray).patch_tokens)


def test_bands_are_those_of_the_file_and_no_others(tmp_path):
    config = copy.deepcopy(SMALL_MASKED_MOCO)
    config['backbone']['in_channels'] = 5
    config['data_preprocessor'] = dict(**PREPROCESSOR, views=[[], []])
    config['data_preprocessor'].update(mean=[1, 2, 3, 4, 5], std=[1] * 5)
    path = saved(tmp_path / 'epoch_1.pth', MODELS.build(config), model=config)
    encoder = load_encoder(path)
    assert encoder.config.in_channels == 5
    assert list(encoder.preprocess.mean) == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match=r'trained on images of 5 bands.*Leave in_chans out'):
        load_encoder(path, in_chans=3)


@pytest.mark.parametrize(('width', 'heads'), [(384, 6), (1152, 16), (1280, 16), (1536, 24)])
def test_plain_vits_have_the_heads_of_the_published_ones(tmp_path, width, heads):
    arch = dict(embed_dims=width, num_layers=1, num_heads=heads, feedforward_channels=8)
    model = MODELS.build({**SMALL_VIT, 'arch': arch})
    save_file(TIMM_VIT.to_theirs(model.state_dict()), tmp_path / 'vit.pth')
    assert load_encoder(tmp_path / 'vit.pth').config.arch['num_heads'] == heads


@pytest.mark.parametrize(
    'name',
    [
        'beit_large_patch16_224',
        'deit_tiny_patch16_224',
        'eva_giant_patch14_224',
        'eva_giant_patch14_clip_224',
        'vit_base_patch16_plus_240',
        'vit_giant_patch14_clip_224',
        'vit_giant_patch14_dinov2',
        'vit_giant_patch14_reg4_dinov2',
        'vit_giantopt_patch16_siglip_256',
        'vit_gigantic_patch14_clip_224',
        'vit_huge_patch14_224',
        'vit_huge_patch16_radio_v3',
        'vit_large_patch16_dinov3',
        'vit_so400m_patch14_reg1_tipsv2',
        'vit_so400m_patch14_siglip_224',
    ],
)
def test_heads_are_those_that_timm_builds(name):
    timm = pytest.importorskip('timm')
    if name not in timm.list_models(name):
        pytest.skip(f'this version of timm has no {name}')
    with torch.device('meta'):  # shapes only
        model = timm.create_model(name, depth=1)
    (found,) = find_encoders(model.state_dict(), name)
    assert read_config(found.tensors).arch['num_heads'] == model.blocks[0].attn.num_heads


ROTARY = {
    'vit_pe_core_tiny_patch16_384': 'is a Perception Encoder',
    'vit_pe_spatial_tiny_patch16_512': 'is a Perception Encoder',
    'vit_pe_lang_large_patch14_448': 'is a Perception Encoder',
    'vit_small_patch16_rope_224': 'neither position embeddings nor tables',
    'vit_small_patch16_rope_mixed_224': 'mixed rotary positions',
    'vit_small_patch16_rope_mixed_ape_224': 'mixed rotary positions',
    'vit_medium_patch16_rope_reg1_gap_256': 'registers and no class token',
}


@pytest.mark.parametrize('name', ROTARY)
def test_a_vit_whose_positions_have_no_tensor_is_refused(name):
    """Its tensors are those of a plain ViT, with which it would have other features."""
    timm = pytest.importorskip('timm')
    with torch.device('meta'):
        model = timm.create_model(name, num_classes=0)
    with pytest.raises(ValueError, match=f'^Eva.*{ROTARY[name]}'):
        load_encoder(model)


def test_the_heads_of_a_vit_beyond_the_published_ones_are_asked_for(tmp_path):
    arch = dict(embed_dims=2048, num_layers=1, num_heads=16, feedforward_channels=8)
    model = MODELS.build({**SMALL_VIT, 'arch': arch})
    save_file(TIMM_VIT.to_theirs(model.state_dict()), tmp_path / 'vit.pth')
    with pytest.raises(ValueError, match=r'width 2048 is not in its tensors: give arch'):
        load_encoder(tmp_path / 'vit.pth')


def test_the_head_width_is_asked_for_where_nothing_shows_it(tmp_path, photos):
    model = randomised(MODELS.build(SMALL_VIT))
    save_file(TIMM_VIT.to_theirs(model.state_dict()), tmp_path / 'vit.pth')
    with pytest.raises(ValueError, match=r'width 48 is not in its tensors: give arch'):
        load_encoder(tmp_path / 'vit.pth')
    encoder = load_encoder(tmp_path / 'vit.pth', arch=dict(num_heads=3))
    torch.testing.assert_close(all_tokens(encoder(photos)), model(photos)[0])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(which='ema'), "no encoder for which='ema'; it has the encoder under 'backbone.'"),
        (dict(which='teacher'), "which='teacher' is unknown"),
        (dict(arch='base'), r'embed_dims=768 \(the file: 48\), num_layers=12 \(the file: 2\)'),
        (dict(arch='huge-ish'), "Unknown arch 'huge-ish'"),
        (dict(arch=dict(num_heads=7)), 'num_heads=7 does not divide the width 48'),
        (dict(img_size=33), 'img_size=33 is not a multiple of patch_size=8; use 32 or 40'),
    ],
)
def test_a_wrong_argument_is_named(tmp_path, arguments, message):
    model = torch.nn.ModuleDict({'backbone': MODELS.build(SMALL_VIT)})
    path = saved(tmp_path / 'epoch_1.pth', model, model=dict(type='X', backbone=SMALL_VIT))
    with pytest.raises(ValueError, match=message):
        load_encoder(path, **arguments)


def test_the_config_in_a_file_is_not_run(tmp_path, photos):
    model = randomised(MODELS.build(SMALL_VIT))
    trap = tmp_path / 'trap'
    text = (
        f'import pathlib; pathlib.Path({str(trap)!r}).touch()\n'
        f'model = dict(type="os.system", command="touch {trap}", '
        'backbone=dict(type="subprocess.run", args="ls", arch=dict(num_heads=3)))'
    )
    state = {f'backbone.{name}': tensor for name, tensor in model.state_dict().items()}
    save_file({'state_dict': state, 'meta': {'cfg': text}}, tmp_path / 'epoch_1.pth')
    encoder = load_encoder(tmp_path / 'epoch_1.pth')
    torch.testing.assert_close(all_tokens(encoder(photos)), model(photos)[0])
    assert not trap.exists()


def test_a_safetensors_file_and_its_meta_do(tmp_path, photos):
    model = randomised(MODELS.build(SMALL))
    content = load_file(saved(tmp_path / 'epoch_1.pth', model, model=SMALL))
    save_file(content, tmp_path / 'epoch_1.safetensors')
    first, second = (
        load_encoder(tmp_path / f'epoch_1.{kind}')(photos) for kind in ('pth', 'safetensors')
    )
    assert torch.equal(first.patch_tokens, second.patch_tokens)


def test_preprocessing_is_the_test_pipeline_of_the_configs():
    from mmcv.transforms import Compose  # noqa: PLC0415
    from mmpretrain.datasets import CenterCrop, ResizeEdge  # noqa: PLC0415

    model = load_encoder(MODELS.build({**SMALL_VIT, 'img_size': 56}))
    pixels = np.asarray(
        Image.fromarray(
            np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        ).resize((120, 90), Image.Resampling.BICUBIC)
    )
    edge = ResizeEdge(64, edge='short', backend='pillow', interpolation='bicubic')
    wanted = Compose([edge, CenterCrop(56)])({'img': pixels})['img']
    found = model.preprocess.cut(model.preprocess.read(pixels)).permute(1, 2, 0).numpy()
    assert np.array_equal(found, wanted)


def test_images_in_every_form_are_the_same(tmp_path):
    prepare = load_encoder(MODELS.build(SMALL_VIT)).preprocess
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), dtype=np.uint8)
    wanted = prepare(pixels)
    assert wanted.shape == (2, 3, 32, 32)
    for index, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f'{index}.png')
    for images in (
        list(pixels),
        torch.from_numpy(pixels).movedim(-1, 1),
        [Image.fromarray(image) for image in pixels],
        [tmp_path / '0.png', str(tmp_path / '1.png')],
    ):
        assert torch.equal(prepare(images), wanted)
    gray = pixels[0, ..., 0]
    assert torch.equal(prepare(gray), prepare(np.stack([gray] * 3, axis=-1)))
    for wrong, message in (
        (pixels[..., :2], '2 bands and the encoder takes 3'),
        (pixels / 2, '8 bits'),
        (Image.fromarray(gray.astype(np.uint16) * 257), 'type uint16: give 8 bits'),
        (Image.fromarray(gray.astype(np.float32)), 'type float32: give 8 bits'),
    ):
        with pytest.raises(ValueError, match=message):
            prepare(wrong)


def test_what_is_beside_a_checkpoint_need_not_be_of_a_model(tmp_path, photos):
    model = randomised(MODELS.build(SMALL_VIT))
    save_file(model.state_dict(), tmp_path / 'vit.pth')
    (tmp_path / 'config.json').write_text('no JSON')
    encoder = load_encoder(tmp_path / 'vit.pth', arch=dict(num_heads=3))
    torch.testing.assert_close(all_tokens(encoder(photos)), model(photos)[0])


def test_a_checkpoint_that_contains_itself_ends():
    content = {
        'state_dict': {f'backbone.{k}': v for k, v in MODELS.build(SMALL_VIT).state_dict().items()}
    }
    content['again'] = content
    (found,) = {encoder.place for encoder in find_encoders({'model': content['state_dict']}, 'x')}
    assert found == 'backbone.'
    assert find_encoders(content, 'x')


@pytest.mark.parametrize('name', ['encoder.onnx', 'encoder.pt'])
def test_a_program_is_no_checkpoint(tmp_path, name):
    if name.endswith('.pt'):
        torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(tmp_path / name))
    else:
        (tmp_path / name).write_bytes(b'onnx')
    with pytest.raises(ValueError, match='is a program, not a checkpoint'):
        load_encoder(tmp_path / name)
