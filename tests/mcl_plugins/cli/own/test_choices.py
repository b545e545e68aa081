"""The batch of a pre-training on own images, and the reason that is written above it."""

from collections import Counter
from pathlib import Path

import pytest

from mcl_plugins.cli.own.choices import choose_batch
from mcl_plugins.cli.own.images import Images


@pytest.mark.parametrize(
    ('count', 'fitting', 'batch', 'reason'),
    [
        (100_000, 512, 256, 'enough for one GPU'),
        (100_000, 64, 64, 'an image needs 500 MB in a step, 8 GB are free on this machine'),
        (1000, 256, 64, 'eight steps an epoch with 1000 images'),
        (10, 256, 4, 'eight steps an epoch with 10 images'),
        (100_000, 2, 2, 'an image needs 500 MB'),
        (100_000, 1, 2, '8 GB are free on this machine: too little for 2, choose a smaller --arch'),
    ],
)
def test_the_reason_is_that_of_the_number(count, fitting, batch, reason):
    images = Images(Path(), count, '', Counter())
    found = choose_batch(images, fitting, 500_000_000, 8_000_000_000, 'this machine')
    assert found.value == batch and reason in found.reason
