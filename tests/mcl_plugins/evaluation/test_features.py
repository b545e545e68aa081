"""Features of a data set: in its order, on one process and on two, and how tokens are pooled."""

import math
import resource

import pytest
import torch
from mmengine.dataset import DefaultSampler, default_collate
from mmpretrain.structures import DataSample
from torch.utils.data import DataLoader

from mcl_plugins.evaluation.features import extract_features, pool_tokens
from processes import run_on_two_processes

IMAGES = 7


def loader():
    samples = [
        dict(inputs=torch.full((3, 2, 2), index), data_samples=DataSample().set_gt_label(index % 3))
        for index in range(IMAGES)
    ]
    sampler = DefaultSampler(samples, shuffle=False)
    return DataLoader(samples, batch_size=2, sampler=sampler, collate_fn=default_collate)


def encode(batch):
    return batch['inputs'][:, :, 0, 0].double()


def check(*_):
    features, labels = extract_features(encode, loader(), 'test')
    assert features.dtype == torch.float32
    assert features[:, 0].tolist() == list(range(IMAGES)) and features.shape == (IMAGES, 3)
    assert labels.tolist() == [index % 3 for index in range(IMAGES)]


def test_one_process():
    check()


def test_each_encoded_batch_is_told():
    told = []
    extract_features(encode, loader(), 'test', told.append)
    assert told == [1, 2, 3, 4]


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_features_that_are_not_finite_are_an_error(value):
    """A single one would be the nearest neighbour of all, and leave plausible accuracies."""

    def overflow(batch):
        features = encode(batch)
        return torch.where((features == 5) | (features == 3), value, features)

    with pytest.raises(ValueError, match='features of 2 of 7 images are not finite, .* image 3'):
        extract_features(overflow, loader(), 'test')


def test_two_processes_have_all_images_once_and_in_order():
    """Seven images on two processes: the sampler repeats one, which is left out again."""
    run_on_two_processes(check)


def grow(_, width):
    """Extract features of which the whole data set takes 128 MiB, by which the memory grows."""
    samples = [
        dict(inputs=torch.tensor([index]), data_samples=DataSample().set_gt_label(0))
        for index in range(2**25 // width)
    ]
    sampler = DefaultSampler(samples, shuffle=False)
    batches = DataLoader(samples, batch_size=16, sampler=sampler, collate_fn=default_collate)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    features, _ = extract_features(lambda batch: batch['inputs'].expand(-1, width), batches, 'test')
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert torch.equal(features[:, -1], torch.arange(len(samples)).float())
    assert features.nbytes < grown < 1.5 * features.nbytes


def test_a_process_holds_the_features_once():
    run_on_two_processes(grow, 2**14)


def test_tokens_and_maps_are_pooled():
    tokens = torch.randn(2, 5, 3)
    torch.testing.assert_close(pool_tokens(tokens, 'mean'), tokens[:, 1:].mean(dim=1))
    torch.testing.assert_close(pool_tokens(tokens, 'mean', 0), tokens.mean(dim=1))
    assert torch.equal(pool_tokens(tokens, 'class'), tokens[:, 0])
    feature_map = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(pool_tokens(feature_map, 'mean'), feature_map.mean(dim=(2, 3)))
    for output, extra in ((feature_map, 1), (tokens, 0)):
        with pytest.raises(ValueError, match="use 'mean'"):
            pool_tokens(output, 'class', extra)
