"""MIMDet's backbone and the hybrid one: shared tables, fixed positions, ConMIM's checkpoints."""

import pytest
import torch
from mmpretrain.models.utils import build_2d_sincos_position_embedding
from test_vitdet import ARCH, randomised, save
from torch.nn import functional as F

from mcl_plugins.backbones import BEiTViT, ConvViT, MaskedBEiTViT, MaskedConvViT, MaskedViT
from mcl_plugins.detection.mimdet_vit import MIMDetViT
from mcl_plugins.detection.windowed_conv_vit import WindowedConvViT
from mcl_plugins.layers.position_tables import resize_table

SMALL = dict(arch=ARCH, img_size=64, patch_size=8, window_size=4)
CONMIM = dict(**SMALL, global_blocks=(1, 3), qkv_bias='qv', layer_scale=0.1)
PRETRAINED = dict(arch=ARCH, img_size=32, patch_size=8, layer_scale_init_value=0.1)
HYBRID = dict(embed_dims=(8, 12, 24), depths=(1, 1, 4), num_heads=3)


def test_only_the_four_global_blocks_look_beyond_their_window():
    model = randomised(MIMDetViT(**SMALL, global_blocks=(2,), out_indices=(1, 3)))
    x = torch.randn(1, 3, 64, 64)
    changed = x.clone()
    changed[..., :8, :8] += 1  # the first patch
    moved = [(a != b).any(1)[0] for a, b in zip(model(x), model(changed), strict=True)]
    assert moved[0][:4, :4].all() and moved[0].sum() == 16
    assert moved[1].all()


def test_one_table_for_the_windows_and_one_for_the_global_blocks():
    with torch.device('meta'):
        model = MIMDetViT('base')
    tables = {n: p.shape for n, p in model.named_parameters() if 'table' in n}
    assert tables == {
        'window_bias.relative_position_bias_table': (31 * 31, 12),
        'global_bias.relative_position_bias_table': (127 * 127, 12),
    }
    assert tuple(model.out_indices) == model.global_blocks == (2, 5, 8, 11)


def test_absolute_positions_are_fixed_sines_and_cosines():
    model = MIMDetViT(**SMALL)
    expected = build_2d_sincos_position_embedding((8, 8), 24)
    torch.testing.assert_close(model.pos_embed, expected)
    assert 'pos_embed' not in dict(model.named_parameters())


def test_a_fine_tuned_conmim_goes_in(tmp_path):
    source = randomised(
        BEiTViT(**PRETRAINED, use_rel_pos_bias=True, final_norm=False, out_type='avg_featmap')
    )
    model = MIMDetViT(**CONMIM, init_cfg=save(source, tmp_path / 'tuned.pth'))
    model.init_weights()
    given = source.state_dict()
    tables = [given[f'layers.{i}.attn.relative_position_bias_table'] for i in range(4)]
    mean = sum(tables) / 4
    # the windows have the grid of pre-training: no resizing, without the three class lines
    torch.testing.assert_close(model.window_bias.relative_position_bias_table.data, mean[:-3])
    grid = mean[:-3].T.reshape(1, 3, 7, 7)
    resized = F.interpolate(grid, (15, 15), mode='bicubic').reshape(3, -1).T
    torch.testing.assert_close(model.global_bias.relative_position_bias_table.data, resized)
    for name, value in model.state_dict().items():
        if name.startswith(('layers.', 'patch_embed.')):
            torch.testing.assert_close(value, given[name])
    torch.testing.assert_close(model.pos_embed, build_2d_sincos_position_embedding((8, 8), 24))


def test_a_pretraining_of_conmim_goes_in(tmp_path):
    source = randomised(MaskedBEiTViT(**PRETRAINED))
    model = MIMDetViT(**CONMIM, init_cfg=save(source, tmp_path / 'pre.pth'))
    model.init_weights()
    shared = source.rel_pos_bias.relative_position_bias_table.data[:-3]
    torch.testing.assert_close(model.window_bias.relative_position_bias_table.data, shared)
    torch.testing.assert_close(model.layers[3].gamma_2.data, source.layers[3].gamma_2.data)
    torch.testing.assert_close(model.layers[3].attn.v_bias.data, source.layers[3].attn.v_bias.data)


def test_a_vit_of_mae_goes_in_with_its_positions_and_zero_tables(tmp_path):
    source = randomised(MaskedViT(ARCH, 32, 8))
    torch.nn.init.normal_(source.pos_embed)
    model = MIMDetViT(**SMALL, init_cfg=save(source, tmp_path / 'pre.pth'))
    model.init_weights()
    grid = source.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (4, 4))
    expected = F.interpolate(grid, (8, 8), mode='bicubic').flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.pos_embed, expected)
    assert not model.window_bias.relative_position_bias_table.any()


def test_conmims_checkpoint_in_a_model_without_its_biases_stops(tmp_path):
    source = MaskedBEiTViT(**PRETRAINED)
    model = MIMDetViT(**SMALL, init_cfg=save(source, tmp_path / 'pre.pth'))
    with pytest.raises(ValueError, match=r'layers\.0\.attn\.q(kv\.bias|_bias)'):
        model.init_weights()


def test_its_own_checkpoint_comes_back_whole():
    first, second = (randomised(MIMDetViT(**CONMIM)) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.randn(1, 3, 64, 64)
    for ours, theirs in zip(first(x), second(x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_resizing_keeps_constants_and_directions():
    side = torch.linspace(-1, 1, 7)
    rows = side[:, None].expand(7, 7).flatten()
    table = torch.stack((torch.ones(49), rows), dim=1)
    resized = resize_table(table, 15 * 15, 'bicubic').view(15, 15, 2)
    torch.testing.assert_close(resized[..., 0], torch.ones(15, 15))
    assert (resized[1:, 0, 1] > resized[:-1, 0, 1]).all()
    torch.testing.assert_close(resized[..., 1], resized[:, :1, 1].expand(15, 15))
    torch.testing.assert_close(resized[..., 1], -resized.flip(0)[..., 1])


def test_other_image_sizes_are_refused():
    for model in (MIMDetViT(**SMALL), WindowedConvViT(HYBRID, 64, 2)):
        with pytest.raises(ValueError, match=r'images of 64 x 64 px.*to 64 px, as model\.data_pre'):
            model(torch.zeros(1, 3, 64, 96))


# The hybrid encoder


def test_with_global_blocks_alone_it_is_the_hybrid_vit():
    model = WindowedConvViT(HYBRID, 64, window_size=2, global_blocks=range(4))
    plain = randomised(ConvViT(HYBRID, 64, final_norm=False, out_type='featmap'))
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split('.')[0] for name in missing} == {'window_bias', 'global_bias'}
    assert not unexpected
    x = torch.randn(2, 3, 64, 64)
    *stages, third, fourth = model(x)
    torch.testing.assert_close(third, plain(x)[0])
    assert [tuple(s.shape[1:]) for s in stages] == [(8, 16, 16), (12, 8, 8)]
    torch.testing.assert_close(fourth, third.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)))


def test_the_hybrid_pretraining_goes_in(tmp_path):
    source = randomised(MaskedConvViT(arch=HYBRID, img_size=32))
    torch.nn.init.normal_(source.pos_embed)
    init_cfg = save(source, tmp_path / 'pre.pth')
    model = WindowedConvViT(HYBRID, 64, window_size=2, init_cfg=init_cfg)
    model.init_weights()
    given = source.state_dict()
    for name, value in model.state_dict().items():
        if name == 'pos_embed':
            grid = given[name].transpose(1, 2).unflatten(2, (2, 2))
            expected = F.interpolate(grid, (4, 4), mode='bicubic').flatten(2).transpose(1, 2)
            torch.testing.assert_close(value, expected)
        elif 'bias_table' in name:
            assert not value.any()
        else:
            torch.testing.assert_close(value, given[name])


def test_the_hybrids_global_blocks():
    with torch.device('meta'):
        model = WindowedConvViT()
    assert model.global_blocks == (0, 3, 6, 10)
    assert model.window_bias.relative_position_bias_table.shape == (31 * 31, 12)
    with pytest.raises(ValueError, match='global_blocks'):
        WindowedConvViT(HYBRID, 64, 2, global_blocks=(9,))
