"""Monitor how similar the features of an image's chunks are (kappa of a von Mises-Fisher)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ...algorithms.base import PretrainingMethod
from ...registry import HOOKS
from ...utils.similarity import l2_normalize
from ..unwrap import unwrapped_model
from .log_steps import is_log_step, logging_interval


def concentration(features: Tensor) -> Tensor:
    """Estimate the von Mises-Fisher concentration kappa of each image's features.

    kappa = R (p - R^2) / (1 - R^2), where R is the length of the mean of the L2-normalised vectors
    and p their dimension (Banerjee et al., "Clustering on the Unit Hypersphere using von
    Mises-Fisher Distributions", 2005, Eq. 4.4). Equal vectors, whose kappa is infinite, get about
    1e6 p. For few vectors the estimate is far too high: n independent directions have about
    sqrt(n) p / (n - 1) instead of 0, so compare kappas of the same n and p only.

    Args:
        features: (N, n, p), n > 1 vectors of each image; their lengths do not matter.

    Returns:
        (N,) float32 (float64 for float64 features).

    Example:
        >>> chunks = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # orthogonal, so R^2 = 1/2
        >>> concentration(chunks)
        tensor([2.1213])
    """
    length = l2_normalize(features).mean(dim=1).norm(dim=-1)
    square = length.square()
    return length * (features.shape[-1] - square) / (1 - square).clamp_min(1e-6)


@HOOKS.register_module()
class ConcentrationHook(Hook):
    """Log kappa of the online chunks of an image: representation, projection and prediction.

    ``kappa_representation`` is computed from the mean of the patch tokens of the encoder's last
    block, without the class token (Masked MoCo, Figure 6), ``kappa_head_input`` from the input of
    the projector, which is the class token, ``kappa_projection`` from the projector's output and
    ``kappa_prediction`` from the output of the predictor, in the iterations in which the logger
    writes a line. Means over the images of this process appear in the log and in
    TensorBoard. kappa rises when the chunks of an image become similar. Whether different images
    become similar (a collapse) is shown by ``key_spread`` instead.

    Args:
        interval: iterations between two measurements; None for the logger's interval.

    Raises:
        ValueError: the model does not encode more than one chunk of an image.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int | None = None) -> None:
        self.interval = interval
        self._handles: list[RemovableHandle] = []
        self._features: dict[str, list[Tensor]] = defaultdict(list)

    def before_train(self, runner: Runner) -> None:
        """Check the model and read the logger's interval."""
        model = unwrapped_model(runner)
        chunks = model.num_chunks if isinstance(model, PretrainingMethod) else 1
        if chunks < 2:
            raise ValueError(
                f'ConcentrationHook compares the chunks of an image, and {type(model).__name__} '
                f'encodes an image as num_chunks={chunks}. Remove the hook from custom_hooks '
                '(--cfg-options custom_hooks="()").'
            )
        if self.interval is None:
            self.interval = logging_interval(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Record the features of the heads if the logger writes a line after this iteration."""
        assert self.interval is not None
        if not is_log_step(self, runner, batch_idx, self.interval):
            return
        model = unwrapped_model(runner)
        self._handles = [
            model.backbone.layers[-1].register_forward_hook(self._keep_representation),
            model.projector.register_forward_hook(self._keep_projection),
            model.predictor.register_forward_hook(self._keep_prediction),
        ]

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Compute kappa of the recorded features and hand it to the logger."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        chunks = unwrapped_model(runner).num_chunks
        for name, rows in self._features.items():
            kappa = concentration(torch.cat(rows).unflatten(0, (-1, chunks))).mean()
            runner.message_hub.update_scalar(f'train/kappa_{name}', kappa.item())
        self._features.clear()

    def _keep_representation(self, _: nn.Module, inputs: tuple, tokens: Tensor) -> None:
        self._features['representation'].append(tokens[:, 1:].detach().mean(dim=1))

    def _keep_projection(self, _: nn.Module, inputs: tuple, outputs: tuple[Tensor]) -> None:
        ((features,),) = inputs
        self._features['head_input'].append(features.detach())
        self._features['projection'].append(outputs[0].detach())

    def _keep_prediction(self, _: nn.Module, inputs: tuple, outputs: tuple[Tensor]) -> None:
        self._features['prediction'].append(outputs[0].detach())
