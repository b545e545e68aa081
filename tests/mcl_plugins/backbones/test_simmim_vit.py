"""ViT with mask tokens, and DeiT: no hidden pixel leaks, the whole image is the plain ViT's."""

import pytest
import torch
from mmpretrain.registry import MODELS

from conftest import SMALL_VIT, tokens_entering
from mcl_plugins.backbones import DeiT, SimMIMViT, VisionTransformer
from mcl_plugins.checkpoint.files import save_file
from mcl_plugins.mask_generators import RandomMask

SIZES = {key: value for key, value in SMALL_VIT.items() if key != 'type'}
CPU = torch.device('cpu')


@pytest.fixture
def student():
    model = MODELS.build({**SMALL_VIT, 'type': 'mcl_plugins.SimMIMViT'}).double()
    model.init_weights()
    return model


def embedding(model, images, mask):
    return tokens_entering(model.layers[0], model, images, mask)


def test_hidden_pixels_change_no_token(student):
    mask = RandomMask(0.5, unit=2)(3, student.mask_grid, CPU)
    hidden = mask.mask.view(3, 1, 4, 4).repeat_interleave(8, 2).repeat_interleave(8, 3)
    images, others = torch.randn(2, 3, 3, 32, 32).double()
    before, output = embedding(student, images, mask)
    after, same = embedding(student, torch.where(hidden, others, images), mask)
    assert torch.equal(before, after) and torch.equal(output, same)
    after, _ = embedding(student, torch.where(hidden, images, others), mask)
    assert torch.equal((after != before).any(dim=-1)[:, 1:], ~mask.mask)
    assert output.shape == (3, 48, 4, 4)


def test_a_hidden_patch_is_the_mask_token_at_its_place(student):
    mask = RandomMask(0.5)(2, student.mask_grid, CPU)
    tokens, _ = embedding(student, torch.randn(2, 3, 32, 32).double(), mask)
    expected = (student.mask_token + student.pos_embed[:, 1:]).expand(2, -1, -1)
    torch.testing.assert_close(tokens[:, 1:][mask.mask], expected[mask.mask])
    assert not student.pos_embed.requires_grad and student.mask_token.std() > 0.01


def test_fine_tuning_gets_the_whole_student(student, tmp_path):
    state = {f'backbone.{name}': value for name, value in student.state_dict().items()}
    save_file({'state_dict': state}, tmp_path / 'epoch_1.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'epoch_1.pth'), prefix='backbone.')
    plain = VisionTransformer(**SIZES, out_type='featmap', init_cfg=init_cfg).double()
    plain.init_weights()
    images = torch.randn(2, 3, 32, 32).double()
    torch.testing.assert_close(plain(images)[0], student(images)[0])


def test_moco_v3s_small_vit_has_twelve_heads():
    with torch.device('meta'):
        models = [VisionTransformer(arch=arch) for arch in ('small', 'mocov3-small', 'mocov3-s')]
    assert [model.layers[0].attn.num_heads for model in models] == [6, 12, 12]
    shapes = [{name: p.shape for name, p in model.named_parameters()} for model in models]
    assert shapes[0] == shapes[1]  # no tensor tells


def test_students_and_teachers_of_mimco_differ_in_heads_alone():
    with torch.device('meta'):
        student = SimMIMViT(arch='small')
        teacher = VisionTransformer(arch='mocov3-small', out_type='featmap')
    assert student.mask_grid == teacher.patch_resolution == (14, 14)
    state = {name: value.shape for name, value in student.state_dict().items()}
    assert state.pop('mask_token') == (1, 1, 384)
    assert state == {name: value.shape for name, value in teacher.state_dict().items()}
    assert [model.layers[0].attn.num_heads for model in (student, teacher)] == [6, 12]


def test_deit_starts_as_timms():
    model = DeiT(arch={**SIZES['arch'], 'embed_dims': 192}, img_size=32, patch_size=8)
    model.init_weights()
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.05), name
            assert not module.bias.any(), name
    for token in (model.pos_embed, model.cls_token):
        assert token.std().item() == pytest.approx(0.02, rel=0.2)
    weight = model.patch_embed.projection.weight  # PyTorch's: uniform up to 1 / sqrt(inputs)
    assert weight.abs().max().item() == pytest.approx((3 * 8 * 8) ** -0.5, rel=0.01)
    assert model(torch.randn(2, 3, 32, 32))[0].shape == (2, 192)
