"""Tables of relative positions between models with and without a class token."""

import pytest
import torch

from mcl_plugins.layers.position_tables import RESIZERS, fit_shared_tables, resize_table

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
