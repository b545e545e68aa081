"""The plain ViT: against mmpretrain's MAE encoder, what it may see, and the class token's row."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from mcl_plugins.backbones import MaskedViT, VisionTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.layers.class_attention import class_logits
from mcl_plugins.mask_generators import RandomMask

ARCH = dict(embed_dims=48, num_layers=3, num_heads=4, feedforward_channels=96)
GRID = (4, 4)
CPU = torch.device('cpu')


@pytest.fixture
def encoder():
    model = MODELS.build(
        dict(type='mcl_plugins.MaskedViT', arch=ARCH, img_size=32, patch_size=8)
    ).double()
    model.init_weights()
    for parameter in model.parameters():  # biases too, so that nothing hides behind a zero
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def images(batch=3):
    return torch.randn(batch, 3, 32, 32).double()


def pixels_of(hidden, size=8):
    """(N, L) patches -> (N, 1, H, W) pixels."""
    return hidden.view(-1, 1, *GRID).repeat_interleave(size, 2).repeat_interleave(size, 3)


def test_equals_mmpretrains_mae_encoder(encoder):
    theirs = MODELS.build(
        dict(type='MAEViT', arch=ARCH, img_size=32, patch_size=8, mask_ratio=0.75)
    ).double()
    theirs.load_state_dict(encoder.state_dict())
    batch = images()
    torch.manual_seed(1)
    wanted, hidden, ids_restore = theirs(batch)
    torch.manual_seed(1)
    mask = RandomMask(0.75).from_noise(torch.rand(3, 16).double().float(), GRID)
    assert torch.equal(mask.mask, hidden.bool()) and torch.equal(mask.ids_restore, ids_restore)
    torch.testing.assert_close(encoder(batch, mask)[0], wanted)


def test_hidden_pixels_change_no_token(encoder):
    mask = RandomMask(0.5, unit=2)(3, GRID, CPU)
    batch = images()
    hidden = pixels_of(mask.mask)
    (before,) = encoder(batch, mask)
    (after,) = encoder(torch.where(hidden, images(), batch), mask)
    assert torch.equal(before, after)
    (after,) = encoder(torch.where(hidden, batch, images()), mask)
    assert not torch.isclose(before, after).all(dim=-1).any()


def test_positions_are_fixed_and_in_checkpoints(encoder):
    assert 'pos_embed' not in dict(encoder.named_parameters())
    assert encoder.state_dict()['pos_embed'].shape == (1, 17, 48)


def explicit_attention(layer, x):
    """(N, heads, T, T) probabilities and logits of a block."""
    attention = layer.attn
    q, k, _ = attention.qkv(layer.ln1(x)).view(*x.shape[:2], 3, 4, 12).permute(2, 0, 3, 1, 4)
    logits = q @ k.transpose(-1, -2) / 12**0.5
    return logits.softmax(dim=-1), logits


@pytest.mark.parametrize('blocks', ['all', 'last'])
@pytest.mark.parametrize('kind', ['probability', 'logit'])
def test_class_attention_is_the_row_of_the_map(encoder, blocks, kind):
    patches = encoder.embed(images())
    got = encoder.class_attention(patches, blocks, kind)
    x = torch.cat((encoder.cls_token.expand(3, -1, -1), patches), dim=1)
    rows = []
    for layer in encoder.layers:
        rows.append(explicit_attention(layer, x)[kind == 'logit'][:, :, 0, 1:].mean(dim=1))
        x = layer(x)
    wanted = sum(rows) if blocks == 'all' else rows[-1]
    if kind == 'logit':  # up to a number for each image, to which the keys' biases add up
        got, wanted = (row - row.mean(dim=1, keepdim=True) for row in (got, wanted))
    torch.testing.assert_close(got, wanted)
    assert not got.requires_grad


def test_class_attention_builds_no_map(encoder):
    """No tensor of T x T numbers a head: the row is the largest thing that depends on T twice."""
    sizes = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(tuple(result.shape))
            return result

    patches = encoder.embed(images(batch=1))
    with Watch():
        encoder.class_attention(patches)
    assert len(sizes) > 20
    assert not [size for size in sizes if size.count(17) > 1]


def test_scores_without_bias_and_under_autocast():
    layer = MODELS.build(
        dict(type='VisionTransformer', arch=ARCH, img_size=32, qkv_bias=False)
    ).layers[0]
    x = torch.randn(2, 5, 48)
    exact = class_logits(layer.attn, x)
    q, k, _ = layer.attn.qkv(x).view(2, 5, 3, 4, 12).permute(2, 0, 3, 1, 4)
    torch.testing.assert_close(exact, (q @ k.transpose(-1, -2) / 12**0.5)[:, :, 0])
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(class_logits(layer.attn, x), exact)


def test_unknown_choices_are_errors(encoder):
    with pytest.raises(ValueError, match="blocks='first'"):
        encoder.class_attention(torch.zeros(1, 16, 48).double(), blocks='first')
    with pytest.raises(ValueError, match="kind='softmax'"):
        encoder.class_attention(torch.zeros(1, 16, 48).double(), kind='softmax')


def test_starts_as_mae_does():
    model = MaskedViT(arch='small')
    model.layers[0].attn.qkv.weight.data.fill_(float('nan'))
    model.init_weights()
    assert all(p.isfinite().all() for p in model.parameters())
    weight = model.layers[0].ffn.layers[1].weight
    bound = (6 / sum(weight.shape)) ** 0.5
    assert 0.99 * bound < weight.abs().max() <= bound
    flat = model.patch_embed.projection.weight
    assert flat.abs().max() <= (6 / (384 + 768)) ** 0.5
    biases = {name for name, p in model.named_parameters() if name.endswith('bias') and p.any()}
    assert biases == {'patch_embed.projection.bias'}  # PyTorch's, as MAE leaves it
    assert model.cls_token.std().item() == pytest.approx(0.02, rel=0.2)
    # Sines and cosines of row and column; the class token's position is zero.
    table = model.pos_embed[0, 1:].view(14, 14, 384)
    assert not model.pos_embed[0, 0].any()
    assert torch.equal(table[:, 0, :192], table[:, 5, :192])
    assert torch.equal(table[0, :, 192:], table[5, :, 192:])
    torch.testing.assert_close(table[3, 0, 0], torch.tensor(3.0).sin())


@pytest.mark.parametrize('size', [32, 48])
def test_transfer_takes_the_encoder_and_fits_its_positions(encoder, tmp_path, size):
    tensors = {f'backbone.{k}': v for k, v in encoder.state_dict().items()}
    save_file({'state_dict': {**tensors, 'decoder.x': torch.ones(1)}}, tmp_path / 'e.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'e.pth'), prefix='backbone.')
    options = dict(arch=ARCH, img_size=size, patch_size=8, final_norm=False, init_cfg=init_cfg)
    model = VisionTransformer(out_type='avg_featmap', **options)
    model.init_weights()
    for name, tensor in model.named_parameters():
        if name == 'pos_embed':
            cls, patches = encoder.pos_embed.float().split((1, 16), dim=1)
            grid = patches.view(1, *GRID, 48).permute(0, 3, 1, 2)
            if size != 32:
                grid = F.interpolate(grid, (6, 6), mode='bicubic')
            wanted = torch.cat((cls, grid.flatten(2).transpose(1, 2)), dim=1)
            torch.testing.assert_close(tensor.detach(), wanted, rtol=0, atol=1e-6)
            assert size != 32 or torch.equal(tensor, wanted)
        elif not name.startswith('ln2'):
            assert torch.equal(tensor, encoder.state_dict()[name].float()), name
    assert model(torch.randn(2, 3, size, size))[0].shape == (2, 48)


def test_a_checkpoint_of_another_depth_is_an_error(encoder, tmp_path):
    save_file({'state_dict': encoder.state_dict()}, tmp_path / 'e.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'e.pth'))
    model = VisionTransformer(
        arch={**ARCH, 'num_layers': 4}, img_size=32, patch_size=8, init_cfg=init_cfg
    )
    with pytest.raises(ValueError, match=r'missing: layers\.3\.'):
        model.init_weights()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(arch='tiny'), "Unknown arch 'tiny'"),
        (dict(arch={'depth': 3}), r"keys \['depth'\]; it needs \['embed_dims'"),
        (dict(img_size=225), 'img_size=225 is not a multiple of patch_size=16; use 224 or 240'),
    ],
)
def test_bad_arguments_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        MaskedViT(**options)


def test_another_image_size_is_an_error(encoder):
    with pytest.raises(ValueError, match='built for images of 32 x 32 px.*got 40 x 40 px'):
        encoder(torch.zeros(1, 3, 40, 40).double())
