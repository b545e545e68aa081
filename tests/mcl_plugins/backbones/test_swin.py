"""Swin: masks on every stride, no hidden pixel leaks, mmpretrain's numbers, strict loading."""

import math

import pytest
import torch
from mmpretrain.models.backbones import SwinTransformer as MMPretrainSwin
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from conftest import SMALL_SWIN, tokens_entering
from mcl_plugins.backbones import SimMIMSwin, SwinTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.mask_generators import PatchMask, RandomMask, upsample_patches

SMALL = SMALL_SWIN
ARCH = SMALL['arch']
CPU = torch.device('cpu')


def pixels_of(mask, grid, side):
    hidden = mask.mask.view(-1, 1, *grid)
    return hidden.repeat_interleave(side, 2).repeat_interleave(side, 3)


@pytest.fixture
def student():
    model = MODELS.build(dict(type='mcl_plugins.SimMIMSwin', **SMALL)).double()
    model.init_weights()
    return model


def embedding(model, images, mask):
    return tokens_entering(model.stages[0], model, images, mask)


def test_hidden_pixels_change_no_token(student):
    assert student.mask_grid == (8, 8)
    mask = RandomMask(0.6)(3, student.mask_grid, CPU)
    images, others = torch.randn(2, 3, 3, 32, 32).double()
    hidden = pixels_of(mask, (8, 8), 4)
    before, output = embedding(student, images, mask)
    after, same = embedding(student, torch.where(hidden, others, images), mask)
    assert torch.equal(before, after) and torch.equal(output, same)
    after, _ = embedding(student, torch.where(hidden, images, others), mask)
    shown = ~pixels_of(mask, (8, 8), 2).flatten(1)  # on the grid of the first stage
    assert torch.equal((after != before).any(dim=-1), shown)


@pytest.mark.parametrize('arch', ['tiny', 'base'])
def test_a_mask_covers_whole_units_at_every_stride(arch):
    """On the real sizes: 30 of the 49 units of 32 px, seen with strides of 4, 8, 16 and 32 px."""
    with torch.device('meta'):
        model = SimMIMSwin(arch=arch, img_size=224)
    mask = RandomMask(0.6)(2, model.mask_grid, CPU)
    assert model.mask_grid == (7, 7) and mask.mask.sum(dim=1).tolist() == [30, 30]
    units = mask.mask.view(2, 1, 7, 7).float()
    tokens = upsample_patches(mask.mask, model.mask_grid, (56, 56))[:, None].float()
    assert model.patch_resolution == (56, 56)
    assert tokens.sum() == 2 * 1920
    for side in (1, 2, 4, 8):
        stride = F.avg_pool2d(tokens, side)
        assert torch.equal(stride, F.interpolate(units, scale_factor=8 // side))


def test_everything_is_shown_without_a_mask(student):
    images = torch.randn(2, 3, 32, 32).double()
    plain = SwinTransformer(**SMALL, drop_path_rate=0.0).double()
    plain.load_state_dict({k: v for k, v in student.state_dict().items() if k != 'mask_token'})
    torch.testing.assert_close(student(images)[0], plain(images)[0])
    nothing = PatchMask.from_mask(torch.zeros(2, 64, dtype=torch.bool))
    torch.testing.assert_close(student(images, nothing)[0], plain(images)[0])


def test_masks_are_for_images_of_one_size(student):
    mask = RandomMask(0.6)(1, student.mask_grid, CPU)
    with pytest.raises(ValueError, match='got 48 x 48 px: set img_size to the size of the images'):
        student(torch.randn(1, 3, 48, 48).double(), mask)


@pytest.mark.parametrize('side', [32, 48])
def test_outputs_and_gradients_are_mmpretrains(side):
    """The student's own forward, when nothing is hidden."""
    ours = SimMIMSwin(**SMALL).double()
    del ours.mask_token
    theirs = MMPretrainSwin(**SMALL, drop_path_rate=0.0, out_indices=(1,)).double()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, side, side).double()
    weights = torch.randn(2, 32, side // 4, side // 4).double()
    for model in (ours, theirs):
        (model(images)[0] * weights).sum().backward()
    torch.testing.assert_close(ours(images)[0], theirs(images)[0])
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, msg=lambda text, name=name: f'{name}: {text}')


def test_weights_start_as_in_the_released_code():
    model = SwinTransformer(arch={**ARCH, 'embed_dims': 64}, img_size=32, patch_size=2,
                            window_size=4)  # fmt: skip
    model.init_weights()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05), name
            assert module.bias is None or not module.bias.any(), name
    table = model.stages[0].blocks[0].attn.w_msa.relative_position_bias_table
    assert table.std().item() == pytest.approx(0.02, rel=0.2)


def test_the_bn_trick_puts_a_batch_norm_before_each_mlp():
    model = SwinTransformer(**SMALL, mlp_norm='BN')
    inputs = []
    for stage in model.stages:
        for block in stage.blocks:
            block.ffn.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    model(torch.randn(4, 3, 32, 32))
    assert len(inputs) == 4
    for tokens in inputs:  # of all images and positions together
        rows = tokens.flatten(0, 1)
        torch.testing.assert_close(rows.mean(dim=0), torch.zeros(rows.shape[1]), atol=1e-5, rtol=0)
        assert (rows.var(dim=0, correction=0) > 0.9).all()
    assert isinstance(model.stages[0].blocks[0].norm1, torch.nn.LayerNorm)


# Loading


@pytest.fixture
def file(tmp_path, student):
    state = {f'backbone.{name}': value for name, value in student.state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'epoch_1.pth')
    return tmp_path / 'epoch_1.pth'


def load(path, **changes):
    init_cfg = dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')
    model = SwinTransformer(**{**SMALL, **changes}, init_cfg=init_cfg).double()
    model.init_weights()
    return model


def test_fine_tuning_gets_the_whole_student(file, student):
    loaded = load(file).state_dict()
    state = student.state_dict()
    del state['mask_token']
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


def test_dense_tasks_get_fresh_norms_for_the_other_stages(file, student):
    model = load(file, out_indices=(0, 1))
    assert torch.equal(model.norm1.weight, student.norm1.weight)
    assert [output.shape[1] for output in model(torch.randn(1, 3, 32, 32).double())] == [16, 32]


def test_the_last_norm_is_not_left_fresh(file, student):
    state = {f'backbone.{name}': value for name, value in student.state_dict().items()}
    del state['backbone.norm1.weight']
    save_file({'state_dict': state}, file)
    with pytest.raises(ValueError, match=r'missing: norm1\.weight'):
        load(file)


def test_another_window_resizes_the_tables(file, student):
    """Smooth tables stay what they are at the offsets that both windows have."""
    distance = torch.arange(-3, 4).double()
    smooth = torch.exp(-(distance[:, None] ** 2 + distance**2) / 20).flatten()[:, None]
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if name.endswith('bias_table'):
                parameter.copy_(smooth.expand_as(parameter))
    state = {f'backbone.{name}': value for name, value in student.state_dict().items()}
    save_file({'state_dict': state}, file)
    model = load(file, window_size=8)
    table = model.stages[0].blocks[0].attn.w_msa.relative_position_bias_table
    assert table.shape == (15 * 15, 2)
    centre = table[:, 0].view(15, 15)[6:9, 6:9]
    torch.testing.assert_close(centre, smooth.view(7, 7)[2:5, 2:5], atol=0.02, rtol=0)
    assert model(torch.randn(1, 3, 32, 32).double())[0].isfinite().all()


def test_another_architecture_stops(file):
    arch = {**ARCH, 'depths': (2, 4)}
    with pytest.raises(ValueError, match=r'missing: stages\.1\.blocks\.2'):
        load(file, arch=arch)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(arch='huge'), "Unknown arch 'huge'"),
        (dict(arch=dict(embed_dims=16)), "arch has the keys .'embed_dims'"),
        (dict(arch=dict(**ARCH, mlp_ratio=4)), "'mlp_ratio'"),
        (
            dict(img_size=(32, 32)),
            r'img_size=\(32, 32\) must be an integer, the side of square images',
        ),
        (dict(img_size=34), "img_size=34 is not a multiple of the last stage's patches=4"),
        (dict(window_size=9), 'leaves 8 x 8 tokens to the last stage, fewer than a window'),
        (dict(mlp_norm='GN'), "mlp_norm='GN' is unknown"),
        (dict(frozen_stages=2), r'frozen_stages=2 must be -1 \(none\) to 1'),
        *(
            (dict(out_indices=stages), r'must ascend and end with the last stage, 1: .*set arch')
            for stages in [(0,), (-1,), (-1, 1), (1, 0), (1, 1), (0, 1, 2), ()]
        ),
    ],
)
def test_bad_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        SwinTransformer(**{**SMALL, **changes})


@pytest.mark.parametrize(('frozen_stages', 'first_trained'), [(-1, 0), (0, 1), (1, 2)])
def test_stages_are_frozen_before_training_begins(frozen_stages, first_trained):
    """The optimizer and DDP look at the parameters before anyone calls train()."""
    encoder = SwinTransformer(**SMALL, frozen_stages=frozen_stages)
    expected = {f'stages.{stage}' for stage in range(first_trained, 2)}
    expected |= {'norm1'} if first_trained < 2 else set()
    expected |= {'patch_embed'} if first_trained == 0 else set()
    for _ in range(2):
        trained = {name for name, p in encoder.named_parameters() if p.requires_grad}
        tops = {'.'.join(n.split('.')[: 2 if n.startswith('stages') else 1]) for n in trained}
        assert tops == expected
        encoder.train()
    assert encoder.stages[0].training == (first_trained == 0)


def test_layer_depths_count_all_blocks():
    """Swin-B has 24 blocks; patch merging belongs to the block before it."""
    with torch.device('meta'):
        model = SwinTransformer(arch='base')
    depths = {name: model.get_layer_depth(name)[0] for name, _ in model.named_parameters()}
    assert depths['patch_embed.projection.weight'] == 0
    assert depths['stages.0.blocks.0.norm1.weight'] == 1
    assert depths['stages.0.downsample.reduction.weight'] == 2
    assert depths['stages.2.blocks.17.norm1.weight'] == 22
    assert depths['stages.3.blocks.1.attn.w_msa.qkv.weight'] == 24
    assert depths['norm3.weight'] == 25
    assert math.isclose(sum(p.numel() for p in model.parameters()), 86.74e6, rel_tol=1e-3)
