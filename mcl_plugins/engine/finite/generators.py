"""The states of the random number generators of a process."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def generator_states() -> dict[str, Any]:
    """Return the states of Python's, NumPy's and PyTorch's generators, that of the device too.

    Nothing in it waits for the device: its generator is a seed and a counter on the host.

    Example:
        >>> states = generator_states()
        >>> drawn = torch.rand(2)
        >>> set_generator_states(states)
        >>> torch.equal(torch.rand(2), drawn)
        True
    """
    states = {
        'python': random.getstate(),
        'numpy': np.random.get_state(legacy=False),
        'torch': torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        states['cuda'] = torch.cuda.get_rng_state()
    return states


def set_generator_states(states: dict[str, Any]) -> None:
    """Set the states that :func:`generator_states` returned.

    That of a device is left out where there is none.
    """
    random.setstate(states['python'])
    np.random.set_state(states['numpy'])
    torch.set_rng_state(states['torch'])
    if 'cuda' in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states['cuda'])
