"""Encoders for segmentation: what they compute, and that pre-training files go in whole."""

import copy
import pickle

import pytest
import torch
from mmcv.cnn import ConvModule
from mmengine.logging import MMLogger
from torch import nn
from torch.nn import functional as F

from mcl_plugins.backbones import (
    BEiTViT,
    ConvViT,
    DenseViT,
    MaskedBEiTViT,
    MaskedConvViT,
    MaskedViT,
    SimMIMSwin,
    SwinTransformer,
    VisionTransformer,
)
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.layers import XavierConv2d
from mcl_plugins.layers.position_tables import resize_table
from mcl_plugins.segmentation import (
    DenseBEiTViT,
    DenseConvViT,
    HybridPyramid,
    RelativeViT,
)

ARCH = dict(embed_dims=24, num_layers=3, num_heads=2, feedforward_channels=48)
HYBRID = dict(embed_dims=(8, 12, 24), depths=(1, 1, 3), num_heads=2)
SWIN = dict(embed_dims=16, depths=(2, 2), num_heads=(2, 4))
SMALL = dict(arch=ARCH, img_size=48, patch_size=8, out_indices=(0, 2))


def randomised(module):
    """The module with large random parameters, in eval mode."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)
    module.eval()  # returns nothing in mmpretrain's
    return module


@pytest.fixture
def written(tmp_path):
    """Writes an encoder as ``backbone`` of a checkpoint; returns what ``init_cfg`` says of it."""

    def write(module, prefix='backbone.'):
        path = tmp_path / 'epoch_1.pth'
        tensors = {f'{prefix}{name}': value for name, value in module.state_dict().items()}
        save_file({'state_dict': tensors, 'meta': {}}, path)
        return dict(type='Pretrained', checkpoint=str(path), prefix=prefix)

    return write


def started(module):
    """The module as training finds it, in eval mode."""
    module.init_weights()
    module.eval()
    return module


def log_of(function, capsys):
    """What a call says in the log that the user sees."""
    logger = MMLogger.get_instance('dense', log_level='INFO')
    MMLogger.get_instance('dense')  # the current one
    function()
    MMLogger.get_instance('tests')
    del MMLogger._instance_dict['dense']
    logger.handlers.clear()
    captured = capsys.readouterr()
    return captured.out + captured.err


# Plain


@pytest.mark.parametrize('size', [(48, 48), (32, 56), (61, 40)])
def test_maps_are_the_blocks_outputs(size):
    model = randomised(DenseViT(**SMALL))
    images = torch.randn(2, 3, *size)
    rows, columns = (-(-side // 8) for side in size)

    padded = F.pad(images, (0, 8 * columns - size[1], 0, 8 * rows - size[0]))
    projection = model.patch_embed.projection
    patches = F.conv2d(padded, projection.weight, projection.bias, stride=8)
    grid = model.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (6, 6))
    patches = patches + F.interpolate(grid, (rows, columns), mode='bicubic', align_corners=False)
    token = (model.cls_token + model.pos_embed[:, :1]).expand(2, -1, -1)
    x = torch.cat((token, patches.flatten(2).transpose(1, 2)), dim=1)
    expected = []
    for index, layer in enumerate(model.layers):
        x = layer(x)
        if index in SMALL['out_indices']:
            expected.append(x[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)))
    torch.testing.assert_close(list(model(images)), expected)


def test_recomputing_changes_nothing_but_memory():
    """The same outputs and gradients, drop path included, and each block runs twice."""
    images, results, calls = torch.randn(2, 3, 48, 48), [], []
    for with_cp in (False, True):
        torch.manual_seed(0)
        model = randomised(DenseViT(**SMALL, drop_path_rate=0.5, with_cp=with_cp))
        model.train()
        model.layers[1].ln1.register_forward_hook(lambda *_, cp=with_cp: calls.append(cp))
        torch.manual_seed(1)
        sum(output.square().mean() for output in model(images)).backward()
        results.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(results[0], results[1])
    assert (calls.count(False), calls.count(True)) == (1, 2)


@pytest.mark.parametrize('kind', [DenseViT, DenseBEiTViT])
def test_copies_of_a_recomputing_encoder_use_their_own_weights(kind):
    """A copy (an EMA), one from a pickle (multiprocessing), and the original."""
    images = torch.randn(1, 3, 48, 48)
    model = randomised(kind(**SMALL, with_cp=True))
    expected = model(images)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        torch.testing.assert_close(copied(images), expected)
        with torch.no_grad():
            for parameter in model.layers.parameters():
                parameter.zero_()
        torch.testing.assert_close(copied(images), expected)
        model.load_state_dict(copied.state_dict())


def test_every_parameter_of_a_dense_encoder_is_trained():
    for model in (
        DenseViT(**SMALL),
        RelativeViT(**SMALL),
        DenseBEiTViT(**SMALL),
        DenseConvViT(arch=HYBRID, img_size=48),
    ):
        sum(output.square().mean() for output in model(torch.randn(1, 3, 48, 48))).backward()
        assert not [name for name, p in model.named_parameters() if p.grad is None]


def test_fixed_positions_come_from_the_file_and_stay(written):
    source = randomised(MaskedViT(arch=ARCH, img_size=48, patch_size=8))
    model = started(DenseViT(**SMALL, fixed_positions=True, init_cfg=written(source)))
    assert 'pos_embed' not in dict(model.named_parameters())
    torch.testing.assert_close(model.pos_embed, source.pos_embed)


def test_blocks_after_the_last_output_are_refused():
    with pytest.raises(ValueError, match=r'out_indices=\(0, 1\) must ascend and end with .* 2'):
        DenseViT(**{**SMALL, 'out_indices': (0, 1)})
    with pytest.raises(ValueError, match='must ascend'):
        DenseBEiTViT(**{**SMALL, 'out_indices': (2, 2)})


# A plain ViT that gets relative positions


@pytest.mark.parametrize('img_size', [48, 72])
def test_with_relative_positions_it_starts_as_the_pre_trained_vit(written, img_size):
    """From pre-training, resized to another grid or not."""
    source = randomised(MaskedViT(arch=ARCH, img_size=48, patch_size=8))
    init_cfg = written(source)
    settings = {**SMALL, 'img_size': img_size, 'init_cfg': init_cfg}
    plain, relative = started(DenseViT(**settings)), started(RelativeViT(**settings))
    images = torch.randn(2, 3, img_size, img_size)
    torch.testing.assert_close(relative(images), plain(images), rtol=1e-4, atol=1e-5)
    for layer in relative.layers:
        assert not layer.attn.relative_position_bias_table.any()
        assert layer.attn.relative_position_bias_table.requires_grad
        assert torch.equal(layer.gamma_1, torch.ones(24))


def test_a_classifier_goes_in_as_well(written):
    source = randomised(VisionTransformer(arch=ARCH, img_size=48, patch_size=8))
    model = started(RelativeViT(**SMALL, init_cfg=written(source)))
    assert torch.equal(model.layers[2].ffn.layers[1].weight, source.layers[2].ffn.layers[1].weight)


def test_the_log_says_how_many_tensors_matched(written, capsys):
    source = MaskedViT(arch=ARCH, img_size=48, patch_size=8)
    model = RelativeViT(**SMALL, init_cfg=written(source))
    text = log_of(model.init_weights, capsys)
    total, added = len(model.state_dict()), 3 * 3  # a table and two scales a block; indices follow
    assert f'{total - added} of {total} tensors; new here: gamma_1, gamma_2, relative_pos' in text


def test_too_few_tensors_stop_with_a_list(written):
    source = MaskedViT(arch={**ARCH, 'num_layers': 2}, img_size=48, patch_size=8)
    with pytest.raises(ValueError, match=r'RelativeViT.*\n  missing: layers\.2\.attn\.proj\.bias'):
        started(RelativeViT(**SMALL, init_cfg=written(source)))


def test_no_checkpoint_says_how_to_give_one():
    with pytest.raises(ValueError, match='model.backbone.init_cfg.checkpoint='):
        started(RelativeViT(**SMALL, init_cfg=dict(type='Pretrained', checkpoint='')))


@pytest.mark.parametrize(
    'model',
    [RelativeViT(**SMALL), DenseBEiTViT(**SMALL), DenseConvViT(arch=HYBRID, img_size=48)],
)
def test_another_image_size_names_the_instruction(model):
    with pytest.raises(ValueError, match=r'48 x 48 px.*got 40 x 48.*ResizeShortestEdge.*scale=48'):
        model(torch.zeros(1, 3, 40, 48))


# ConMIM's


def test_the_shared_table_of_pre_training_goes_into_each_block(written):
    source = randomised(MaskedBEiTViT(arch=ARCH, img_size=48, patch_size=8))
    model = started(DenseBEiTViT(**SMALL, init_cfg=written(source, 'teacher.backbone.')))
    for layer in model.layers:
        table = layer.attn.relative_position_bias_table
        assert torch.equal(table, source.rel_pos_bias.relative_position_bias_table)
    source.final_norm, source.out_indices = False, SMALL['out_indices']
    images = torch.randn(1, 3, 48, 48)
    for got, tokens in zip(model(images), source(images), strict=True):
        expected = tokens[:, 1:].transpose(1, 2).unflatten(2, (6, 6))
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def test_tables_of_a_classifier_are_resized_block_by_block(written):
    source = randomised(BEiTViT(arch=ARCH, img_size=32, patch_size=8))
    model = started(DenseBEiTViT(**SMALL, table_resizing='bilinear', init_cfg=written(source)))
    for layer, old in zip(model.layers, source.layers, strict=True):
        expected = resize_table(old.attn.relative_position_bias_table, 11 * 11 + 3, 'bilinear')
        assert torch.equal(layer.attn.relative_position_bias_table, expected)


def test_bilinear_resizing_keeps_planes_symmetry_and_class_lines():
    """A table that is linear in the offsets stays so, with the zero offset in the middle."""
    offsets = torch.arange(-3.0, 4)
    plane = 2 * offsets[:, None] - offsets[None, :] + 5
    table = torch.cat((plane.flatten(), torch.tensor([7.0, 8.0, 9.0])))[:, None]
    resized = resize_table(table, 15 * 15 + 3, 'bilinear')
    assert resized[-3:, 0].tolist() == [7.0, 8.0, 9.0]
    inner = resized[:-3, 0].view(15, 15)[1:-1, 1:-1]  # beyond, the border is repeated
    fractions = torch.arange(-6.0, 7) * 7 / 15
    torch.testing.assert_close(inner, 2 * fractions[:, None] - fractions[None, :] + 5)


def test_an_unknown_resizing_is_refused():
    with pytest.raises(ValueError, match="table_resizing='nearest' is unknown"):
        DenseBEiTViT(**SMALL, table_resizing='nearest')


# Hybrid


def test_the_hybrid_starts_as_the_pre_trained_one(written):
    source = randomised(MaskedConvViT(arch=HYBRID, img_size=32))
    init_cfg = written(source)
    dense = started(DenseConvViT(arch=HYBRID, img_size=48, init_cfg=init_cfg))
    plain = started(
        ConvViT(arch=HYBRID, img_size=48, final_norm=False, out_type='featmap', init_cfg=init_cfg)
    )
    images = torch.randn(2, 3, 48, 48)
    fine, middle, coarse = dense(images)
    torch.testing.assert_close(coarse, plain(images)[0], rtol=1e-4, atol=1e-5)
    expected_fine, expected_middle, _ = plain._maps(images)
    torch.testing.assert_close((fine, middle), (expected_fine, expected_middle))
    assert (fine.shape, middle.shape) == ((2, 8, 12, 12), (2, 12, 6, 6))
    assert dense.layers[0].attn.relative_position_bias_table.shape == (25, 2)
    assert dense.get_layer_depth('layers.1.attn.relative_position_bias_table') == (2, 5)


def test_the_hybrids_bias_is_that_of_the_offset():
    """Attention against its definition: one bias a head for each offset of two patches."""
    model = randomised(DenseConvViT(arch=HYBRID, img_size=32))
    attention, tokens = model.layers[0].attn, torch.randn(2, 4, 24)
    query, key, value = attention.qkv(tokens).unflatten(2, (3, 2, 12)).permute(2, 0, 3, 1, 4)
    logits = query @ key.transpose(2, 3) / 12**0.5
    table = attention.relative_position_bias_table.view(3, 3, 2)
    for i in range(4):
        for j in range(4):
            logits[:, :, i, j] += table[i // 2 - j // 2 + 1, i % 2 - j % 2 + 1]
    expected = attention.proj((logits.softmax(-1) @ value).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(tokens), expected, rtol=1e-4, atol=1e-5)


def test_drop_path_rises_through_all_stages_of_the_hybrid():
    model = DenseConvViT(arch=HYBRID, img_size=32, drop_path_rate=0.4)
    rates = [layer.drop_path.drop_prob for layer in model.layers]
    torch.testing.assert_close(rates, [0.2, 0.3, 0.4])


def test_the_hybrids_fourth_map():
    neck = HybridPyramid(24)
    maps = [torch.randn(2, 8, 32, 32), torch.randn(2, 12, 16, 16), torch.randn(2, 24, 8, 8)]
    *same, last = neck(maps)
    assert all(got is given for got, given in zip(same, maps, strict=True))
    conv = neck.downsample[0]
    expected = F.conv2d(maps[2], conv.weight, conv.bias, stride=2)
    expected = F.gelu(F.batch_norm(expected, None, None, training=True))
    torch.testing.assert_close(last, expected)
    assert last.shape == (2, 24, 3, 3)


# Swin and heads


def test_swin_gives_four_maps_and_has_new_norms_for_the_others(written):
    source = randomised(SimMIMSwin(arch=SWIN, img_size=32, patch_size=2, window_size=4))
    model = started(
        SwinTransformer(
            SWIN,
            32,
            2,
            4,
            out_indices=(0, 1),
            pad_small_map=True,
            init_cfg=written(source),
        )
    )
    for name, value in model.state_dict().items():
        if not name.startswith('norm0'):
            assert torch.equal(value, source.state_dict()[name]), name
    images = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(model(images)[1], source(images)[0])
    assert model.get_layer_depth('norm0.weight') == (5, 6)
    assert [m.shape for m in model(torch.randn(1, 3, 36, 22))] == [(1, 16, 18, 11), (1, 32, 9, 6)]


def test_heads_can_start_as_xavier_says():
    """mmcv's blocks give any other convolution He's weights, whatever ``init_cfg`` says."""
    bound = (6 / (9 * 64 + 9 * 16)) ** 0.5
    conv_cfg, norm_cfg = dict(type='mcl_plugins.XavierConv2d'), dict(type='BN')
    block = ConvModule(64, 16, 3, conv_cfg=conv_cfg, norm_cfg=norm_cfg)
    block.init_weights()
    weight = block.conv.weight
    assert isinstance(block.conv, XavierConv2d)
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)
    plain = ConvModule(64, 16, 3, norm_cfg=norm_cfg)
    assert isinstance(plain.conv, nn.Conv2d) and plain.conv.weight.abs().max() > bound
    assert not XavierConv2d(4, 4, 1).bias.any()
