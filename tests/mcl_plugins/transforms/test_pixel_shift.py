"""Pixel shifting: where the windows lie, and how often."""

import numpy as np
import pytest
from mmpretrain.registry import TRANSFORMS

from mcl_plugins.transforms import PixelShift


def master(side=40):
    """An image whose pixel values are their places."""
    rows, columns = np.mgrid[:side, :side].astype(np.uint8)
    return np.stack([rows, columns, np.zeros_like(rows)], axis=-1)


def shifts(transform, draws):
    views = [transform({'img': master()})['img'] for _ in range(draws)]
    assert all(np.array_equal(online, master()[:32, :32]) for online, _ in views)
    for _, target in views:
        assert target.shape == (32, 32, 3) and target.dtype == np.uint8
        top, left = target[0, 0, :2]
        assert np.array_equal(target, master()[top : top + 32, left : left + 32])
    return np.array([target[0, 0, :2] for _, target in views])


def test_target_is_shifted_uniformly_and_independently_in_both_directions():
    np.random.seed(0)
    transform = TRANSFORMS.build(dict(type='mcl_plugins.PixelShift', size=32, max_shift=7))
    found = shifts(transform, 6400)
    pairs = np.zeros((8, 8))
    np.add.at(pairs, tuple(found.T), 1)
    # 100 of each pair are expected, give or take 10: none is out of 5 deviations.
    assert pairs.min() > 50 and pairs.max() < 150


def test_on_the_diagonal_both_directions_are_shifted_alike():
    np.random.seed(0)
    found = shifts(PixelShift(32, 7, diagonal=True), 1600)
    assert np.array_equal(found[:, 0], found[:, 1])
    counts = np.bincount(found[:, 0], minlength=8)
    assert len(counts) == 8 and counts.min() > 130 and counts.max() < 270  # 200 +- 5 * 14


def test_no_shift_gives_equal_views():
    assert not shifts(PixelShift(32, 0), 3).any()


def test_the_largest_shift_fits_exactly():
    np.random.seed(0)
    assert shifts(PixelShift(32, 8), 500).max() == 8
    with pytest.raises(ValueError, match='40x40 px.* shifted by up to 9 need 41'):
        PixelShift(32, 9).transform({'img': master()})


def test_a_negative_shift_is_an_error():
    with pytest.raises(ValueError, match='max_shift=-1'):
        PixelShift(32, -1)
