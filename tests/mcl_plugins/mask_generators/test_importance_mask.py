"""Importance sampling against the released quotient, and its statistics; CMAE's 2x2 masks."""

import numpy as np
import pytest
import torch

from conftest import ROOT
from mcl_plugins.mask_generators import ImportanceMask, RandomMask


def released_order(importance, noise, visible):
    """The released rule, one image at a time: quotient of two softmaxes, the smallest visible."""
    hidden = torch.ones_like(importance, dtype=torch.bool)
    for row, (scores, numbers) in enumerate(zip(importance, noise, strict=True)):
        quotient = [
            float(a / b) for a, b in zip(scores.softmax(dim=0), numbers.softmax(dim=0), strict=True)
        ]
        for index in sorted(range(len(quotient)), key=quotient.__getitem__)[:visible]:
            hidden[row, index] = False
    return hidden


@pytest.mark.parametrize('ratio', [0.5, 0.75, 0.9])
def test_hides_what_the_released_quotient_hides(ratio):
    importance = torch.rand(8, 49).double() * 0.4
    noise = torch.rand(8, 49).double()
    mask = ImportanceMask(ratio).from_noise(importance, noise)
    visible = int(49 * (1 - ratio))
    assert mask.len_keep == visible
    assert torch.equal(mask.mask, released_order(importance, noise, visible))
    assert not mask.mask.gather(1, mask.ids_keep).any()
    assert mask.mask.gather(1, mask.ids_mask).all()


def test_chance_to_be_hidden_rises_with_importance():
    importance = torch.linspace(0, 0.5, 16).expand(20000, -1)
    hidden = ImportanceMask(0.75)(importance).mask.float().mean(dim=0)
    assert (hidden.diff() > 0).all()
    assert hidden.mean().item() == pytest.approx(0.75)
    assert hidden[0] < 0.6 and hidden[-1] > 0.9


def test_equal_importances_are_hidden_uniformly():
    hidden = ImportanceMask(0.75)(torch.full((20000, 16), 0.06)).mask.float().mean(dim=0)
    # The deviation of a share of 0.75 in 20000 draws is 0.003.
    assert (hidden - 0.75).abs().max() < 5 * 0.003


def test_an_importance_beyond_reach_is_always_hidden():
    importance = torch.full((2000, 16), 0.06)
    importance[:, 3] = 1.1
    assert ImportanceMask(0.75)(importance).mask[:, 3].all()


def test_without_sampling_the_most_important_are_hidden():
    importance = torch.rand(5, 16)
    mask = ImportanceMask(0.75, sampling=False)(importance)
    smallest = importance.argsort(dim=1)[:, :4]
    assert torch.equal(mask.ids_keep.sort().values, smallest.sort().values)


def test_a_ratio_outside_is_an_error():
    with pytest.raises(ValueError, match=r'mask_ratio=1\.2'):
        ImportanceMask(1.2)


def test_a_method_without_importances_is_told():
    with pytest.raises(TypeError, match='use RandomMask or BlockMask'):
        ImportanceMask()(4, (14, 14), torch.device('cpu'))


# CMAE's masks


def test_units_of_two_by_two_against_a_plain_loop():
    """Keep the int(units (1 - ratio)) units of smallest noise, and of each its four patches."""
    noise = torch.rand(3, 49)
    mask = RandomMask(0.65, unit=2).from_noise(noise, (14, 14))
    assert mask.len_keep == 68
    for row in range(3):
        kept = np.argsort(noise[row].numpy())[: int(49 * (1 - 0.65))]
        for patch in range(196):
            unit = patch // 14 // 2 * 7 + patch % 14 // 2
            assert mask.mask[row, patch].item() == (unit not in kept)


def test_units_are_those_of_the_released_noise():
    with np.load(ROOT / 'tests/golden/cmae_a.npz') as golden:
        mask = RandomMask(0.65, unit=2).from_noise(torch.tensor(golden['noise']), (8, 8))
        assert np.array_equal(mask.mask.numpy(), golden['mask'].astype(bool))
        # The released order of equal patches is not stated; both restore raster order.
        for order in (mask.ids_restore, torch.tensor(golden['ids_restore'])):
            visible = torch.arange(64).expand(6, -1) < mask.len_keep
            assert torch.equal(visible.gather(1, order), ~mask.mask)
