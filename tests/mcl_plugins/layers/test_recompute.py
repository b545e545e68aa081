"""Activation checkpointing: the same gradients from fewer saved activations."""

import copy

import pytest
import torch
from mmpretrain.models.utils import MultiheadAttention, ShiftWindowMSA, WindowMSA
from mmpretrain.registry import MODELS
from torch.autograd.graph import saved_tensors_hooks

from conftest import SMALL, SMALL_DECODER, SMALL_MASKED_MOCO, SMALL_SWIN, SMALL_VIT
from mcl_plugins.layers.fused_window_attention import FusedWindowAttention, ShiftedWindows
from mcl_plugins.layers.self_attention import SelfAttention
from mcl_plugins.mask_generators import PatchMask

DEIT = dict(
    type='mcl_plugins.DeiT', arch=SMALL_VIT['arch'], img_size=32, patch_size=8, drop_path_rate=0.3
)
HYBRID = dict(
    arch=dict(embed_dims=(16, 24, 48), depths=(2, 2, 2), num_heads=3),
    img_size=64,
    drop_path_rate=0.3,
)
ENCODERS = {
    'BEiT': SMALL['backbone'],
    'MAE': {**SMALL_VIT, 'drop_path_rate': 0.3},
    'SimMIM': {**SMALL_VIT, 'type': 'mcl_plugins.SimMIMViT'},
    'MoCo': SMALL_MASKED_MOCO['backbone'],
    'MoCo v3': {**SMALL_VIT, 'type': 'mcl_plugins.MoCoV3ViT', 'drop_path_rate': 0.3},
    'DeiT': DEIT,
    'Swin': {**SMALL_SWIN, 'type': 'mcl_plugins.SwinTransformer', 'drop_path_rate': 0.3},
    'SimMIM Swin': {**SMALL_SWIN, 'type': 'mcl_plugins.SimMIMSwin'},
    'hybrid': {**HYBRID, 'type': 'mcl_plugins.ConvViT'},
    'masked hybrid': {**HYBRID, 'type': 'mcl_plugins.MaskedConvViT'},
    'decoder': SMALL_DECODER,
}


def gradients(model, inputs):
    """Gradients of a sum of squares, and the bytes that were saved for them."""
    saved = {}

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    torch.manual_seed(1)  # for stochastic depth
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = model(*inputs)
        loss = sum(part.square().sum() for part in outputs)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    own = {parameter.data_ptr() for parameter in model.parameters()}
    size = sum(t.untyped_storage().nbytes() for place, t in saved.items() if place not in own)
    return torch.autograd.grad(loss, trained, allow_unused=True), size


@pytest.mark.parametrize('name', ENCODERS)
def test_recomputed_blocks_have_the_same_gradients_and_save_less(name):
    config = ENCODERS[name]
    side = config.get('img_size', 32)
    inputs = [torch.randn(2, 3, side, side)]
    if name == 'masked hybrid':
        inputs.append(PatchMask.from_mask(torch.arange(16).expand(2, 16) < 12))
    if name == 'decoder':
        inputs = [torch.randn(2, 5, 48), torch.rand(2, 16).argsort()]
    plain = MODELS.build(config)
    plain.init_weights()
    recomputed = MODELS.build({**config, 'with_cp': True})
    recomputed.load_state_dict(plain.state_dict())
    recomputed = copy.deepcopy(recomputed)  # as that of an EMA
    wanted, whole = gradients(plain.train(), inputs)
    found, part = gradients(recomputed.train(), inputs)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert part < 0.6 * whole


def test_attention_is_that_of_mmpretrain():
    torch.manual_seed(0)
    x = torch.randn(2, 6, 24, requires_grad=True)
    theirs = MultiheadAttention(24, 3, layer_scale_init_value=0.5)
    ours = copy.deepcopy(theirs)
    ours.__class__ = SelfAttention
    outputs = [attention(x) for attention in (theirs, ours)]
    torch.testing.assert_close(outputs[1], outputs[0])
    grads = [torch.autograd.grad(output.square().sum(), x)[0] for output in outputs]
    torch.testing.assert_close(grads[1], grads[0])


@pytest.mark.parametrize('masked', [False, True])
def test_attention_within_windows_is_that_of_mmpretrain(masked):
    torch.manual_seed(0)
    theirs = WindowMSA(24, (2, 3), 3)
    theirs.init_weights()
    ours = copy.deepcopy(theirs)
    ours.__class__ = FusedWindowAttention
    x = torch.randn(8, 6, 24, requires_grad=True)  # two images of four windows
    mask = torch.where(torch.rand(4, 6, 6) < 0.3, -100.0, 0.0) if masked else None
    outputs = [attention(x, mask) for attention in (theirs, ours)]
    torch.testing.assert_close(outputs[1], outputs[0])
    grads = [
        torch.autograd.grad(output.square().sum(), [x, attention.relative_position_bias_table])
        for output, attention in zip(outputs, (theirs, ours), strict=True)
    ]
    torch.testing.assert_close(grads[1], grads[0])


@pytest.mark.parametrize(
    ('shape', 'window', 'shift'), [((8, 8), 4, 2), ((14, 21), 7, 3), ((6, 3), 3, 1), ((4, 4), 4, 2)]
)
def test_the_mask_of_shifted_windows_is_that_of_mmpretrain(shape, window, shift):
    expected = ShiftWindowMSA.get_attn_mask(shape, window, shift)
    found = ShiftedWindows.get_attn_mask(shape, window, shift)
    assert torch.equal(found, expected) and (found < 0).any()
    assert ShiftedWindows.get_attn_mask(shape, window, 0) is None
