"""PyTorch's fused Adam, which skips a step that the device says is bad."""

from __future__ import annotations

from torch.optim import Adam, AdamW, Optimizer


def fuse(optimizer: Optimizer) -> bool:
    """Let an Adam or AdamW of a CUDA device use PyTorch's fused kernels.

    They read from the device whether to skip a step (``found_inf``, meant for gradient scalers), so
    the host need not wait for it. A choice of the config, ``foreach`` or ``fused``, is kept. A
    fused SGD is not used: it leaves its momentum uninitialised if its first step is skipped.

    Returns:
        Whether the optimizer reads ``found_inf`` on a device.

    Example:
        >>> import torch
        >>> fuse(Adam([torch.nn.Parameter(torch.ones(2))]))  # nothing waits for a CPU
        False
    """
    groups = optimizer.param_groups
    parameters = [p for group in groups for p in group['params']]
    if type(optimizer) not in (Adam, AdamW) or not all(p.is_cuda for p in parameters):
        return False
    refused = any(group.get('fused') is False or group.get('foreach') for group in groups)
    if refused or any(group.get('differentiable') for group in groups):
        return False
    state = optimizer.state_dict()
    for group in state['param_groups']:
        group['fused'] = True
    optimizer.load_state_dict(state)  # moves the counters of steps to the device
    optimizer._step_supports_amp_scaling = True  # type: ignore[attr-defined]
    return True
