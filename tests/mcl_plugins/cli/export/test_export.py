"""Ours -> theirs: the other library loads the export and computes the same features."""

import json
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS
from PIL import Image

from arrows import LIMIT, record
from conftest import ROOT, SMALL, SMALL_SWIN, SMALL_VIT
from foreign import MODELS_IN, RELEASED
from mcl_plugins import load_encoder
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.cli.export import run, target
from mcl_plugins.cli.export.compare import largest_difference
from mcl_plugins.cli.export.target import Tokens
from mcl_plugins.cli.export.targets import TARGETS
from mcl_plugins.cli.parsers.export import TARGETS as NAMES
from mcl_plugins.encoders import Features
from mcl_plugins.encoders.config import FAMILIES

BACKBONES = {
    'vit': SMALL_VIT,
    'beit': SMALL['backbone'],
    'swin': dict(type='mcl_plugins.SimMIMSwin', **SMALL_SWIN),
    'hybrid': dict(
        type='mcl_plugins.MaskedConvViT',
        arch=dict(embed_dims=(8, 12, 24), depths=(1, 1, 2), num_heads=2),
        img_size=32,
    ),
    'dino': dict(
        type='mcl_plugins.DINOViT',
        arch=SMALL_VIT['arch'],
        img_size=32,
        patch_size=8,
        rotary=True,
    ),
}
PAIRS = [(to, family) for to, target in TARGETS.items() for family in target.families]


def encoder_of(family, **changes):
    model = MODELS.build({**BACKBONES[family], **changes})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1) if parameter.ndim > 1 else parameter.uniform_(0.5, 1.5)
    return load_encoder(model)


@pytest.mark.parametrize(('to', 'family'), PAIRS)
def test_features_are_equal_and_the_export_is_read_again(tmp_path, to, family):
    encoder = encoder_of(family)
    found = run.write_verified(encoder, to, 'epoch_1.pth', tmp_path / 'export')
    assert set(found) == {'random', 'photographs'}
    record('out', TARGETS[to].title, FAMILIES[family], max(found.values()))
    if to in ('onnx', 'torchscript'):
        return
    again = load_encoder(tmp_path / 'export')
    images = torch.randn(2, 3, 32, 32)
    found, wanted = (other(images).patch_tokens for other in (again, encoder))
    record(
        'in',
        f'a folder for {TARGETS[to].title}',
        FAMILIES[family],
        (found - wanted).abs().max().item(),
    )
    assert again.preprocess == encoder.preprocess


@pytest.mark.parametrize('family', ['vit', 'beit'])
@pytest.mark.parametrize('to', ['timm', 'huggingface', 'mmseg'])
def test_positions_of_another_size_are_exported(tmp_path, to, family):
    resized = load_encoder(encoder_of(family).backbone, img_size=48)
    assert resized.config.img_size == 48
    found = run.write_verified(resized, to, 'epoch_1.pth', tmp_path / 'export')
    record('out', TARGETS[to].title, f'{FAMILIES[family]}, resized', max(found.values()))


@pytest.mark.parametrize('to', ['timm', 'huggingface'])
def test_other_numbers_of_bands(tmp_path, to):
    for bands in (1, 4):
        encoder = encoder_of('vit', in_channels=bands)
        found = run.write_verified(encoder, to, 'epoch_1.pth', tmp_path / f'{bands}')
        assert max(found.values()) <= 1e-4


@pytest.mark.parametrize('to', ['timm', 'huggingface', 'mmpretrain'])
def test_a_fine_tuned_beit_keeps_its_norm_after_the_mean(tmp_path, to):
    changes = dict(type='mcl_plugins.BEiTViT', out_type='avg_featmap', final_norm=False)
    encoder = encoder_of('beit', **changes, use_shared_rel_pos_bias=True, use_rel_pos_bias=False)
    assert encoder.config.mean_norm
    found = run.write_verified(encoder, to, 'best.pth', tmp_path / 'export')
    assert max(found.values()) <= 1e-4


def test_every_library_refuses_what_it_does_not_have(tmp_path):
    assert tuple(TARGETS) == NAMES
    pairs = [(to, family) for to in TARGETS for family in FAMILIES if (to, family) not in PAIRS]
    assert len(pairs) == 15
    for to, family in pairs:
        with pytest.raises(
            ValueError, match=rf'no model of a {FAMILIES[family]} that.*; it has: .*safetensors'
        ):
            run.write_verified(encoder_of(family), to, 'epoch_1.pth', tmp_path / 'export')
    assert not list(tmp_path.iterdir())


def test_parts_that_a_library_lacks_are_refused(tmp_path):
    encoder = encoder_of('swin', type='mcl_plugins.SwinTransformer', mlp_norm='BN')
    with pytest.raises(ValueError, match="timm's model of this family has no BatchNorm"):
        run.write_verified(encoder, 'timm', 'epoch_1.pth', tmp_path / 'export')
    with pytest.raises(ValueError, match='torchvision.* has no input of 4 bands'):
        run.write_verified(
            encoder_of('vit', in_channels=4), 'torchvision', 'epoch_1.pth', tmp_path / 'export'
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('wrong', 'shown'), [(2e-2, r'\S+'), (math.nan, 'nan')])
def test_features_that_differ_leave_nothing_behind(tmp_path, monkeypatch, wrong, shown):
    """NaN, too, and also if it is only in the class tokens, or in the second kind of images."""
    own = TARGETS['safetensors']

    def read(encoder, folder):
        def features(images):
            found = own.read(encoder, folder)(images)
            far = wrong if len(images) == 3 else 0.0  # the photographs
            return Tokens(found.patch_tokens, found.class_token + far)

        return features

    monkeypatch.setitem(run.TARGETS, 'safetensors', own._replace(read=read))
    with pytest.raises(ValueError, match=f'differ by {shown} of the largest for photographs, more'):
        run.write_verified(encoder_of('vit'), 'safetensors', 'a.pth', tmp_path / 'export')
    assert not list(tmp_path.iterdir())


def features_of(values):
    return Features(values, None, (), values.mean(dim=1))


@pytest.mark.parametrize('scale', [1e-30, 1e-5, 1.0, 500.0, 1e6])
def test_differences_are_relative_to_the_scale_of_ours(scale):
    ours = scale * torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    rounded, wrong = ours * (1 + 3e-7), ours * 1.001
    assert largest_difference(features_of(ours), Tokens(rounded)) <= LIMIT
    assert largest_difference(features_of(ours), Tokens(wrong)) == pytest.approx(1e-3, rel=1e-2)
    with_class = features_of(ours)._replace(class_token=1e-4 * ours[:, 0])
    differing = Tokens(ours, with_class.class_token * 1.001)  # by little of the patch tokens
    assert largest_difference(with_class, differing) == pytest.approx(1e-3, rel=1e-2)


def test_features_that_are_all_zero_are_equal_to_zeros_only():
    zeros = torch.zeros(2, 5, 8)
    assert largest_difference(features_of(zeros), Tokens(zeros)) == 0
    assert largest_difference(features_of(zeros), Tokens(zeros + 1e-9)) > LIMIT


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_an_encoder_whose_own_features_are_not_finite_is_named(tmp_path, value):
    encoder = encoder_of('vit')
    with torch.no_grad():
        encoder.backbone.ln1.bias[0] = value
    with pytest.raises(ValueError, match=r'34 of 1632 features of the encoder itself .* random'):
        run.write_verified(encoder, 'safetensors', 'a.pth', tmp_path / 'export')
    assert not list(tmp_path.iterdir())


def test_the_processor_of_hugging_face_prepares_the_same_images(tmp_path):
    from transformers import AutoImageProcessor  # noqa: PLC0415

    encoder = encoder_of('vit')
    run.write_verified(encoder, 'huggingface', 'epoch_1.pth', tmp_path / 'export')
    pixels = np.random.default_rng(0).integers(0, 256, (72, 108, 3), dtype=np.uint8)
    processor = AutoImageProcessor.from_pretrained(tmp_path / 'export')
    found = processor(Image.fromarray(pixels), return_tensors='pt')['pixel_values']
    torch.testing.assert_close(found, encoder.preprocess(pixels))


def test_the_transform_of_timm_prepares_the_same_images(tmp_path):
    import timm  # noqa: PLC0415

    encoder = encoder_of('vit')
    run.write_verified(encoder, 'timm', 'epoch_1.pth', tmp_path / 'export')
    model = timm.create_model(f'local-dir:{tmp_path}/export', pretrained=True)
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    pixels = np.random.default_rng(0).integers(0, 256, (72, 108, 3), dtype=np.uint8)
    found = prepare(Image.fromarray(pixels))[None]
    torch.testing.assert_close(found, encoder.preprocess(pixels), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('to', TARGETS)
def test_a_missing_library_is_named_before_the_work(tmp_path, monkeypatch, to):
    missing = (TARGETS[to].modules or ('skimage',))[-1]
    monkeypatch.setattr(target, 'find_spec', lambda name: None if name == missing else name)
    with pytest.raises(ValueError, match=rf'{missing}, which is not installed.*\[export\]'):
        run.export('none.pth', to, tmp_path / 'export')


def test_an_exported_folder_and_file_initialise_an_encoder(tmp_path):
    encoder = encoder_of('vit')
    for to, place in (('huggingface', ''), ('timm', ''), ('safetensors', 'encoder.safetensors')):
        run.write_verified(encoder, to, 'epoch_1.pth', tmp_path / to)
        checkpoint = str(tmp_path / to / place)
        init = dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')
        model = MODELS.build({**SMALL_VIT, 'init_cfg': init})
        model.init_weights()
        for name, tensor in encoder.backbone.state_dict().items():
            assert torch.equal(model.state_dict()[name], tensor), (to, name)


def test_the_command_writes_the_card_and_prints_the_difference(tmp_path, capsys):
    text = Config(
        dict(
            model=dict(type='mcl_plugins.CMAE', backbone=SMALL_VIT),
            data_preprocessor=dict(
                type='mcl_plugins.MultiViewPreprocessor',
                mean=[100.0, 110.0, 120.0],
                std=[50.0, 51.0, 52.0],
            ),
            train_dataloader=dict(dataset=dict(type='ImageNet', data_root='data/in1k')),
        )
    ).pretty_text
    state = {f'backbone.{k}': v for k, v in MODELS.build(SMALL_VIT).state_dict().items()}
    save_file({'state_dict': state, 'meta': {'cfg': text}}, tmp_path / 'epoch_8.pth')
    arguments = ['--to', 'timm', '--img-size', '48']
    run.main([str(tmp_path / 'epoch_8.pth'), *arguments])
    assert 'largest relative difference of the features on photographs: ' in capsys.readouterr().out
    card = (tmp_path / 'epoch_8_timm/README.md').read_text()
    for fact in ('mcl_plugins.CMAE', "ImageNet, data_root='data/in1k'", 'timm 1.', '[100.0, 110.0'):
        assert fact in card
    described = json.loads((tmp_path / 'epoch_8_timm/encoder.json').read_text())
    assert described['architecture']['img_size'] == 48
    with pytest.raises(FileExistsError, match=r'epoch_8_timm exists already: remove it'):
        run.main([str(tmp_path / 'epoch_8.pth'), *arguments])


def test_every_arrow_that_a_test_follows_is_a_row_of_the_page():
    page = (ROOT / 'docs/interoperability.md').read_text()
    rows = [line.split(' | ')[:3] for line in page.splitlines() if '→' in line]
    arrows = {arrow.removeprefix('| ') for arrow, *_ in rows}
    wanted = {f'ours → {TARGETS[to].title}' for to, _ in PAIRS}
    read = {to for to, _ in PAIRS} - {'onnx', 'torchscript'}
    wanted |= {f'a folder for {TARGETS[to].title} → ours' for to in read}
    wanted |= {f'{name} → ours' for name in MODELS_IN}
    wanted |= {f'released: {name} → ours' for name in RELEASED}
    assert arrows == wanted
    assert all(float(difference) <= LIMIT for _, _, difference in rows)
    pairs = {(arrow.removeprefix('| '), family) for arrow, family, _ in rows}
    assert {(f'ours → {TARGETS[to].title}', FAMILIES[family]) for to, family in PAIRS} <= pairs
