"""Checks of settings and inputs: what passes, and what a message says."""

import pytest
import torch

from mcl_plugins.utils.checks import (
    check_image_size,
    check_input_size,
    check_num_heads,
    check_out_indices,
    resolve_arch,
)

ZOO = {'tiny': dict(width=8, depth=2), 'small': dict(width=16, depth=2)}


def test_an_architecture_is_known_by_name_or_complete():
    assert resolve_arch('Small', ZOO, ('width', 'depth')) is ZOO['small']
    own = dict(width=4, depth=1, extra=True)
    assert resolve_arch(own, ZOO, ('width', 'depth')) is own
    with pytest.raises(ValueError, match=r"'huge'; choose from \['small', 'tiny'\].*depth, width"):
        resolve_arch('huge', ZOO, ('width', 'depth'))
    with pytest.raises(ValueError, match=r"keys \['width'\]; it needs \['depth', 'width'\]"):
        resolve_arch(dict(width=4), ZOO, ('width', 'depth'))
    with pytest.raises(ValueError, match='extra'):
        resolve_arch(own, ZOO, ('width', 'depth'), exact=True)


@pytest.mark.parametrize(
    ('part_of', 'instruction'),
    [
        ('encoder', 'set img_size to the size of the images'),
        (
            'segmentor',
            r".*mode='slide', crop_size=\(32, 32\).*at least 32.*scale=32.*or set img_size",
        ),
        (
            'detector',
            'set img_size .*, or scale and pad images to 32 px, as .*pad_size_div',
        ),
    ],
)
def test_an_image_of_another_size_gets_the_instruction_of_its_model(part_of, instruction):
    check_input_size(torch.zeros(1, 3, 32, 32), (32, 32), part_of)
    with pytest.raises(
        ValueError, match=rf'images of 32 x 32 px.*but got 32 x 40 px: {instruction}'
    ):
        check_input_size(torch.zeros(1, 3, 32, 40), (32, 32), part_of)


@pytest.mark.parametrize(
    ('size', 'complaint'),
    [
        (30, 'img_size=30 .* patch_size=16; use 16 or 32'),
        ((32, 32), 'must be an integer, the side of square images'),
    ],
)
def test_patches_tile_the_image(size, complaint):
    check_image_size(32, 16)
    with pytest.raises(ValueError, match=complaint):
        check_image_size(size, 16)


@pytest.mark.parametrize('indices', [(), (3, 1), (1, 1, 3), (-1, 3), (1, 2)])
def test_outputs_ascend_to_the_last_block(indices):
    assert check_out_indices(range(1, 4), 4) == [1, 2, 3]
    with pytest.raises(ValueError, match='must ascend and end with the last block, 3'):
        check_out_indices(indices, 4)


def test_heads_divide_the_width():
    check_num_heads(12, 3)
    with pytest.raises(ValueError, match='embed_dims=12 must be a multiple of num_heads=5'):
        check_num_heads(12, 5)
