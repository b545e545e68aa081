"""The numbers by which a training is judged: closed forms and other computations."""

import math

import numpy as np
import pytest
import torch
from mmpretrain.registry import MODELS
from torch.nn import functional as F

from conftest import SMALL, SMALL_MASKED_MOCO
from mcl_plugins.engine.doctor.senses import match_rows
from mcl_plugins.engine.doctor.signs import (
    alignment,
    effective_rank,
    lowest_loss,
    relative_distance,
    remaining_share,
    share_of_copies,
    uniformity,
)
from mcl_plugins.heads import InfoNCEHead, QueueInfoNCEHead
from mcl_plugins.heads.negatives import contrastive_heads, count_negatives
from mcl_plugins.mask_generators import PatchMask
from mcl_plugins.targets.ema import MomentumSchedule


def test_the_rank_of_features_is_exp_of_the_entropy_of_their_singular_values():
    features = torch.randn(40, 12)
    unit = features.double().numpy()
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    values = np.sqrt(np.linalg.eigvalsh(unit.T @ unit).clip(0))  # by another decomposition
    shares = values / values.sum()
    expected = math.exp(-(shares * np.log(shares)).sum())
    assert effective_rank(features).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('directions', [1, 2, 7])
def test_features_in_so_many_directions_have_this_rank(directions):
    axes = torch.eye(16)[:directions].repeat(100, 1)  # of more than 512 vectors some are left out
    assert effective_rank(3 * axes).item() == pytest.approx(directions, rel=1e-2)
    for others in (torch.zeros(4, 8), torch.full((4, 8), torch.nan)):
        assert effective_rank(others).isfinite()


def test_alignment_and_uniformity_are_those_of_all_pairs_one_by_one():
    queries, keys = torch.randn(2, 7, 5)
    unit = [rows / rows.norm(dim=1, keepdim=True) for rows in (queries, keys)]
    distances = [[(q - k).square().sum().item() for k in unit[1]] for q in unit[0]]
    own = [distances[i][i] for i in range(7)]
    others = [distances[i][j] for i in range(7) for j in range(7) if i != j]
    found = [value.item() for value in alignment(queries, keys)]
    assert found == pytest.approx([np.mean(own), np.mean(others)], rel=1e-5)
    kernel = [
        math.exp(-2 * (unit[0][i] - unit[0][j]).square().sum().item())
        for i in range(7)
        for j in range(i)
    ]
    assert uniformity(queries).item() == pytest.approx(math.log(np.mean(kernel)), rel=1e-5)
    assert uniformity(queries[:1]) == 0 and alignment(queries[:1], keys[:1])[1] == 2


def test_pairs_are_those_that_the_heads_compare():
    patches = torch.arange(24.0).reshape(2, 3, 4)
    mask = PatchMask.from_mask(torch.tensor([[True, False, False], [False, False, True]]))
    query, key = match_rows(patches, 2 * patches, mask, of_images=False)
    assert query[:, 0].tolist() == [0, 20] and torch.equal(key, 2 * query)
    query, key = match_rows(patches, patches, mask, of_images=True)
    assert query[:, 0].tolist() == [4, 16] and torch.equal(key, query)
    query, key = match_rows(patches, patches[:, 0], None, of_images=True)
    assert key[:, 0].tolist() == [0, 0, 0, 12, 12, 12] and len(query) == 6


def test_the_distance_is_that_of_the_concatenated_tensors():
    own, other = [[torch.randn(3, 2), torch.randn(5)] for _ in range(2)]
    flat = [torch.cat([part.flatten() for part in parts]) for parts in (own, other)]
    expected = (flat[0] - flat[1]).norm() / flat[1].norm()
    torch.testing.assert_close(relative_distance(own, other), expected)


def test_no_network_has_less_than_the_lowest_loss():
    query = F.normalize(torch.randn(1, 8), dim=1)
    head = QueueInfoNCEHead(temperature=0.5)
    best = head(query, query, -query.T.expand(-1, 15))['loss_contrast']
    assert best.item() == pytest.approx(lowest_loss(0.5, 15), rel=1e-5)
    assert lowest_loss(float('inf'), 15) == pytest.approx(math.log(16))


def test_what_is_left_of_the_first_weights_is_the_product_of_the_momenta():
    schedule, steps = MomentumSchedule(0.99, 1.0), 500
    product = math.prod(schedule(step, steps) for step in range(steps))
    assert remaining_share(0.99, 1.0, steps) == pytest.approx(product, rel=0.05)


def test_copies_are_estimated_from_a_sample(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    for index in range(600):  # each content twice, all of one size
        paths.append(tmp_path / str(index))
        paths[-1].write_bytes(bytes(100 + index // 2 % 100) + bytes([index // 200]))
    assert share_of_copies(paths, 600) == 0.5
    sample = [paths[index] for index in rng.permutation(600)[:200]]
    assert share_of_copies(sample, 600) == pytest.approx(0.5, abs=0.12)
    assert share_of_copies(paths[::2], 300) == 0


def test_a_few_equal_files_of_a_sample_say_nothing_of_the_others(tmp_path):
    paths = [tmp_path / str(index) for index in range(100)]
    for equal, total, expected in (
        (2, 6000, 0),
        (5, 6000, 0),
        (2, 100, 0.01),  # all files are known
        (41, 6000, 0.4),  # one content, of 41 % of the files
    ):
        for index, path in enumerate(paths):
            path.write_bytes(max(index, equal - 1).to_bytes(4, 'big'))
        assert share_of_copies(paths, total) == pytest.approx(expected)


def test_negatives_are_the_keys_less_the_positive():
    model = MODELS.build(SMALL_MASKED_MOCO)
    assert count_negatives(model, images=4, processes=2) == {'contrast_head': 7}
    assert count_negatives(MODELS.build(SMALL), 4, 1) == {'head': 15}
    query = torch.randn(8, 4)
    chance = InfoNCEHead(0.5)(query, query)['chance']  # 2 tau ln K
    counted = count_negatives(torch.nn.ModuleList([InfoNCEHead(0.5)]), images=8, processes=1)
    assert chance.item() == pytest.approx(math.log(1 + counted['0']))
    assert [name for name, *_ in contrastive_heads(model)] == ['contrast_head']
