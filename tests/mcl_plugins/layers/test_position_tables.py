"""Tables of relative positions between models with and without a class token."""

import numpy as np
import pytest
import torch

from mcl_plugins.layers.position_tables import (
    RESIZERS,
    fit_shared_tables,
    geometric_offsets,
    resize_table,
)

TABLE = 'relative_position_bias_table'


@pytest.mark.parametrize('how', list(RESIZERS))
def test_the_class_tokens_rows_are_kept_or_left_out_and_never_mixed_in(how):
    grid = torch.full((7 * 7, 2), 0.5)
    with_class = torch.cat((grid, torch.tensor([[7.0, 1], [8, 2], [9, 3]])))
    kept = resize_table(with_class, 11 * 11 + 3, how)
    assert torch.equal(kept[-3:], with_class[-3:])
    torch.testing.assert_close(kept[:-3], torch.full((11 * 11, 2), 0.5))
    for table in (grid, with_class):
        torch.testing.assert_close(resize_table(table, 11 * 11, how), kept[:-3])


def test_shared_tables_of_the_same_model_are_left_alone():
    own = {
        f'backbone.window.{TABLE}': torch.ones(9, 2),
        f'backbone.layers.0.{TABLE}': torch.ones(9),
    }
    state = dict(own)
    fit_shared_tables(state, 'backbone.', {f'window.{TABLE}': torch.zeros(9, 2)})
    assert state == own


def test_shared_tables_are_the_mean_of_the_blocks():
    state = {f'layers.{i}.attn.{TABLE}': torch.full((12, 2), float(i)) for i in range(3)}
    state['layers.0.attn.relative_position_index'] = torch.zeros(5, 5)
    fit_shared_tables(state, '', {f'window.{TABLE}': torch.zeros(25, 2)})
    assert list(state) == [f'window.{TABLE}']
    torch.testing.assert_close(state[f'window.{TABLE}'], torch.ones(25, 2))


@pytest.mark.parametrize('how', list(RESIZERS))
@pytest.mark.parametrize('target', [1, 2, 3, 5, 14])
@pytest.mark.parametrize('source', [1, 2, 3, 5, 14])
def test_any_grid_becomes_any_other(source, target, how):
    """Constants stay, and splines keep what belongs to the patch itself."""
    side, length = 2 * source - 1, (2 * target - 1) ** 2
    table = torch.randn(side * side + 3, 2)
    resized = resize_table(table, length + 3, how)
    assert resized.shape == (length + 3, 2) and resized.isfinite().all()
    assert torch.equal(resized[-3:], table[-3:])
    constant = resize_table(torch.full((side * side, 2), 0.5), length, how)
    torch.testing.assert_close(constant, torch.full((length, 2), 0.5))
    if how == 'spline':
        torch.testing.assert_close(resized[length // 2], table[side * side // 2])


def test_splines_leave_neighbours_what_they_are_in_a_grid_that_has_no_others():
    table = torch.randn(27, 27, 2)
    cut = resize_table(table.flatten(0, 1), 9, 'spline').view(3, 3, 2)
    torch.testing.assert_close(cut, table[12:15, 12:15])


@pytest.mark.parametrize('reach', [0, 1, 2, 3, 13, 40])
@pytest.mark.parametrize('count', [1, 2, 13])
def test_offsets_ascend_around_zero(count, reach):
    offsets = geometric_offsets(count, reach)
    assert len(offsets) == 2 * count + 1 and offsets[count] == 0
    assert (np.diff(offsets) > 0).all()
    np.testing.assert_allclose(offsets, -offsets[::-1])
    if reach > 1:
        np.testing.assert_allclose(offsets[-1], reach, rtol=1e-6)
