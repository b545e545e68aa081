"""Whether the methods compute on a device what they should, the way they should."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from ....algorithms import PretrainingMethod
from ...fidelity import check
from ...released.result import TOLERANCE
from ..count import count_work
from ..step import Step
from .steps import build_step

WARM_UP = 3  # steps
# PyTorch's operations of attention, each of one backend, and names of CUDA kernels of attention.
OUTCOMES = re.compile(r'(\d+) (passed|failed|skipped|errors?)')
ATTENTION = re.compile(
    r'^aten::_\w*(dot_product|flash|efficient)_attention|fmha|sdpa|flash_(fwd|bwd)'
)
# Largest relative difference of a loss in bfloat16, whose numbers have eight bits, from float32.
BF16_TOLERANCE = 0.02


def golden(file: str, device: torch.device) -> dict[str, Any]:
    """Compare a method with the numbers of its released code that a golden file has."""
    with contextlib.redirect_stderr(io.StringIO()):
        result = check(Path(file), device)
    return {'passed': result.passed, **{kind: getattr(result, kind) for kind in TOLERANCE}}


def gpu_tests(file: str, device: torch.device) -> dict[str, Any]:
    """Run the tests that need a GPU; without one they are skipped."""
    words = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-k', 'gpu', file]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    last = result.stdout.strip().rpartition('\n')[2]  # 4 passed, 90 deselected in 3.00s
    found = {word: int(count) for count, word in OUTCOMES.findall(last)}
    needed = 'passed' if _is_gpu(device) else 'skipped'
    complete = found.get(needed, 0) == sum(found.values()) > 0
    return {'passed': result.returncode == 0 and complete, 'outcomes': found}


def method_checks(
    config: str, options: dict[str, Any], batch: int, device: torch.device
) -> dict[str, Any]:
    """Check a training: losses in bfloat16, waits for the device, kernels of attention.

    Returns:
        ``passed``; ``bf16``, the largest relative difference of a loss from float32; ``syncs``, the
        error of a step that waited for the device, or the number of waits counted without a GPU;
        ``kernels``, how often each kernel of attention ran in a step; ``unfused``, attentions that
        were computed step by step. mmpretrain's MoCo v3 may wait, and a CPU need not have a fused
        kernel.
    """
    step = build_step(config, options, batch, device)
    own = isinstance(step.model, PretrainingMethod)
    difference = bf16_difference(step)
    for _ in range(WARM_UP):
        step.train()
    kernels = attention_kernels(step)
    unfused = sum(number for name, number in kernels.items() if name.endswith('_math'))
    syncs = find_sync(step) if own or _is_gpu(device) else 0
    return {
        'passed': difference < BF16_TOLERANCE
        and not (syncs and own)
        and not (unfused and _is_gpu(device)),
        'bf16': difference,
        'syncs': syncs,
        'unfused': unfused,
        'kernels': kernels,
    }


def bf16_difference(step: Step) -> float:
    """Return the largest relative difference of a loss under bfloat16 from that in float32."""
    model, found = step.model, []
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    for enabled in (False, True):
        torch.manual_seed(0)  # the same augmentation, masks and stochastic depth
        with torch.no_grad(), torch.autocast(step.device.type, torch.bfloat16, enabled):
            batch = model.data_preprocessor(step.batch, training=True)
            found.append(model.loss(batch['inputs'], batch['data_samples']))
            for buffer, before in buffers:  # statistics and queues, which a pass changes
                buffer.copy_(before)
    exact, rounded = found
    pairs = [(rounded[name], exact[name]) for name in exact if 'loss' in name]
    # Unlike Python's, the tensor's maximum is NaN if one of the values is.
    return torch.stack([_relative(*pair) for pair in pairs]).max().item()


def _relative(value: Tensor, wanted: Tensor) -> Tensor:
    return (value - wanted).abs() / wanted.abs()


def find_sync(step: Step) -> str | int:
    """Return what PyTorch says of a step that waits for the GPU, '' if none does.

    Without a GPU the waits are counted on tensors without content, and the step cannot be used
    afterwards.
    """
    if not _is_gpu(step.device):
        return count_work(step).syncs.total()
    torch.cuda.set_sync_debug_mode('error')
    try:
        step.train()
    except RuntimeError as error:
        return str(error)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    return ''


def attention_kernels(step: Step) -> dict[str, int]:
    """Count the operations and, on a GPU, the kernels of attention in a step."""
    gpu = _is_gpu(step.device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
    with profile(activities=activities) as profiler:
        step.train()
        step.now()
    return {
        event.key: event.count
        for event in profiler.key_averages()
        if ATTENTION.search(event.key) and 'autograd' not in event.key
    }


def _is_gpu(device: torch.device) -> bool:
    return device.type == 'cuda'
