"""Hold this package's algorithms against numbers of the methods' released implementations.

    python tools/fidelity.py FILE.npz ... [--json RESULT.json] [--device cuda]

A golden file names its method and sizes, and holds weights under the released key names, inputs,
outputs and gradients. Each file gets one line: the largest relative error of losses, outputs and
gradients. Exit status 1 if any is above tolerance.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from .released import ccmim, cmae, conmim, masked_moco, mimco, moby, mocov3
from .released.golden import Comparison, Golden

# The files are float32 copies of float64 numbers; computing in float64 leaves only that rounding.
TOLERANCE = {'loss': 1e-4, 'outputs': 1e-3, 'gradients': 1e-3}

# The ways in which this package computes a method: all of them must agree with the file.
METHODS: dict[str, list[Callable[[Golden, torch.device], Comparison]]] = {
    'ccmim': [ccmim.compare],
    'cmae': [cmae.compare],
    'conmim': [conmim.compare],
    'masked_byol': [masked_moco.compare],
    'masked_moco': [masked_moco.compare],
    'mimco': [mimco.compare],
    'moby': [moby.compare],
    # mmpretrain's algorithm, and Masked MoCo with one chunk.
    'mocov3': [mocov3.compare, masked_moco.compare_mocov3],
}


@dataclass
class Result:
    """Largest relative errors of a file."""

    file: str
    method: str
    loss: float
    outputs: float
    gradients: float
    passed: bool


def main() -> None:
    """Check the files of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('files', nargs='+', type=Path, help='golden files')
    parser.add_argument('--json', type=Path, help='also write the results here')
    parser.add_argument('--device', default='cpu', help='where to compute')
    args = parser.parse_args()
    try:
        results = [check(file, torch.device(args.device)) for file in args.files]
    except (FileNotFoundError, ValueError, RuntimeError) as error:
        sys.exit(f'error: {error}')
    report = json.dumps([asdict(result) for result in results], indent=2)
    print(report)
    if args.json:
        args.json.write_text(report + '\n')
    sys.exit(0 if all(result.passed for result in results) else 1)


def read(file: Path) -> dict[str, np.ndarray]:
    """What a golden file holds; see :func:`check` for errors."""
    if not file.is_file():
        raise FileNotFoundError(f'Golden file {str(file)!r} does not exist; check the path.')
    if not zipfile.is_zipfile(file):
        raise ValueError(f'{file} is no .npz archive, or not a whole one.')
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def check(file: Path, device: torch.device) -> Result:
    """Run the file's method on its inputs and print how far the numbers are apart.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no golden file, or of a method that this tool does not know.
    """
    golden = read(file)
    method = str(golden.get('method'))
    if method not in METHODS:
        raise ValueError(f'{file}: method {method!r} is unknown; known are {sorted(METHODS)}.')
    try:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            comparisons = [compare(golden, device) for compare in METHODS[method]]
    except KeyError as error:
        raise ValueError(f'{file} lacks {error}, which a file of {method} has.') from error
    errors = {
        'loss': max(largest_error(comparison.loss) for comparison in comparisons),
        'outputs': max(largest_error(comparison.outputs) for comparison in comparisons),
        'gradients': max(largest_error(comparison.gradients) for comparison in comparisons),
    }
    passed = all(errors[kind] <= TOLERANCE[kind] for kind in errors)
    figures = '  '.join(f'{kind} {error:.1e}' for kind, error in errors.items())
    print(f'{"pass" if passed else "FAIL"}  {file.name}  {method}  {figures}', file=sys.stderr)
    return Result(str(file), method, **errors, passed=passed)


def largest_error(pairs: dict[str, tuple[Tensor, np.ndarray]]) -> float:
    """Largest error of a group of tensors, each relative to its own largest entry.

    A tensor of zeros but for rounding (the gradient of a bias before a batch norm) is measured
    against a millionth of the group's largest entry. NaN and a wrong shape count as infinite.
    """
    wanted = {name: torch.as_tensor(np.asarray(pairs[name][1])).double() for name in pairs}
    floor = 1e-6 * max((values.abs().max().item() for values in wanted.values()), default=0.0)
    largest = 0.0
    for name, (ours, _) in pairs.items():
        got = ours.detach().double().cpu()
        if got.shape != wanted[name].shape:
            return float('inf')
        scale = max(wanted[name].abs().max().item(), floor)
        error = (got - wanted[name]).abs().max().item() / scale
        largest = max(largest, float('inf') if math.isnan(error) else error)
    return largest
