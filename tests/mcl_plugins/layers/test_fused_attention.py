"""What attention passes to PyTorch is what CUDA's fused kernels take, without a copy.

The checks of PyTorch (``can_use_efficient_attention``) ask the GPU's properties first, so without
one their conditions are asserted here. ``tools/benchmark/gpu.sh`` names the kernels that ran.
"""

import copy

import pytest
import torch
from mmpretrain.models.utils import BEiTAttention
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from conftest import SMALL_VIT
from mcl_plugins.layers.beit_attention import FusedBEiTAttention
from mcl_plugins.layers.fused_bias import align_rows, is_aligned
from mcl_plugins.mask_generators import PatchMask

VIT = dict(arch=SMALL_VIT['arch'], img_size=112, patch_size=16)  # 49 patches and the class token
SWIN = dict(  # windows of 49 tokens, shifted ones too
    arch=dict(embed_dims=32, depths=(2, 2), num_heads=(2, 4)), img_size=56, window_size=7
)
ENCODERS = {
    'ConMIM': dict(type='mcl_plugins.MaskedBEiTViT', **VIT),
    'own tables': dict(type='mcl_plugins.BEiTViT', **VIT, use_rel_pos_bias=True),
    'MAE': dict(type='mcl_plugins.MaskedViT', **VIT),
    'SimMIM': dict(type='mcl_plugins.SimMIMViT', **VIT),
    'SimMIM Swin': dict(type='mcl_plugins.SimMIMSwin', **SWIN),
    'Swin': dict(type='mcl_plugins.SwinTransformer', **SWIN),
}


def record(monkeypatch):
    """Keep what attention gets from now on."""
    calls, attend = [], F.scaled_dot_product_attention

    def kept(query, key, value, attn_mask=None, **options):
        calls.append((query, key, value, attn_mask))
        return attend(query, key, value, attn_mask, **options)

    monkeypatch.setattr(F, 'scaled_dot_product_attention', kept)
    return calls


@pytest.mark.parametrize('name', ENCODERS)
def test_a_fused_kernel_takes_what_attention_gets(name, monkeypatch):
    model = MODELS.build(ENCODERS[name]).train()
    calls = record(monkeypatch)
    images = torch.randn(2, 3, model.img_size[0], model.img_size[0])
    inputs = [images]
    if hasattr(model, 'mask_grid'):
        rows, columns = model.mask_grid
        inputs.append(PatchMask.from_mask(torch.rand(2, rows * columns).argsort() < 1))
    with torch.autocast('cpu', torch.bfloat16):
        model(*inputs)
    assert len(calls) == (4 if 'Swin' in name else 2)
    for query, key, value, bias in calls:
        for tensor in (query, key, value):
            assert tensor.dtype is torch.bfloat16 and tensor.ndim == 4
            assert tensor.stride(-1) == 1 and tensor.shape[-1] % 8 == 0
        assert (bias is None) == (name in ('MAE', 'SimMIM'))
        if bias is not None:
            assert bias.dtype is query.dtype and is_aligned(bias)
            assert bias.shape[1:] == (query.shape[1], query.shape[2], key.shape[2])
            assert bias.shape[0] == (len(query) if 'Swin' in name else 1)


def test_blocks_share_one_prepared_bias(monkeypatch):
    model = MODELS.build(ENCODERS['ConMIM'])
    calls = record(monkeypatch)
    with torch.autocast('cpu', torch.bfloat16):
        model(torch.randn(1, 3, 112, 112))
    assert len({bias.untyped_storage().data_ptr() for *_, bias in calls}) == 1


def test_alignment_changes_neither_values_nor_gradients():
    bias = torch.randn(3, 5, 5, requires_grad=True)
    aligned = align_rows(bias)
    assert is_aligned(aligned) and not is_aligned(bias)
    assert align_rows(aligned) is aligned
    torch.testing.assert_close(aligned, bias, rtol=0, atol=0)
    weights = torch.randn(3, 5, 5)
    (gradient,) = torch.autograd.grad((aligned * weights).sum(), bias)
    torch.testing.assert_close(gradient, weights, rtol=0, atol=0)


def test_attention_with_a_bias_is_that_of_mmpretrain():
    torch.manual_seed(0)
    theirs = BEiTAttention(24, 3, window_size=(2, 3), use_rel_pos_bias=True)
    torch.nn.init.normal_(theirs.relative_position_bias_table)
    ours = FusedBEiTAttention.from_attention(copy.deepcopy(theirs))
    x = torch.randn(2, 7, 24, requires_grad=True)
    shared = torch.randn(3, 7, 7)
    outputs = [attention(x, rel_pos_bias=shared) for attention in (theirs, ours)]
    torch.testing.assert_close(outputs[1], outputs[0])
    grads = [
        torch.autograd.grad(output.square().sum(), [x, attention.relative_position_bias_table])
        for output, attention in zip(outputs, (theirs, ours), strict=True)
    ]
    torch.testing.assert_close(grads[1], grads[0])
