"""ViTDet's backbone against the plain ViT, and what goes into it."""

import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from mcl_plugins.backbones import VisionTransformer
from mcl_plugins.detection.vitdet import ViTDet
from mcl_plugins.layers.windowed_attention import MapBlock

ARCH = dict(embed_dims=24, num_layers=4, num_heads=3, feedforward_channels=48)
SMALL = dict(
    arch=ARCH,
    img_size=64,
    patch_size=8,
    window_size=3,
    global_blocks=(1, 3),
    pretrain_img_size=32,
)
PRETRAINED = dict(arch=ARCH, img_size=32, patch_size=8)


def randomised(module):
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return module


def save(module, path, **changes):
    """A pre-training file with ``module`` as its encoder."""
    state = {f'backbone.{k}': v for k, v in module.state_dict().items()}
    state.update(changes, **{'neck.weight': torch.zeros(1)})
    torch.save({'state_dict': state}, path)
    return dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')


def test_with_global_blocks_alone_it_is_the_plain_vit_without_class_token():
    settings = {**SMALL, 'pretrain_img_size': 64, 'global_blocks': range(4)}
    model = ViTDet(**settings, out_indices=(1, 3))
    plain = VisionTransformer(
        ARCH,
        64,
        8,
        with_cls_token=False,
        out_type='featmap',
        final_norm=False,
        out_indices=[1, 3],
    )
    randomised(plain)
    missing, unexpected = model.load_state_dict(plain.state_dict(), strict=False)
    assert {name.split('.')[-1] for name in missing} == {'rel_pos_h', 'rel_pos_w'}
    assert not unexpected
    x = torch.randn(2, 3, 64, 64)
    for ours, theirs in zip(model(x), plain(x), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_four_evenly_placed_global_blocks():
    places = {}
    for arch in ('small', 'base', 'large'):
        with torch.device('meta'):
            model = ViTDet(arch)
        places[arch] = model.global_blocks
        windows = [layer.attn.window_size for layer in model.layers]
        assert [i for i, size in enumerate(windows) if size == 0] == list(places[arch])
        assert set(windows) == {0, 14}
        tables = [len(layer.attn.rel_pos_h) for layer in model.layers]
        assert tables == [27 if size else 127 for size in windows]
    assert places['small'] == places['base'] == (2, 5, 8, 11)
    assert places['large'] == (5, 11, 17, 23)


@pytest.mark.parametrize(
    'encoder', ['MaskedViT', 'VisionTransformer', 'SimMIMViT', 'MaskedMoCoViT']
)
def test_every_pretraining_goes_in(tmp_path, encoder):
    source = randomised(MODELS.build(dict(type=f'mcl_plugins.{encoder}', **PRETRAINED)))
    model = ViTDet(**SMALL, init_cfg=save(source, tmp_path / 'pre.pth'))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.init_weights()
    given, after = source.state_dict(), model.state_dict()
    for name, value in after.items():
        if name.endswith(('rel_pos_h', 'rel_pos_w')):
            assert not value.any()
        elif name == 'pos_embed':
            torch.testing.assert_close(value, given[name][:, 1:])
        else:
            torch.testing.assert_close(value, given[name])
            assert not torch.equal(value, before[name]), name


def test_a_fine_tuned_classifier_goes_in(tmp_path):
    source = randomised(VisionTransformer(**PRETRAINED, out_type='avg_featmap', final_norm=False))
    assert 'ln2.weight' in source.state_dict()
    model = ViTDet(**SMALL, init_cfg=save(source, tmp_path / 'tuned.pth'))
    model.init_weights()
    torch.testing.assert_close(model.layers[3].ln2.weight, source.layers[3].ln2.weight)


def test_positions_of_another_grid_are_resized_and_those_of_a_map_interpolated(tmp_path):
    source = randomised(VisionTransformer(ARCH, 48, 8))
    model = ViTDet(**SMALL, init_cfg=save(source, tmp_path / 'pre.pth'))
    model.init_weights()
    positions = source.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (6, 6))
    resized = F.interpolate(positions, (4, 4), mode='bicubic').flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.pos_embed, resized)

    seen = []
    model.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.patch_embed.requires_grad_(False)
    for parameter in model.patch_embed.parameters():
        parameter.zero_()
    model(torch.randn(1, 3, 64, 96))
    grid = model.pos_embed.transpose(1, 2).unflatten(2, (4, 4))
    expected = F.interpolate(grid, (8, 12), mode='bicubic').permute(0, 2, 3, 1)
    torch.testing.assert_close(seen[0], expected)


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        ({'arch': {**ARCH, 'embed_dims': 48}}, r'shape of'),
        ({'arch': {**ARCH, 'num_layers': 3}}, r'missing: layers.3'),
        ({'arch': {**ARCH, 'num_layers': 5}}, r'unexpected: layers.4'),
    ],
)
def test_a_foreign_checkpoint_stops(tmp_path, change, complaint):
    source = VisionTransformer(**{**PRETRAINED, **change})
    model = ViTDet(**SMALL, init_cfg=save(source, tmp_path / 'pre.pth'))
    with pytest.raises(ValueError, match=complaint):
        model.init_weights()


def test_its_own_checkpoint_must_have_the_tables():
    model = ViTDet(**SMALL)
    state = model.state_dict()
    del state['layers.0.attn.rel_pos_h']
    with pytest.raises(RuntimeError, match='rel_pos_h'):
        model.load_state_dict(state)


def test_random_weights_are_all_set():
    model = ViTDet(**SMALL)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, float('nan'))
    for layer in model.layers:  # these start at zero from their construction
        torch.nn.init.zeros_(layer.attn.rel_pos_h)
        torch.nn.init.zeros_(layer.attn.rel_pos_w)
        for norm in (layer.ln1, layer.ln2):
            norm.reset_parameters()
    model.patch_embed.projection.reset_parameters()
    model.init_weights()
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert 0.015 < model.layers[1].attn.qkv.weight.std() < 0.025
    assert model.pos_embed.std() > 0.01


@pytest.mark.parametrize('silent', ['attn.proj', 'ffn.layers.1'])
def test_stochastic_depth_takes_images_whole_in_both_branches(silent):
    block = MapBlock(24, 3, 48, drop_path_rate=0.5, window_size=2).train()
    for parameter in block.get_submodule(silent).parameters():
        torch.nn.init.zeros_(parameter)  # the other branch alone is seen
    x = torch.randn(16, 4, 4, 24)
    changed = (block(x) != x).any(-1).flatten(1)
    assert (changed.all(1) | ~changed.any(1)).all()
    assert 0 < changed.all(1).sum() < 16


def test_recomputed_blocks_have_the_same_gradients():
    models = [ViTDet(**SMALL, with_cp=with_cp) for with_cp in (False, True)]
    models[0].init_weights()
    models[1].load_state_dict(models[0].state_dict())
    x = torch.randn(1, 3, 64, 64)
    for model in models:
        model(x)[0].square().sum().backward()
    for ours, theirs in zip(*(m.parameters() for m in models), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_layers_of_parameters():
    model = ViTDet(**SMALL)
    depths = {
        name: model.get_layer_depth(f'backbone.{name}', 'backbone.')[0]
        for name, _ in model.named_parameters()
    }
    assert depths['pos_embed'] == depths['patch_embed.projection.weight'] == 0
    assert depths['layers.2.attn.rel_pos_h'] == depths['layers.2.ln1.weight'] == 3
    assert model.get_layer_depth('neck.levels.0.0.weight', 'backbone.') == (5, 6)


@pytest.mark.parametrize(
    ('settings', 'complaint'),
    [
        (dict(arch={**ARCH, 'num_layers': 5}, global_blocks=None), 'do not divide into 4 groups'),
        (dict(global_blocks=(4,)), r'global_blocks=\(4,\): use indices from 0 to 3'),
        (dict(out_indices=(1, 2)), r'out_indices=\(1, 2\) must ascend and end with the last'),
        (dict(img_size=60), 'img_size=60 is not a multiple of patch_size=8'),
        (dict(pretrain_img_size=30), 'not a multiple'),
        (dict(arch='tiny'), "Unknown arch 'tiny'"),
        (dict(out_indices=()), r'out_indices=\(\) must ascend'),
        (dict(window_size=-3), 'window_size=-3 must be 0 or more'),
        (dict(arch={**ARCH, 'num_heads': 5}), 'multiple of num_heads=5'),
        (dict(qkv_bias='q'), "qkv_bias='q' is unknown"),
    ],
)
def test_bad_settings(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        ViTDet(**{**SMALL, **settings})


def test_images_of_broken_patches_are_refused():
    with pytest.raises(
        ValueError, match='64 x 60 px cannot be divided .* model.data_preprocessor.pad_size'
    ):
        ViTDet(**SMALL)(torch.zeros(1, 3, 64, 60))
