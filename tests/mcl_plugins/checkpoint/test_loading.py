"""A pre-training file gives an encoder all of its tensors, or a clear error."""

import pytest
import torch

from conftest import SMALL, SMALL_SWIN
from mcl_plugins.backbones import BEiTViT, MaskedBEiTViT, SwinTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.detection import ViTDet
from mcl_plugins.segmentation import DenseConvViT

ARCH = SMALL['backbone']['arch']


@pytest.fixture
def file(tmp_path, small_conmim):
    with torch.no_grad():
        for param in small_conmim.parameters():
            param.normal_()
    path = tmp_path / 'epoch_1.pth'
    save_file({'state_dict': small_conmim.state_dict(), 'meta': {}}, path)
    return path


def encoder(path, prefix='ema.backbone.', cls=BEiTViT, **settings):
    init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix=prefix)
    init_cfg['allow_missing'] = settings.pop('allow_missing', False)
    sizes = {'arch': ARCH, 'img_size': 32, 'patch_size': 8, **settings}
    model = cls(**sizes, init_cfg=init_cfg)
    model.init_weights()
    return model


@pytest.mark.parametrize('prefix', ['backbone.', 'ema.backbone.'])
def test_fine_tuning_gets_student_or_teacher_whole(file, small_conmim, prefix):
    source = small_conmim.get_submodule(prefix.rstrip('.')).state_dict()
    loaded = encoder(file, prefix).state_dict()
    table = source['rel_pos_bias.relative_position_bias_table']
    for name, value in loaded.items():
        if name.endswith('relative_position_bias_table'):
            assert torch.equal(value, table)
        elif not name.startswith('ln2.') and not name.endswith('_index'):
            assert torch.equal(value, source[name]), name


def test_pre_training_can_start_from_it(file, small_conmim):
    loaded = encoder(file, 'backbone.', MaskedBEiTViT).state_dict()
    for name, value in small_conmim.backbone.state_dict().items():
        assert torch.equal(value, loaded[name]), name


def test_a_larger_image_resizes_the_tables_and_computes(file):
    model = encoder(file, img_size=48)
    assert model.layers[0].attn.relative_position_bias_table.shape == (11 * 11 + 3, 3)
    assert model(torch.randn(1, 3, 48, 48))[0].isfinite().all()


@pytest.mark.parametrize(
    ('change', 'line'),
    [
        (dict(embed_dims=96), r'shape of cls_token: \(1, 1, 48\) in the file, \(1, 1, 96\) here'),
        (dict(num_layers=3), 'missing: layers.2'),
        (dict(num_layers=1), 'unexpected: layers.1'),
    ],
)
def test_another_architecture_stops(file, change, line):
    with pytest.raises(ValueError, match=line):
        encoder(file, arch={**ARCH, **change})


def test_positions_are_not_lost(file):
    with pytest.raises(ValueError, match='unexpected: rel_pos_bias'):
        encoder(file, use_rel_pos_bias=False, use_shared_rel_pos_bias=False)


def test_missing_tensors_can_be_allowed_by_name(file, small_conmim):
    model = encoder(file, arch={**ARCH, 'num_layers': 3}, allow_missing=True)
    source = small_conmim.ema.backbone
    assert torch.equal(model.layers[1].ln1.weight, source.layers[1].ln1.weight)


def test_a_wrong_prefix_says_what_is_there(file):
    with pytest.raises(ValueError, match=r"with the prefix 'encoder\.'.*'backbone'.*'ema'"):
        encoder(file, 'encoder.')


def test_a_missing_file_stops(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth'):
        encoder(tmp_path / 'none.pth')


def test_no_file_says_how_to_give_one():
    with pytest.raises(ValueError, match='model.backbone.init_cfg.checkpoint='):
        encoder('')


def test_a_list_of_one_is_that_one_and_more_is_refused(file, small_conmim):
    """MMEngine takes lists, and loads what fits."""
    init = dict(type='Pretrained', checkpoint=str(file), prefix='ema.backbone.')
    one = encoder(file)
    model = BEiTViT(ARCH, 32, 8, init_cfg=[init])
    model.init_weights()
    for name, tensor in one.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor) or name.startswith('ln2'), name
    model = BEiTViT(ARCH, 32, 8, init_cfg=[init, dict(type='TruncNormal', layer='Linear')])
    with pytest.raises(ValueError, match='Remove the other entries'):
        model.init_weights()


@pytest.mark.parametrize('prefix', ['backbone', 'ema.backbone', 'teacher.backbone'])
def test_the_last_dot_of_a_prefix_may_be_left_out(file, prefix):
    """As in MMEngine."""
    short, whole = encoder(file, prefix).state_dict(), encoder(file, f'{prefix}.').state_dict()
    for name, value in whole.items():
        assert torch.equal(short[name], value) or name.startswith('ln2'), name


def test_no_prefix_may_be_none(file, small_conmim):
    save_file({'state_dict': small_conmim.backbone.state_dict()}, file)
    model = encoder(file, None)
    assert torch.equal(model.cls_token, small_conmim.backbone.cls_token)


@pytest.mark.parametrize('allow_missing', [True, False])
@pytest.mark.parametrize('kind', [BEiTViT, DenseConvViT, SwinTransformer, ViTDet])
def test_random_blocks_are_never_a_success(file, small_conmim, kind, allow_missing):
    """What a prefix finds that names another part of a file."""
    blocks = {f'part.{name}': value for name, value in small_conmim.backbone.state_dict().items()}
    tokens = {'patch_embed.projection.bias': torch.ones(48), 'pos_embed': torch.ones(1, 16, 48)}
    save_file({'state_dict': {**tokens, **blocks}}, file)
    init_cfg = dict(type='Pretrained', checkpoint=str(file), allow_missing=allow_missing)
    settings = {
        BEiTViT: dict(arch=ARCH, img_size=32, patch_size=8, use_abs_pos_emb=True),
        DenseConvViT: dict(
            arch=dict(embed_dims=(8, 12, 48), depths=(1, 1, 2), num_heads=3), img_size=64
        ),
        SwinTransformer: {**SMALL_SWIN},
        ViTDet: dict(arch=ARCH, img_size=32, patch_size=8, global_blocks=(1,)),
    }[kind]
    model = kind(**settings, init_cfg=init_cfg)
    with pytest.raises(ValueError) as caught:
        model.init_weights()
    if allow_missing:
        text = str(caught.value)
        assert f'no weight of a block of {kind.__name__}' in text
        assert 'Set init_cfg.prefix' in text and 'part.' in text
