"""Partitions: disjoint chunks of equal length, uniform, and what is left over."""

import re

import pytest
import torch
from mmpretrain.registry import MODELS

from mcl_plugins.mask_generators import Partition

CPU = torch.device('cpu')


@pytest.mark.parametrize(
    ('chunks', 'length', 'left_over'),
    [(1, 196, 0), (2, 98, 0), (4, 49, 0), (6, 32, 4), (7, 28, 0), (8, 24, 4), (10, 19, 6),
     (14, 14, 0), (196, 1, 0)],
)  # fmt: skip
def test_each_patch_is_in_at_most_one_chunk(chunks, length, left_over):
    partition = MODELS.build(dict(type='mcl_plugins.Partition', num_chunks=chunks))
    ids = partition.from_noise(torch.rand(5, 196))
    assert ids.shape == (5, chunks, length) and ids.dtype == torch.int64
    for image in ids.flatten(1):
        counts = torch.bincount(image, minlength=196)
        assert counts.max() == 1
        assert (counts == 0).sum() == left_over


def test_one_chunk_is_the_image_and_gathers_nothing():
    assert Partition(1)(2, (3, 4), CPU) is None


def test_given_noise_is_cut_in_ascending_order():
    noise = torch.tensor([[0.9, 0.1, 0.5, 0.3, 0.7], [0.1, 0.2, 0.3, 0.4, 0.5]])
    assert Partition(2).from_noise(noise).tolist() == [[[1, 3], [2, 4]], [[0, 1], [2, 3]]]


def test_patches_and_pairs_are_drawn_uniformly():
    """With 2 chunks of 9 patches, each is left over in a ninth of the images."""
    ids = Partition(2)(9000, (3, 3), CPU)
    member = torch.zeros(9000, 2, 9).scatter(2, ids, 1.0)
    left_over = 1 - member.sum(dim=(0, 1)) / 9000
    assert (left_over - 1 / 9).abs().max() < 5 * (1 / 9 * 8 / 9 / 9000) ** 0.5
    together = torch.einsum('ncp,ncq->pq', member, member)[~torch.eye(9, dtype=bool)] / 9000
    expected = 2 * 4 / 9 * 3 / 8  # either chunk, one patch in it, the other too
    assert (together - expected).abs().max() < 5 * (expected * (1 - expected) / 9000) ** 0.5


def test_images_of_a_batch_are_cut_differently():
    ids = Partition(4)(64, (14, 14), CPU)
    assert len({tuple(image) for image in ids.flatten(1).tolist()}) == 64


@pytest.mark.parametrize('chunks', [0, -1, 4.0, '4', None, True, (4,)])
def test_other_than_a_positive_whole_number_is_an_error(chunks):
    message = re.escape(f'num_chunks={chunks!r} must be a whole number, at least 1')
    with pytest.raises(ValueError, match=message):
        Partition(chunks)


def test_more_chunks_than_patches_are_an_error():
    with pytest.raises(ValueError, match='num_chunks=17 is more than the 16 patches'):
        Partition(17)(2, (4, 4), CPU)
