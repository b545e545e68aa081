"""The FLOPs of chunks: closed form, counted blocks, and files that it does not fit."""

import re

import pytest

from conftest import ROOT
from mcl_plugins.cli.benchmark.flops import closed_form
from processes import mcl


def test_the_table_of_vit_b(tmp_path):
    """Paper, Figure 3a, where n T = n + L but for what is left over."""
    picture = tmp_path / 'flops.png'
    result = mcl('bench flops', ROOT / 'configs/masked_moco/vit-b.py', '--picture', picture)
    assert result.returncode == 0, result.stderr
    rows = re.findall(r'^ *(\d+)((?: +[\d.]+){4})$', result.stdout, re.M)
    table = {int(n): [float(value) for value in values.split()] for n, values in rows}
    assert list(table) == list(range(1, 11)) and table[1] == [1.0] * 4
    d = 768
    for n, row in table.items():
        t = 1 + 196 // n
        scores = n * t**2 / 197**2
        attention = n * (2 * t * d + t**2) / (2 * 197 * d + 197**2)
        block = n * (6 * t * d + t**2) / (6 * 197 * d + 197**2)
        whole = step_products(n, t, d) / step_products(1, 197, d)
        assert row == pytest.approx([scores, attention, block, whole], abs=6e-4)
    assert picture.read_bytes().startswith(b'\x89PNG')


def step_products(n, t, d):
    """Multiply-adds of a training step for one view, online as n sequences of t tokens.

    A backward pass costs two products for each of the forward's, but for the patch embedding, whose
    input needs no gradient. The target sees the whole view, forward only.
    """
    embedding = 196 * 3 * 16**2 * d

    def trunk(n, t):
        blocks = 12 * n * (12 * t * d**2 + 2 * t**2 * d)
        class_attention = 2 * n * (2 * d**2 + 2 * t * d**2 + 2 * t * d + 8 * d**2)
        projector = n * (d * 4096 + 4096**2 + 4096 * 256)
        return blocks + class_attention + projector

    online = 2 * embedding + 3 * (trunk(n, t) + n * 2 * 256 * 4096)
    return online + embedding + trunk(1, 197)


def test_the_closed_form_by_hand():
    """Two sequences of 3 tokens, 4 wide, 8 hidden: 2 FLOPs for each product."""
    scores = 2 * 2 * 2 * 3 * 3 * 4
    projections = 2 * 2 * 3 * 4 * (12 + 4)
    mlp = 2 * 2 * 3 * 4 * 8 * 2
    assert closed_form(4, 8, 2, 3) == {
        'scores': scores,
        'attention': scores + projections,
        'block': scores + projections + mlp,
    }


def test_what_does_not_fit_is_an_error():
    result = mcl('bench flops', ROOT / 'configs/masked_moco/vit-b.py', '--chunks', 197)
    assert result.returncode == 1 and 'Traceback' not in result.stderr
    assert 'num_chunks=197 is more than the 196 patches' in result.stderr
    result = mcl('bench flops', ROOT / 'configs/cmae/vit-b.py')
    assert result.returncode == 1 and 'has no num_chunks' in result.stderr
