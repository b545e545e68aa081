"""Masks: exact counts, uniform draws, and index tensors that belong together."""

import math
import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from scipy import stats

from mcl_plugins.mask_generators import (
    BlockMask,
    ImportanceMask,
    Partition,
    PatchMask,
    RandomMask,
)
from mcl_plugins.mask_generators.patch_mask import num_masked

CPU = torch.device('cpu')
GRID = (14, 14)
GENERATORS = [
    RandomMask(0.75),
    RandomMask(0.75, unit=2),
    BlockMask(0.4),
    BlockMask(0.75),
    BlockMask(0.9),
]


def name(generator):
    """For the report of pytest."""
    return f'{type(generator).__name__}-{generator.mask_ratio}-{getattr(generator, "unit", "")}'


all_generators = pytest.mark.parametrize('generator', GENERATORS, ids=name)


@pytest.mark.parametrize(
    ('ratio', 'unit', 'grid', 'count'),
    [
        (0.75, 1, (14, 14), 147),
        (0.6, 2, (14, 14), 120),  # these three: ceil of 49 units, as ConMIM's 32 px masks
        (0.75, 2, (14, 14), 148),
        (0.9, 2, (14, 14), 180),
        (0.6, 1, (14, 14), 118),
        (0.9, 1, (14, 14), 177),
        (0.75, 1, (6, 10), 45),
        (0.28, 1, (5, 5), 7),  # 0.28 * 25 is a little above 7 in binary
        (0.5, 7, (14, 14), 98),
    ],
)
def test_number_of_hidden_patches(ratio, unit, grid, count):
    mask = RandomMask(ratio, unit)(8, grid, CPU)
    assert mask.mask.shape == (8, grid[0] * grid[1])
    assert mask.mask.dtype == torch.bool
    assert mask.mask.sum(dim=1).tolist() == [count] * 8
    assert mask.len_keep == grid[0] * grid[1] - count


@pytest.mark.parametrize('ratio', [0.4, 0.6, 0.75, 0.9])
def test_block_mask_hides_the_same_number_in_every_image(ratio):
    torch.manual_seed(0)
    mask = BlockMask(ratio)(256, GRID, CPU)
    assert mask.mask.sum(dim=1).tolist() == [math.ceil(ratio * 196)] * 256


@all_generators
def test_index_tensors_belong_together(generator):
    torch.manual_seed(0)
    mask = generator(16, GRID, CPU)
    for hidden, order, restore, ids_keep, ids_mask in zip(
        mask.mask.tolist(),
        mask.ids_shuffle.tolist(),
        mask.ids_restore.tolist(),
        mask.ids_keep.tolist(),
        mask.ids_mask.tolist(),
        strict=True,
    ):
        assert sorted(order) == list(range(196))
        assert ids_keep + ids_mask == order
        assert len(ids_keep) == mask.len_keep
        assert {i for i in range(196) if hidden[i]} == set(ids_mask)
        assert [order[place] for place in restore] == list(range(196))


@all_generators
def test_restore_ids_put_tokens_back(generator):
    """As MAE does: keep the visible tokens, append mask tokens, unshuffle."""
    mask = generator(4, GRID, CPU)
    tokens = torch.arange(1, 197).repeat(4, 1)
    visible = tokens.gather(1, mask.ids_keep)
    padded = torch.cat([visible, visible.new_zeros(4, 196 - mask.len_keep)], dim=1)
    restored = padded.gather(1, mask.ids_restore)
    assert torch.equal(restored, tokens.masked_fill(mask.mask, 0))


def test_units_are_hidden_whole():
    torch.manual_seed(0)
    for unit, grid in [(2, (14, 14)), (4, (8, 12))]:
        hidden = RandomMask(0.6, unit)(64, grid, CPU).mask.view(64, *grid)
        for row in range(0, grid[0], unit):
            for column in range(0, grid[1], unit):
                tile = hidden[:, row : row + unit, column : column + unit].flatten(1)
                assert torch.equal(tile.any(dim=1), tile.all(dim=1))


@pytest.mark.parametrize('unit', [1, 2])
def test_every_patch_is_hidden_equally_often(unit):
    torch.manual_seed(0)
    images = 6000
    hidden = RandomMask(0.75, unit)(images, GRID, CPU).mask.view(images, *GRID)
    counts = hidden[:, ::unit, ::unit].sum(dim=0).flatten().double()
    units = len(counts)
    share = float(counts.sum()) / images / units
    # Drawing without replacement: variance share (1 - share) an image, on a fixed total.
    statistic = ((counts - images * share) ** 2).sum() / (images * share * (1 - share))
    p_value = stats.chi2.sf(float(statistic) * (units - 1) / units, units - 1)
    assert 1e-3 < p_value < 1 - 1e-3


def test_two_patches_are_hidden_independently_up_to_the_fixed_count():
    torch.manual_seed(0)
    hidden = RandomMask(0.75)(20_000, (4, 4), CPU).mask.double()
    both = hidden.T @ hidden / 20_000
    wanted = 12 / 16 * 11 / 15
    off_diagonal = both[~torch.eye(16, dtype=torch.bool)]
    deviation = (wanted * (1 - wanted) / 20_000) ** 0.5
    assert (off_diagonal - wanted).abs().max() < 4.5 * deviation


@all_generators
def test_masks_are_fresh_and_follow_the_seed(generator):
    torch.manual_seed(0)
    first, second = generator(8, GRID, CPU), generator(8, GRID, CPU)
    torch.manual_seed(0)
    again = generator(8, GRID, CPU)
    assert torch.equal(first.mask, again.mask)
    assert torch.equal(first.ids_shuffle, again.ids_shuffle)
    assert not torch.equal(first.mask, second.mask)
    assert len(first.mask.unique(dim=0)) == 8, 'each image has a mask of its own'


@pytest.mark.parametrize(('ratio', 'unit'), [(0.75, 1), (0.6, 2), (0.9, 2)])
def test_from_noise_hides_the_largest_scores(ratio, unit):
    rows, columns = 6 // unit, 8 // unit
    noise = torch.rand(5, rows * columns, generator=torch.Generator().manual_seed(0))
    mask = RandomMask(ratio, unit).from_noise(noise, (6, 8))
    for scores, hidden in zip(noise.tolist(), mask.mask.tolist(), strict=True):
        units = sorted(range(rows * columns), key=scores.__getitem__, reverse=True)
        chosen = set(units[: math.ceil(ratio * rows * columns)])
        for patch in range(6 * 8):
            row, column = divmod(patch, 8)
            assert hidden[patch] == (row // unit * columns + column // unit in chosen)


def test_from_noise_lists_visible_units_by_rising_score():
    noise = torch.tensor([[0.9, 0.1, 0.5, 0.3]])
    assert RandomMask(0.25).from_noise(noise, (2, 2)).ids_keep.tolist() == [[1, 3, 2]]


@pytest.mark.parametrize('levels', [1, 2, 3])
def test_equal_noise_never_splits_a_unit(levels):
    noise = torch.randint(levels, (200, 49), generator=torch.Generator().manual_seed(0)).float()
    hidden = RandomMask(0.75, unit=2).from_noise(noise, GRID).mask
    tiles = hidden.view(200, 7, 2, 7, 2).sum(dim=(2, 4))
    assert set(tiles.unique().tolist()) == {0, 4}
    assert hidden.sum(dim=1).eq(148).all()


def equal_neighbours(mask):
    """Mean number of horizontally or vertically adjacent pairs that share their state."""
    hidden = mask.mask.view(-1, *GRID)
    down = (hidden[:, 1:] == hidden[:, :-1]).flatten(1).sum(dim=1)
    right = (hidden[:, :, 1:] == hidden[:, :, :-1]).flatten(1).sum(dim=1)
    return (down + right).double().mean().item()


@pytest.mark.parametrize('ratio', [0.4, 0.6, 0.75, 0.9])
def test_block_masks_are_blockier_than_random_ones(ratio):
    torch.manual_seed(0)
    alone, block = (
        equal_neighbours(generator(200, GRID, CPU))
        for generator in (RandomMask(ratio), BlockMask(ratio))
    )
    pairs = 2 * 13 * 14
    share = math.ceil(ratio * 196) / 196
    # Patches that are drawn alone agree with a neighbour by chance.
    assert alone / pairs == pytest.approx(share**2 + (1 - share) ** 2, abs=0.01)
    assert pairs - block < 0.5 * (pairs - alone)


@pytest.mark.parametrize('ratio', [0.4, 0.9])
def test_block_masks_reach_every_patch(ratio):
    torch.manual_seed(0)
    share = BlockMask(ratio)(2000, GRID, CPU).mask.double().mean(dim=0).view(GRID)
    assert share.min() > 0.02
    # The law has the symmetries of the square; 5 deviations of a share over 2000 images.
    for other in (share.flip(0), share.flip(1), share.T):
        assert (share - other).abs().max() < 5 * (2 * 0.25 / 2000) ** 0.5


def beit_mask(target, rng):
    """BEiT's Algorithm 1 as released, an image at a time: (14, 14) bool."""
    hidden, count = np.zeros(GRID, bool), 0
    while count < target:
        missing, new = target - count, 0
        for _ in range(10):
            area = rng.uniform(16, missing)
            aspect = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
            height, width = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
            if height < 14 and width < 14:
                top, left = rng.randint(0, 14 - height), rng.randint(0, 14 - width)
                block = hidden[top : top + height, left : left + width]
                new = block.size - int(block.sum())
                if 0 < new <= missing:
                    block[:] = True
                    break
                new = 0
        if not new:
            break
        count += new
    return hidden


@pytest.mark.parametrize('ratio', [0.4, 0.75])
def test_block_masks_hide_each_patch_as_often_as_beit(ratio):
    torch.manual_seed(0)
    rng = random.Random(0)
    ours = BlockMask(ratio)(1500, GRID, CPU).mask.double().mean(dim=0).view(GRID).numpy()
    theirs = np.mean([beit_mask(math.ceil(ratio * 196), rng) for _ in range(1500)], axis=0)
    # Shares run from 0.05 in the corners to 0.99 in the middle. 4.5 deviations of the difference
    # of two, and 0.01 because BEiT stops up to some patches short.
    assert np.abs(ours - theirs).max() < 4.5 * (2 * 0.25 / 1500) ** 0.5 + 0.01
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


def test_blocks_are_as_often_tall_as_wide():
    torch.manual_seed(0)
    hidden = BlockMask(0.4)(2000, GRID, CPU).mask.view(-1, *GRID)
    down = (hidden[:, 1:] != hidden[:, :-1]).flatten(1).sum(dim=1)
    right = (hidden[:, :, 1:] != hidden[:, :, :-1]).flatten(1).sum(dim=1)
    difference = (down - right).double()
    assert difference.mean().abs() < 4.5 * difference.std() / 2000**0.5


def test_block_masks_are_completed_along_the_border():
    hidden = torch.zeros(50, *GRID, dtype=torch.bool)
    hidden[:, 2:8, 3:9] = True
    torch.manual_seed(0)
    completed = BlockMask._complete(hidden, target=40).mask.view(-1, *GRID)
    assert completed[hidden].all()
    # Three hidden neighbours, the most there are: beside the block, its corners left out.
    beside = torch.zeros(GRID, dtype=torch.bool)
    beside[3:7, [2, 9]] = True
    beside[[1, 8], 4:8] = True
    added = completed & ~hidden
    assert added.flatten(1).sum(dim=1).tolist() == [4] * 50
    assert torch.equal(added.any(dim=0), beside)


def test_block_mask_of_another_grid():
    mask = BlockMask(0.5, min_area=4)(32, (8, 20), CPU)
    assert mask.mask.shape == (32, 160)
    assert mask.mask.sum(dim=1).tolist() == [80] * 32


def test_from_hidden_keeps_the_mask():
    hidden = RandomMask(0.75, unit=2)(8, GRID, CPU).mask
    mask = PatchMask.from_mask(hidden)
    assert torch.equal(mask.mask, hidden)
    assert mask.len_keep == 48
    for row, visible, masked in zip(
        hidden.numpy(), mask.ids_keep.numpy(), mask.ids_mask.numpy(), strict=True
    ):
        # Raster order on both sides.
        np.testing.assert_array_equal(visible, np.flatnonzero(~row))
        np.testing.assert_array_equal(masked, np.flatnonzero(row))


def test_from_hidden_refuses_unequal_counts():
    hidden = torch.tensor([[True, False, False], [True, True, False]])
    with pytest.raises(ValueError, match=r'same number of patches, got \[1, 2\]'):
        PatchMask.from_mask(hidden)


def test_from_ranks_keeps_raster_order_among_equals():
    mask = PatchMask.from_ranks(torch.tensor([[1, 0, 1, 0, 0]]), len_keep=3)
    assert mask.ids_shuffle.tolist() == [[1, 3, 4, 0, 2]]
    assert mask.mask.tolist() == [[True, False, True, False, False]]


@pytest.mark.parametrize('kind', [RandomMask, BlockMask])
@pytest.mark.parametrize('ratio', [0, 1, 1.2, -0.1])
def test_impossible_mask_ratio_is_refused(kind, ratio):
    with pytest.raises(ValueError, match=rf'mask_ratio={ratio} is outside \(0, 1\).*example 0.75'):
        kind(ratio)


@pytest.mark.parametrize(
    'draw',
    [
        lambda ratio: RandomMask(ratio)(2, (4, 4), CPU),
        lambda ratio: RandomMask(ratio, unit=2)(2, (8, 8), CPU),
        lambda ratio: BlockMask(ratio, min_area=1)(2, (4, 4), CPU),
        lambda ratio: ImportanceMask(ratio)(torch.rand(2, 16)),
    ],
    ids=['random', 'units', 'blocks', 'importance'],
)
def test_a_ratio_that_leaves_nothing_visible_is_refused(draw):
    """The number of masked units is rounded up, so 0.99 of 16 are all; 15 of 16 are not."""
    message = r'^mask_ratio=0\.99 masks all 16 units of the image; choose a smaller ratio or small'
    with pytest.raises(ValueError, match=message):
        draw(0.99)
    assert draw(15 / 16).mask.float().mean() == 15 / 16


@pytest.mark.parametrize('grid', [(14, 15), (15, 14)])
def test_grid_that_units_cannot_tile_is_refused(grid):
    message = rf'{grid[0]}x{grid[1]} patches .* units of 2x2 .*multiple of 2 patches'
    with pytest.raises(ValueError, match=message):
        RandomMask(0.75, unit=2)(1, grid, CPU)


@all_generators
def test_nothing_depends_on_a_value_on_the_host(generator):
    """Tensors of the meta device have no values, so reading one would raise."""
    mask = generator(4, GRID, torch.device('meta'))
    assert mask.ids_restore.shape == (4, 196)


def test_generators_are_registered():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        units = MODELS.build(dict(type='mcl_plugins.RandomMask', mask_ratio=0.75, unit=2))
        block = MODELS.build(dict(type='mcl_plugins.BlockMask', mask_ratio=0.4))
    assert isinstance(units, RandomMask)
    assert isinstance(block, BlockMask)


@pytest.mark.parametrize('unit', [0, -1, 1.5, True])
def test_a_senseless_unit_is_refused(unit):
    with pytest.raises(ValueError, match=f'unit={unit} must be a whole number of patches'):
        RandomMask(0.75, unit)


@pytest.mark.parametrize(
    ('ratio', 'grid', 'largest'),
    [
        (0.5, (4, 4), 8),
        (0.9, (4, 4), 12),  # 3 x 3, of which sides below 3.5 are rounded to
        (0.05, (14, 14), 10),
        (0.4, (2, 20), 7),  # a row of 4: 1.5 x 5 at the aspect 0.3
    ],
)
def test_blocks_that_fit_nowhere_are_an_error_and_not_random(ratio, grid, largest):
    with pytest.raises(ValueError, match=rf'min_area=16, .* no rectangle .* {largest} at the most'):
        BlockMask(ratio)(2, grid, CPU)
    mask = BlockMask(ratio, min_area=largest)(2, grid, CPU).mask
    assert mask.sum(dim=1).tolist() == [math.ceil(ratio * grid[0] * grid[1])] * 2


@pytest.mark.parametrize(
    ('grid', 'area', 'aspect', 'remedy'),
    [
        ((3, 40), 16, 0.8, '7 at the most, or lower min_aspect, or use'),
        ((4, 16), 16, 1.0, '12 at the most, or lower min_aspect, or use'),
        ((2, 20), 4, 1.0, '2 at the most, or lower min_aspect, or use'),
        ((1, 64), 16, 0.3, 'are masked; use'),
    ],
)
def test_blocks_whose_aspect_fits_nowhere_are_an_error(grid, area, aspect, remedy):
    message = rf'min_area={area}, min_aspect={aspect}: .* {grid[0]} x {grid[1]} .*{remedy} RandomM'
    with pytest.raises(ValueError, match=message):
        BlockMask(0.4, min_area=area, min_aspect=aspect)(1, grid, CPU)


@pytest.mark.parametrize('aspect', [0.3, 0.8, 1.0])
@pytest.mark.parametrize('grid', [(1, 8), (2, 20), (3, 40), (4, 16), (5, 5), (7, 3)])
def test_a_grid_is_refused_if_and_only_if_no_proposal_is_a_block(grid, aspect):
    torch.manual_seed(0)
    for ratio in (0.1, 0.4, 0.8):
        target = num_masked(grid[0] * grid[1], ratio)
        for area in {1, 2, 3, 5, 9, 12, 16} & set(range(1, target + 1)):
            generator = BlockMask(ratio, min_area=area, min_aspect=aspect)
            draws, missing = torch.rand(4, 20_000), torch.full((20_000,), target)
            sizes = generator._rectangles(draws, missing, grid).sum(dim=(1, 2))
            with nullcontext() if ((sizes > 0) & (sizes <= target)).any() else refused():
                generator(1, grid, CPU)


def refused():
    return pytest.raises(ValueError, match='no rectangle')


@pytest.mark.parametrize('images', [0, 1])
@pytest.mark.parametrize('generator', [*GENERATORS, ImportanceMask(), ImportanceMask(0.75, False)])
def test_batches_without_images_and_of_one(generator, images):
    arguments = (images, GRID, CPU)
    if isinstance(generator, ImportanceMask):
        arguments = (torch.rand(images, 196),)
    mask = generator(*arguments)
    assert mask.mask.shape == mask.ids_restore.shape == (images, 196)
    assert mask.ids_keep.shape == (images, mask.len_keep)
    assert PatchMask.from_mask(mask.mask).mask.shape == (images, 196)
    assert Partition(8)(images, GRID, CPU).shape == (images, 8, 24)


@pytest.mark.parametrize('settings', [dict(min_aspect=0), dict(min_aspect=2), dict(min_area=0)])
def test_senseless_rectangles_are_refused(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f'{name}={settings[name]}'):
        BlockMask(0.4, **settings)
