"""The released tensors of the golden files, and the conversion tools."""

import subprocess
import sys

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


def convert(method, *arguments):
    command = [sys.executable, str(ROOT / f'tools/convert/{method}.py'), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
