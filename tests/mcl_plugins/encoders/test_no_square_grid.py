"""A checkpoint of images that are not square: its positions are refused by their number."""

import pytest
from mmpretrain.registry import MODELS

from conftest import SMALL_VIT
from mcl_plugins import load_encoder
from mcl_plugins.checkpoint.files import save_file


@pytest.mark.parametrize('with_cls_token', [True, False])
def test_positions_of_no_square_grid_are_counted(tmp_path, with_cls_token):
    """The class token has a position, too, which is none of a patch."""
    vit = {key: SMALL_VIT[key] for key in ('arch', 'img_size', 'patch_size')}
    kind = dict(type='mcl_plugins.VisionTransformer', out_type='raw', with_cls_token=with_cls_token)
    state = MODELS.build({**vit, **kind}).state_dict()
    assert state['pos_embed'].shape[1] == 16 + with_cls_token
    state['pos_embed'] = state['pos_embed'][:, :-1]
    tensors = {f'backbone.{name}': tensor for name, tensor in state.items()}
    file = tmp_path / 'oblong.pth'
    save_file({'state_dict': tensors}, file)
    message = rf'^{file}: the 15 positions of the encoder are of no square grid of patches'
    with pytest.raises(ValueError, match=message):
        load_encoder(file, arch=dict(num_heads=3))
