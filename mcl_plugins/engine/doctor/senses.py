"""What is looked at within a step: views, masks, queries and keys, weights."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ...algorithms.base import PretrainingMethod
from ...heads.negatives import contrastive_heads
from ...mask_generators import PatchMask, gather_patches
from ...targets import EMA
from ...utils.sharded import is_divided, local_part
from ...utils.similarity import feature_spread, l2_normalize
from .signs import alignment, effective_rank, relative_distance, sample_weights, uniformity

FEWEST_ROWS = 4  # features whose rank says something; that of a single one is always 1


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
        {'query_rank': 4.0, 'key_rank': 4.0, 'query_spread': 0.87, 'uniformity': -4.0, \
'alignment': 0.0, 'to_others': 2.0}
    """

    def __init__(self, model: nn.Module, inside: bool = True) -> None:
        self.model, self.inside = model, inside
        self._found: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []
        self._failures: set[str] = set()
        self._before = torch.zeros(0)
        # The head of a classifier begins near 0 and has to grow.
        self._growing = model if isinstance(model, PretrainingMethod) else _encoder_of(model)
        self._first: Tensor | None = None
        self._norms: Tensor | None = None

    def open(self) -> None:
        """Begin to watch, before the step."""
        self.close()
        self._before = sample_weights(self.model)
        if self._first is None:
            self._first = sample_weights(self._growing).norm()
        if not self.inside:
            return
        preprocessor = getattr(self.model, 'data_preprocessor', None)
        if isinstance(preprocessor, nn.Module):
            self._handles.append(
                preprocessor.register_forward_hook(self._harmless(self._see_views))
            )
        generator = getattr(self.model, 'mask_generator', None)
        if isinstance(generator, nn.Module):
            self._handles.append(generator.register_forward_hook(self._harmless(self._see_mask)))
        for _, suffix, head in contrastive_heads(self.model):

            def see(head: nn.Module, inputs: tuple, named: dict, suffix: str = suffix) -> None:
                given = signature(head.forward).bind(*inputs, **named)
                self._see_features(suffix, head, *given.args[:3])

            self._handles.append(
                head.register_forward_pre_hook(self._harmless(see), with_kwargs=True)
            )
        self.watch_losses()

    def watch_losses(self) -> None:
        """Begin to watch the losses alone, which all processes have to do together.

        A gradient may pass through a BatchNorm or a gathering of all of them. A model that is
        divided among the processes is left alone: each backward pass would scatter its gradients.
        """
        divided = any(map(is_divided, self.model.parameters()))
        if self.inside and isinstance(self.model, PretrainingMethod) and not divided:
            self._handles.append(self.model.register_forward_hook(self._see_losses))

    def close(self) -> None:
        """Watch no longer."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def read(self, stepped: bool, since_last: bool = True) -> dict[str, float]:
        """Return the numbers of the step, and watch no longer; waits for the device.

        Args:
            stepped: whether the optimizer took a step.
            since_last: whether it took one since the last reading; without any the teacher rests.

        Returns:
            Those of ``query_rank``, ``key_rank``, ``query_spread``, ``alignment`` with the distance
            ``to_others``, and ``uniformity`` (with the suffix of a level), ``grad_share_<loss>``,
            ``view_mean``, ``view_std``, ``same_views`` of ``images``, ``masked``,
            ``weight_change``, ``weight_growth`` of the encoder (or of a whole method) since
            the first look, ``ema_distance`` and
            ``ema_moved`` that the model has.
        """
        self.close()
        found, self._found = self._found, {}
        if stepped and len(self._before) and self._first is not None:
            found['weight_change'] = relative_distance([sample_weights(self.model)], [self._before])
            grown = sample_weights(self._growing)
            if len(grown):
                found['weight_growth'] = grown.norm() / self._first.clamp_min(1e-12)
        ema = getattr(self.model, 'ema', None)
        if isinstance(ema, EMA):
            found.update(self._see_ema(ema, since_last))
        if not found:
            return {}
        values = torch.stack([value.detach().float().reshape(()) for value in found.values()])
        return dict(zip(found, values.tolist(), strict=True))

    def _harmless(self, see: Callable[..., None]) -> Callable[..., None]:
        """Let a fault of a look be a warning, said once, and not the end of the step.

        Heads of other code may be called in ways, or with features of shapes, that are not known.
        """

        def look(*args: Any) -> None:
            try:
                see(*args)
            except Exception as error:
                text = f'Doctor: a part of this look failed ({type(error).__name__}: {error}).'
                if text not in self._failures:
                    self._failures.add(text)
                    print_log(text, logger='current', level=logging.WARNING)

        return look

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

    def _see_features(
        self, suffix: str, head: nn.Module, query: Tensor, key: Tensor, mask: Any = None
    ) -> None:
        if f'uniformity{suffix}' in self._found:  # the other direction of a symmetric loss
            return
        for name, features in (('query', query), ('key', key)):
            if features.flatten(0, -2).shape[0] >= FEWEST_ROWS:
                self._found[f'{name}_rank{suffix}'] = effective_rank(features)
        if query.flatten(0, -2).shape[0] >= FEWEST_ROWS:
            self._found[f'query_spread{suffix}'] = feature_spread(l2_normalize(query.detach()))
        of_images = getattr(head, 'compares_images', False)
        query, key = match_rows(query.detach(), key.detach(), mask, of_images)
        self._found[f'uniformity{suffix}'] = uniformity(query)
        if query.shape == key.shape:
            own, others = alignment(query, key)
            self._found[f'alignment{suffix}'], self._found[f'to_others{suffix}'] = own, others

    def _see_losses(self, _: nn.Module, inputs: tuple, output: Any) -> None:
        """Compare the gradients of a method's losses at the last weights of its encoder."""
        losses = {}
        if isinstance(output, dict):
            losses = {name: loss for name, loss in output.items() if 'loss' in name}
        encoder: Any = self.model.backbone
        weights = [p for p in encoder.parameters() if p.requires_grad and p.ndim > 1]
        if len(losses) < 2 or not weights or not torch.is_grad_enabled():
            return
        norms = []
        for loss in losses.values():
            (gradient,) = torch.autograd.grad(
                loss, weights[-1:], retain_graph=True, allow_unused=True
            )
            norms.append(loss.new_zeros(()) if gradient is None else gradient.float().norm())
        total = torch.stack(norms).sum().clamp_min(1e-30)
        for name, norm in zip(losses, norms, strict=True):
            self._found[f'grad_share_{name.removeprefix("loss_")}'] = norm / total

    def _see_ema(self, ema: EMA, stepped: bool) -> dict[str, Tensor]:
        """Distance of student and teacher, and whether the teacher moved since the last look."""
        found = {'ema_distance': relative_distance(ema.source_parameters(), ema.parameters())}
        if not stepped and self._norms is not None:  # between two steps of summed gradients
            return found
        norms = torch.stack(torch._foreach_norm([local_part(p.detach()) for p in ema.parameters()]))
        before, self._norms = self._norms, norms
        if before is not None:
            found['ema_moved'] = (norms != before).any()
        return found


def _encoder_of(model: nn.Module) -> nn.Module:
    """Return the encoder of a model, or a module without weights if it has none of that name."""
    encoder = getattr(model, 'backbone', None)
    return encoder if isinstance(encoder, nn.Module) else nn.Identity()


def match_rows(
    query: Tensor, key: Tensor, mask: PatchMask | None, of_images: bool
) -> tuple[Tensor, Tensor]:
    """Return the queries and keys that a contrastive head compares as positive pairs, row by row.

    Args:
        query: (N, C), or (N, n, C) with n queries of each image.
        key: (N, C), or (N, n, C).
        mask: of queries and keys (N, L, C), the masked ones are compared; None for all.
        of_images: the means of (N, L, C) are compared.

    Returns:
        (Q, C) each.
    """
    if key.ndim == 3 and of_images:
        query, key = query.mean(dim=1), key.mean(dim=1)
    elif key.ndim == 3 and isinstance(mask, PatchMask):
        query, key = gather_patches(query, mask.ids_mask), gather_patches(key, mask.ids_mask)
    elif query.ndim == 3 and key.ndim == 2:
        key = key[:, None].expand_as(query)
    return query.flatten(0, -2), key.flatten(0, -2)
