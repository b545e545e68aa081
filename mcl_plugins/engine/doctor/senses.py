"""What is looked at within a step: views, masks, queries and keys, weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ...heads.negatives import contrastive_heads
from ...mask_generators import PatchMask
from ...targets import EMA
from ...utils.sharded import local_part
from ...utils.similarity import feature_spread, l2_normalize
from .signs import effective_rank, relative_distance, sample_weights


class Senses:
    """Watch one training step of a model, and return numbers about it.

    Forward hooks are there during this step only; no other step costs anything. The numbers stay on
    the device until :meth:`read`.

    Args:
        model: a method, or any other model.
        inside: look at what happens within the model; a compiled one would be compiled anew.

    Example:
        >>> from mcl_plugins.heads import PatchContrastHead
        >>> model = nn.ModuleDict({'head': PatchContrastHead(0.1)})
        >>> senses = Senses(model)
        >>> senses.open()
        >>> _ = model['head'](torch.eye(4)[None], torch.eye(4)[None], None)
        >>> {name: round(value, 2) for name, value in senses.read(stepped=False).items()}
        {'query_rank': 4.0, 'key_rank': 4.0, 'query_spread': 0.87}
    """

    def __init__(self, model: nn.Module, inside: bool = True) -> None:
        self.model, self.inside = model, inside
        self._found: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []
        self._before = torch.zeros(0)
        self._first: Tensor | None = None
        self._norms: Tensor | None = None

    def open(self) -> None:
        """Begin to watch, before the step."""
        self.close()
        self._before = sample_weights(self.model)
        if self._first is None:
            self._first = self._before.norm()
        if not self.inside:
            return
        preprocessor = getattr(self.model, 'data_preprocessor', None)
        if isinstance(preprocessor, nn.Module):
            self._handles.append(preprocessor.register_forward_hook(self._see_views))
        generator = getattr(self.model, 'mask_generator', None)
        if isinstance(generator, nn.Module):
            self._handles.append(generator.register_forward_hook(self._see_mask))
        for _, suffix, head in contrastive_heads(self.model):

            def see(_: nn.Module, inputs: tuple, suffix: str = suffix) -> None:
                self._see_features(suffix, *inputs[:2])

            self._handles.append(head.register_forward_pre_hook(see))

    def close(self) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def read(self, stepped: bool) -> dict[str, float]:
        """Return the numbers of the step, and watch no longer; waits for the device.

        Args:
            stepped: whether the optimizer took a step.

        Returns:
            Those of ``query_rank``, ``key_rank`` and ``query_spread`` (with the suffix of a level),
            ``view_mean``, ``view_std``, ``same_views`` of ``images``, ``masked``,
            ``weight_change``, ``weight_growth`` since the first look, ``ema_distance`` and
            ``ema_moved`` that the model has.
        """
        self.close()
        found, self._found = self._found, {}
        if stepped and len(self._before) and self._first is not None:
            after = sample_weights(self.model)
            found['weight_change'] = relative_distance([after], [self._before])
            found['weight_growth'] = after.norm() / self._first.clamp_min(1e-12)
        ema = getattr(self.model, 'ema', None)
        if isinstance(ema, EMA):
            found.update(self._see_ema(ema))
        if not found:
            return {}
        values = torch.stack([value.detach().float().reshape(()) for value in found.values()])
        return dict(zip(found, values.tolist(), strict=True))

    def _see_views(self, _: nn.Module, inputs: tuple, output: Any) -> None:
        images = output.get('inputs') if isinstance(output, dict) else None
        several: Any = images if isinstance(images, list | tuple) else [images]
        views: list[Tensor] = [
            view for view in several if isinstance(view, Tensor) and view.is_floating_point()
        ]
        if not views:
            return
        means = torch.stack([view.detach().float().mean() for view in views])
        deviations = torch.stack([view.detach().float().std() for view in views])
        self._found['view_mean'] = means[means.abs().argmax()]
        self._found['view_std'] = deviations[deviations.log().abs().argmax()]  # furthest from 1
        if len(views) > 1 and all(view.shape == views[0].shape for view in views):
            equal = [view.eq(views[0]).flatten(1).all(dim=1) for view in views[1:]]
            self._found['same_views'] = torch.stack(equal).float().mean()
            self._found['images'] = means.new_tensor(len(views[0]))

    def _see_mask(self, _: nn.Module, inputs: tuple, output: Any) -> None:
        if isinstance(output, PatchMask):
            self._found['masked'] = output.mask.float().mean()

    def _see_features(self, suffix: str, query: Tensor, key: Tensor) -> None:
        if f'query_rank{suffix}' in self._found:  # the other direction of a symmetric loss
            return
        self._found[f'query_rank{suffix}'] = effective_rank(query)
        self._found[f'key_rank{suffix}'] = effective_rank(key)
        self._found[f'query_spread{suffix}'] = feature_spread(l2_normalize(query.detach()))

    def _see_ema(self, ema: EMA) -> dict[str, Tensor]:
        """Distance of student and teacher, and whether the teacher moved since the last look."""
        norms = torch.stack(torch._foreach_norm([local_part(p.detach()) for p in ema.parameters()]))
        before, self._norms = self._norms, norms
        found = {'ema_distance': relative_distance(ema.source_parameters(), ema.parameters())}
        if before is not None:
            found['ema_moved'] = (norms != before).any()
        return found
