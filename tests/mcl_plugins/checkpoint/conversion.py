"""The released tensors of the golden files."""

import numpy as np
import torch

from conftest import ROOT


def released(method):
    with np.load(ROOT / f'tests/golden/{method}_a.npz') as archive:
        return {
            name.removeprefix('state/'): torch.from_numpy(archive[name])
            for name in archive.files
            if name.startswith('state/')
        }
