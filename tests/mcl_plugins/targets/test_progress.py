"""The progress that a loop of one's own states, on which the EMA's momentum depends."""

import pytest


@pytest.mark.parametrize(('step', 'total'), [(-1, 10), (10, 10), (11, 10), (0, 0)])
def test_a_step_outside_of_the_training_is_refused(small_conmim, step, total):
    message = rf'^step={step} must be at least 0 and less than total={total}\.$'
    with pytest.raises(ValueError, match=message):
        small_conmim.set_progress(step, total)


def test_the_first_and_the_last_step_are_steps(small_conmim):
    for step in (0, 9):
        small_conmim.set_progress(step, 10)
