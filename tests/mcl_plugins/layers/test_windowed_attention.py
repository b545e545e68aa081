"""Windows, padding and relative positions against plain computations."""

import math

import pytest
import torch
from mmpretrain.models.backbones.vit_sam import Attention
from torch.nn import functional as F

from mcl_plugins.layers.position_bias import SharedBias, decomposed_bias
from mcl_plugins.layers.windowed_attention import MapAttention

HEADS, WIDTH = 2, 8


def attention(**settings):
    """Attention with random weights, tables too."""
    module = MapAttention(WIDTH, HEADS, **settings)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return module.double()


def plain(module, tokens, places, bias=None):
    """Attention of some tokens (T, D) at ``places`` [(row, column)], one pair at a time."""
    q, k, v = F.linear(tokens, module.qkv.weight, module.qkv.bias).chunk(3, dim=-1)
    heads, side = [], WIDTH // HEADS
    for head in range(HEADS):
        part = slice(head * side, (head + 1) * side)
        logits = torch.zeros(len(tokens), len(tokens), dtype=tokens.dtype)
        for i, (row, column) in enumerate(places):
            for j, (key_row, key_column) in enumerate(places):
                logit = q[i, part] @ k[j, part] / math.sqrt(side)
                if module.rel_pos_h is not None:
                    middle_h, middle_w = len(module.rel_pos_h) // 2, len(module.rel_pos_w) // 2
                    logit = logit + q[i, part] @ module.rel_pos_h[middle_h + row - key_row]
                    logit = logit + q[i, part] @ module.rel_pos_w[middle_w + column - key_column]
                if bias is not None:
                    logit = logit + bias[head, i, j]
                logits[i, j] = logit
        heads.append(logits.softmax(-1) @ v[:, part])
    return module.proj(torch.cat(heads, dim=-1))


def grid(rows, columns):
    return [(i, j) for i in range(rows) for j in range(columns)]


def test_global_attention_with_both_kinds_of_relative_positions_is_the_plain_one():
    module = attention(table_size=(3, 4))
    x = torch.randn(2, 3, 4, WIDTH, dtype=torch.float64)
    bias = torch.randn(HEADS, 12, 12, dtype=torch.float64)
    for image, output in zip(x, module(x, bias), strict=True):
        expected = plain(module, image.flatten(0, 1), grid(3, 4), bias)
        torch.testing.assert_close(output.flatten(0, 1), expected)


def test_decomposed_attention_is_that_of_segment_anything():
    other = Attention(WIDTH, HEADS, use_rel_pos=True, input_size=(3, 4)).double()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    module = attention(table_size=(3, 4))
    module.load_state_dict(other.state_dict())
    x = torch.randn(2, 3, 4, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(module(x), other(x))


@pytest.mark.parametrize('table_size', [None, (4, 4)])
def test_a_window_of_the_whole_map_is_global_attention(table_size):
    whole = attention(table_size=table_size)
    window = attention(window_size=4, table_size=table_size)
    window.load_state_dict(whole.state_dict())
    x = torch.randn(2, 4, 4, WIDTH, dtype=torch.float64)
    bias = torch.randn(HEADS, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(window(x, bias), whole(x, bias))


@pytest.mark.parametrize('shape', [(4, 6), (5, 3)])
def test_each_window_sees_itself_and_nothing_else(shape):
    module = attention(window_size=2, table_size=(2, 2))
    x = torch.randn(1, *shape, WIDTH, dtype=torch.float64)
    before = module(x)
    for row, column in grid(*shape):
        changed = x.clone()
        changed[0, row, column] += 1
        moved = (module(changed) != before).any(-1)[0]
        for place in grid(*shape):
            same = (place[0] // 2, place[1] // 2) == (row // 2, column // 2)
            assert moved[place] == same, (place, (row, column))


@pytest.mark.parametrize('tables', [None, (3, 3)])
def test_padding_is_inert(tables):
    """In windows that reach beyond the map attention is that of the tokens there are."""
    module = attention(window_size=3, table_size=tables)
    x = torch.randn(2, 5, 4, WIDTH, dtype=torch.float64)
    bias = torch.randn(HEADS, 9, 9, dtype=torch.float64)
    output = module(x, bias)
    for image in range(2):
        for top, left in ((0, 0), (0, 3), (3, 0), (3, 3)):
            window = x[image, top : top + 3, left : left + 3]
            rows, columns = window.shape[:2]
            places = grid(rows, columns)
            within = [3 * i + j for i, j in places]
            expected = plain(module, window.flatten(0, 1), places, bias[:, within][:, :, within])
            found = output[image, top : top + 3, left : left + 3].flatten(0, 1)
            torch.testing.assert_close(found, expected)


def test_unmasked_padding_takes_part_as_zeros():
    """detectron2's way."""
    module = attention(window_size=3, table_size=(3, 3), mask_padding=False)
    x = torch.randn(1, 3, 4, WIDTH, dtype=torch.float64)
    window = torch.zeros(3, 3, WIDTH, dtype=torch.float64)
    window[:, :1] = x[0, :, 3:]
    expected = plain(module, window.flatten(0, 1), grid(3, 3)).unflatten(0, (3, 3))
    torch.testing.assert_close(module(x)[0, :, 3:], expected[:, :1])


def test_tables_of_another_map_are_interpolated():
    query = torch.randn(1, HEADS, 9, 4)
    table = torch.randn(3, 4)  # of a 2 x 2 map: offsets -1, 0, 1
    # Five points in three: the inner ones lie 0.4 of the way from their neighbours' ends.
    inner = 0.6 * table[[0, 2]] + 0.4 * table[1]
    stretched = torch.stack((table[0], inner[0], table[1], inner[1], table[2]))
    torch.testing.assert_close(
        decomposed_bias(query, table, table, (3, 3)),
        decomposed_bias(query, stretched, stretched, (3, 3)),
    )


def test_shared_bias_is_the_tables_entry_for_the_offset():
    module = SharedBias((2, 3), HEADS)
    assert not module.relative_position_bias_table.any()
    torch.nn.init.normal_(module.relative_position_bias_table)
    table = module.relative_position_bias_table.view(3, 5, HEADS)
    bias = module()
    for i, (row, column) in enumerate(grid(2, 3)):
        for j, (key_row, key_column) in enumerate(grid(2, 3)):
            expected = table[row - key_row + 1, column - key_column + 2]
            torch.testing.assert_close(bias[:, i, j], expected)
    assert list(module.state_dict()) == ['relative_position_bias_table']


def test_keys_have_no_bias_in_beits_way():
    module = attention(qkv_bias='qv')
    x = torch.randn(1, 2, 2, WIDTH, dtype=torch.float64)
    twin = attention()
    bias = torch.cat((module.q_bias, torch.zeros(WIDTH, dtype=torch.float64), module.v_bias))
    twin.load_state_dict(
        {
            'qkv.weight': module.qkv.weight,
            'qkv.bias': bias,
            'proj.weight': module.proj.weight,
            'proj.bias': module.proj.bias,
        }
    )
    torch.testing.assert_close(module(x), twin(x))


def test_shared_bias_passes_the_gradient_of_every_pair():
    module = SharedBias((2, 3), HEADS)
    weights = torch.randn(HEADS, 6, 6)
    (module() * weights).sum().backward()
    expected = torch.zeros(3, 5, HEADS)
    for i, (row, column) in enumerate(grid(2, 3)):
        for j, (key_row, key_column) in enumerate(grid(2, 3)):
            expected[row - key_row + 1, column - key_column + 2] += weights[:, i, j]
    torch.testing.assert_close(module.relative_position_bias_table.grad, expected.flatten(0, 1))
    with torch.autocast('cpu', torch.bfloat16):
        assert module().dtype == torch.bfloat16
