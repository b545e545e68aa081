"""Batch normalisation with the statistics of all processes, on any device."""

from __future__ import annotations

from torch import Tensor, nn

from .gather import sum_with_gradient
from .registry import MODELS


@MODELS.register_module()
class SyncBN(nn.SyncBatchNorm):
    """PyTorch's ``SyncBatchNorm``, made to work on CPUs too.

    PyTorch's refuses CPU tensors within a process group, so a method that uses it could not
    train on gloo. In configs: ``norm_cfg=dict(type='mcl_plugins.SyncBN')``.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, ...) -> the same shape."""
        if input.device.type != 'cpu' or not self.training:
            return super().forward(input)
        channels = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        count = sum_with_gradient(input.new_full((), input.numel() / input.shape[1]))
        mean = sum_with_gradient(input.sum(channels)) / count
        centred = input - mean.view(shape)
        variance = sum_with_gradient(centred.square().sum(channels)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1))
        output = centred * (variance + self.eps).rsqrt().view(shape)
        return output * self.weight.view(shape) + self.bias.view(shape) if self.affine else output

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as PyTorch does."""
        if self.running_mean is None or self.running_var is None:
            return  # track_running_stats=False
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1 / int(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
