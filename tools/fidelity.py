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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmpretrain.models.selfsup import BaseSelfSupervisor
from mmpretrain.registry import MODELS
from torch import Tensor

from mcl_plugins.checkpoint.conmim import CONMIM
from mcl_plugins.mask_generators import PatchMask

Golden = dict[str, np.ndarray]
# The files are float32 copies of float64 numbers; computing in float64 leaves only that rounding.
TOLERANCE = {'loss': 1e-4, 'outputs': 1e-3, 'gradients': 1e-3}


@dataclass
class Comparison:
    """Ours against the file's, by name."""

    loss: dict[str, tuple[Tensor, np.ndarray]]
    outputs: dict[str, tuple[Tensor, np.ndarray]]
    gradients: dict[str, tuple[Tensor, np.ndarray]]


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
    except (FileNotFoundError, ValueError, KeyError) as error:
        sys.exit(f'error: {error}')
    report = json.dumps([asdict(result) for result in results], indent=2)
    print(report)
    if args.json:
        args.json.write_text(report + '\n')
    sys.exit(0 if all(result.passed for result in results) else 1)


def check(file: Path, device: torch.device) -> Result:
    """Run the file's method on its inputs and print how far the numbers are apart.

    Raises:
        ValueError: a method that this tool does not know.
    """
    with np.load(file, allow_pickle=False) as archive:
        golden = dict(archive)
    method = str(golden['method'])
    if method not in METHODS:
        raise ValueError(f'{file}: method {method!r} is unknown; known are {sorted(METHODS)}.')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        comparison = METHODS[method](golden, device)
    errors = {
        'loss': largest_error(comparison.loss),
        'outputs': largest_error(comparison.outputs),
        'gradients': largest_error(comparison.gradients),
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


def tensor(golden: Golden, name: str, device: torch.device) -> Tensor:
    """A stored tensor; floating point ones in float64."""
    value = torch.as_tensor(golden[name], device=device)
    return value.double() if value.is_floating_point() else value


def part(golden: Golden, name: str, device: torch.device) -> dict[str, Tensor]:
    """The stored tensors under ``name/``, without it."""
    start = f'{name}/'
    return {
        key.removeprefix(start): tensor(golden, key, device)
        for key in golden
        if key.startswith(start)
    }


def gradients_of(
    model: BaseSelfSupervisor, wanted: dict[str, Tensor]
) -> dict[str, tuple[Tensor, np.ndarray]]:
    """Pair each stored gradient with the model's; a parameter without gradient has zeros.

    Raises:
        ValueError: the file and the model do not train the same parameters.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if trained.keys() != wanted.keys():
        raise ValueError(f'Trained on one side only: {sorted(trained.keys() ^ wanted.keys())}.')
    return {
        name: (p.grad if p.grad is not None else torch.zeros_like(p), wanted[name].cpu().numpy())
        for name, p in trained.items()
    }


def conmim(golden: Golden, device: torch.device) -> Comparison:
    """ConMIM: images, images_strong and mask in; loss and both normalised projections out."""
    img, patch, dim, depth, heads, out, hidden = golden['meta'].tolist()
    model = MODELS.build(
        dict(
            type='mcl_plugins.ConMIM',
            backbone=dict(
                type='mcl_plugins.MaskedBEiTViT',
                arch=dict(
                    embed_dims=dim,
                    num_layers=depth,
                    num_heads=heads,
                    feedforward_channels=4 * dim,
                ),
                img_size=img,
                patch_size=patch,
            ),
            neck=dict(
                type='NonLinearNeck',
                in_channels=dim,
                hid_channels=hidden,
                out_channels=out,
                num_layers=3,
                with_last_bn_affine=False,
                with_avg_pool=False,
                norm_cfg=dict(type='BN1d'),
            ),
            head=dict(type='mcl_plugins.PatchContrastHead', temperature=0.1),
            mask_generator=dict(type='mcl_plugins.RandomMask', mask_ratio=0.5),  # replaced below
            momentum=dict(start=0.996),
        )
    ).to(device, torch.float64)
    student = CONMIM.from_released(part(golden, 'student', device))
    teacher = CONMIM.from_released(part(golden, 'teacher', device))
    state = {**student, **{f'teacher.{name}': value for name, value in teacher.items()}}
    model.load_state_dict(state)

    mask = PatchMask.from_hidden(tensor(golden, 'mask', device))
    model.mask_generator = FixedMask(mask)
    recorder = Recorder(model.head)
    losses = model.loss([tensor(golden, name, device) for name in ('images', 'images_strong')])
    losses['loss'].backward()
    query, key, _ = recorder.arguments
    return Comparison(
        loss={'loss': (losses['loss'], golden['loss'])},
        outputs={
            'student_proj': (torch.nn.functional.normalize(query, dim=-1), golden['student_proj']),
            'teacher_proj': (torch.nn.functional.normalize(key, dim=-1), golden['teacher_proj']),
        },
        gradients=gradients_of(model, CONMIM.from_released(part(golden, 'grad', device))),
    )


class FixedMask(torch.nn.Module):
    """A mask generator that returns a stored mask."""

    def __init__(self, mask: PatchMask) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, *_: object) -> PatchMask:
        """The stored mask."""
        return self.mask


class Recorder:
    """Keeps the arguments of a module's last call."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.arguments: tuple = ()
        module.register_forward_pre_hook(self._keep)

    def _keep(self, _: torch.nn.Module, arguments: tuple) -> None:
        self.arguments = arguments


METHODS: dict[str, Callable[[Golden, torch.device], Comparison]] = {'conmim': conmim}


if __name__ == '__main__':
    main()
