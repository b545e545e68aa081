"""Twenty kills at random moments; ``tests/reliability/kills.py`` makes more of them."""

import pytest
from kills import compare


@pytest.mark.parametrize(
    ('by_epoch', 'processes', 'kills'), [(True, 1, 6), (False, 1, 6), (True, 2, 4), (False, 2, 4)]
)
def test_kills_leave_no_trace(by_epoch, processes, kills):
    _, trainings, differing = compare(kills, seed=kills, by_epoch=by_epoch, processes=processes)
    assert trainings >= 1
    assert not differing
