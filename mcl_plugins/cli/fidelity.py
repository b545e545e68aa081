"""Compare the algorithms with numbers of the methods' released implementations.

    mcl fidelity FILE.npz ... [--json FILE] [--page FILE] [--device cuda] [--import MODULE]

A golden file contains the name and sizes of its method, weights under the released names, inputs,
outputs and gradients. For each file one line is printed: the largest relative errors of losses,
outputs and gradients. The exit status is 1 if an error exceeds its tolerance. MODULE defines the
comparison of a method from outside the package, see ``released/__init__.py``. --page writes the
cards of docs/fidelity.md.
"""

from __future__ import annotations

import importlib
import json
import math
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from ..utils.writing import write_text
from .parsers.general import fidelity as parse_args
from .released import comparisons
from .released.cards import make_page
from .released.golden import MisfitError
from .released.result import TOLERANCE, Result


def main(argv: Sequence[str] | None = None) -> None:
    """Check the files of the command line and exit with status 1 if one does not agree."""
    args = parse_args(argv)
    for module in args.modules:
        importlib.import_module(module)
    device = find_device(args.device)
    results = [check(file, device) for file in args.files]
    report = json.dumps([asdict(result) for result in results], indent=2)
    print(report)
    if args.json:
        write_text(args.json, report + '\n')
    if args.page:
        write_text(args.page, make_page(results))
    sys.exit(0 if all(result.passed for result in results) else 1)


def find_device(name: str) -> torch.device:
    """Return the device of a name.

    Raises:
        ValueError: there is no such device, or this PyTorch cannot use it.

    Example:
        >>> find_device('cpu')
        device(type='cpu')
    """
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:  # AssertionError: a PyTorch without CUDA
        reason = str(error).partition('\n')[0]
        raise ValueError(f'--device {name} cannot be used here: {reason}') from error


def read(file: Path) -> dict[str, np.ndarray]:
    """Read a golden file; for its errors see :func:`check`."""
    if not file.is_file():
        raise FileNotFoundError(f'Golden file {str(file)!r} does not exist; check the path.')
    if not zipfile.is_zipfile(file):
        raise ValueError(
            f'{file} is not an .npz archive, or is incomplete; download or copy it again.'
        )
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)


def check(file: Path, device: torch.device) -> Result:
    """Run the file's method on its inputs and print the largest relative errors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a golden file, its method is unknown, or its tensors are not
            those of the method's model.
    """
    golden = read(file)
    method, known = str(golden.get('method')), comparisons()
    if method not in known:
        raise ValueError(
            f'{file}: method {method!r} is unknown; known are {sorted(known)}. Name the '
            'module that compares your own method with --import.'
        )
    try:
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            found = [compare(golden, device) for compare in known[method]]
    except KeyError as error:
        raise ValueError(
            f'{file} lacks the entry {error}, which files of {method} need.'
        ) from error
    except MisfitError as error:
        raise ValueError(f'{file} does not fit the model of {method}: {error}') from error
    pairs = {kind: [getattr(comparison, kind) for comparison in found] for kind in TOLERANCE}
    errors = {kind: max(map(largest_error, groups)) for kind, groups in pairs.items()}
    compared = {
        kind: list(dict.fromkeys(name for group in groups for name in group))
        for kind, groups in pairs.items()
    }
    passed = all(errors[kind] <= TOLERANCE[kind] for kind in errors)
    figures = '  '.join(f'{kind} {error:.1e}' for kind, error in errors.items())
    print(f'{"pass" if passed else "FAIL"}  {file.name}  {method}  {figures}', file=sys.stderr)
    return Result(str(file), method, **errors, compared=compared, passed=passed)


def largest_error(pairs: dict[str, tuple[Tensor, np.ndarray]]) -> float:
    """Return the largest error of a group of tensors, each relative to its own largest entry.

    A tensor that is zero except for rounding errors (the gradient of a bias before a batch norm) is
    compared with a millionth of the group's largest entry. In a group that is zero throughout, only
    zeros agree. NaN and a wrong shape count as infinite, and tensors without entries agree.
    """
    wanted = {name: torch.as_tensor(np.asarray(pairs[name][1])).double() for name in pairs}
    floor = max(1e-6 * max(map(_largest, wanted.values()), default=0.0), sys.float_info.min)
    largest = 0.0
    for name, (ours, _) in pairs.items():
        got = ours.detach().double().cpu()
        if got.shape != wanted[name].shape:
            return float('inf')
        error = _largest(got - wanted[name]) / max(_largest(wanted[name]), floor)
        largest = max(largest, float('inf') if math.isnan(error) else error)
    return largest


def _largest(values: Tensor) -> float:
    return values.abs().max().item() if values.numel() else 0.0
