"""Batch normalisation with statistics over all processes, on any device."""

from __future__ import annotations

import torch
from mmengine.dist import get_world_size
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..registry import MODELS
from ..utils.collectives import sum_with_gradient


@MODELS.register_module()
class SyncBN(_BatchNorm):
    """Batch normalisation over the samples of all processes.

    PyTorch's ``SyncBatchNorm`` raises an error for CPU tensors within a process group, and DDP does
    so for models on a CPU that contain one, so such a model cannot be trained with gloo. This class
    works on every device, with the same parameters, buffers and outputs. In configs:
    ``norm_cfg=dict(type='mcl_plugins.SyncBN')``.

    Raises:
        ValueError: in training the only process has one value per channel, so no variance.

    Example:
        >>> SyncBN(2)(torch.tensor([[1.0, 3.0], [-1.0, 5.0]]))
        tensor([[ 1.0000, -1.0000],
                [-1.0000,  1.0000]], grad_fn=<NativeBatchNormBackward0>)
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, ...); the result has the same shape."""
        if not self.training:
            return super().forward(input)
        if get_world_size() == 1 and input.numel():
            if input.numel() == input.shape[1]:
                raise ValueError('SyncBN got one row, which has no variance: use a larger batch.')
            return super().forward(input)  # PyTorch's own, which is one fused operation
        channels = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        # Statistics of bfloat16 rows are float32, as in PyTorch's.
        rows = input.to(torch.promote_types(input.dtype, torch.float32))
        own = rows.new_full((1,), rows.numel() / rows.shape[1])
        sums = sum_with_gradient(
            torch.cat((rows.sum(channels), own))
        )  # one collective for sums and count
        count = sums[-1].detach()
        some = count.clamp_min(
            1
        )  # all batches may be empty, for example without objects to segment
        mean = sums[:-1] / some
        centred = rows - mean.view(shape)
        variance = sum_with_gradient(centred.square().sum(channels)) / some
        unbiased = variance.detach() * count / (count - 1).clamp_min(1)
        self._track(mean.detach(), unbiased, count > 0)
        output = centred * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            output = output * self.weight.view(shape) + self.bias.view(shape)
        return output.to(input.dtype)

    def _check_input_dim(self, input: Tensor) -> None:
        """Accept any number of dimensions."""

    def _track(self, mean: Tensor, variance: Tensor, seen: Tensor) -> None:
        """Update the running statistics as PyTorch does, if ``seen`` (bool): some row was given."""
        if self.running_mean is None or self.running_var is None:
            return  # track_running_stats=False
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(seen)
        weight = seen.to(mean)
        weight = (
            weight * self.momentum
            if self.momentum is not None
            else (weight / self.num_batches_tracked.clamp_min(1))
        )
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance, weight)
