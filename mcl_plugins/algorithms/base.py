"""What a pre-training method is: the contract that hooks, tools and trainings rely on."""

from __future__ import annotations

import functools
import logging
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from mmengine.logging import MessageHub, print_log
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor

from ..checkpoint.aliases import rename_earlier
from ..mask_generators import PatchMask
from ..preprocessors import MultiViewPreprocessor
from ..registry import build_part
from ..targets import EMA, following


class PretrainingMethod(BaseSelfSupervisor):
    """Base class of the methods: views in, losses out.

    A method states its :attr:`views`, builds its parts in ``__init__`` and computes
    :meth:`losses`. One that learns from an average of its own parts assigns it to ``self.ema``;
    it then moves with the optimizer's steps in any Runner, under DDP, or in a loop in Python::

        for step, batch in enumerate(loader):
            views = model.data_preprocessor(batch, training=True)['inputs']
            loss, _ = model.parse_losses(model.loss(views))
            loss.backward()
            model.set_progress(step, total)
            optimizer.step()
            optimizer.zero_grad()

    Args:
        backbone: encoder; one that takes masks is called ``backbone(images, mask)``.
        neck, head: parts of methods that have one of each.
        mask_generator: draws masks over the backbone's ``mask_grid``; None hides nothing.
        data_preprocessor: makes the views.

    Attributes:
        views: names of the views that :meth:`losses` takes, in the preprocessor's order.
        ema: the averaged copy of the method's parts; None for a method without one.

    Raises:
        ValueError: the data preprocessor makes another number of views than the method takes.
    """

    views: ClassVar[tuple[str, ...]]
    ema: EMA | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep :meth:`loss` as it is: what it does beside :meth:`losses` may not get lost."""
        super().__init_subclass__(**kwargs)
        if 'loss' in vars(cls):
            raise TypeError(f'{cls.__name__} must define losses(), not loss().')

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        mask_generator: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            backbone, neck, head, data_preprocessor=data_preprocessor, init_cfg=init_cfg
        )
        if isinstance(self.data_preprocessor, MultiViewPreprocessor):
            self._check_views('data_preprocessor.views has', len(self.data_preprocessor.views))
        self.mask_generator = build_part(mask_generator)
        self.ema = None

    @abstractmethod
    def losses(self, *views: Any, **_: Any) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            *views: one tensor (N, 3, H, W) for each of :attr:`views`, in this order.

        Returns:
            Scalars by name: entries with ``loss`` in their name are added up and minimised, the
            others are monitors that appear in the log.
        """

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Check the views of a batch and compute its losses; MMEngine calls this.

        Args:
            inputs: the views that the preprocessor made, (N, 3, H, W) each.
            data_samples: not used.

        Returns:
            As :meth:`losses`.

        Raises:
            ValueError: not as many views as the method takes.
            RuntimeError: the weights were trained in a way that the EMA cannot follow.
        """
        self._check_views('the batch has', len(inputs))
        if self.training and torch.is_grad_enabled():
            _name_missing_guards()
            if self.ema is not None:
                following.expect_step(self.ema)
        return self.losses(*inputs)

    def set_progress(self, step: int, total: int) -> None:
        """State a loop's progress; call it before each ``optimizer.step()`` of one's own loop.

        Under a Runner it is not needed. It has no effect on a method without EMA.

        Args:
            step: 0-based number of the optimizer's step.
            total: number of steps of the whole training, on which the momentum depends.
        """
        if self.ema is not None:
            following.set_progress(self.ema, step, total)

    def draw_mask(self, images: Tensor) -> PatchMask | None:
        """Draw the mask of a batch of the first view.

        Args:
            images: (N, 3, H, W).

        Returns:
            The mask; None if the method hides nothing.
        """
        if self.mask_generator is None:
            return None
        return self.mask_generator(len(images), self.backbone.mask_grid, images.device)

    def importance_of(self, images: Tensor) -> Tensor | None:
        """Score the patches of a batch of images (N, 3, H, W) by which the mask is drawn.

        Returns:
            (N, L) float32; None if masks do not depend on the images.
        """
        return None

    @property
    def num_chunks(self) -> int:
        """How many parts of an image the online encoder encodes, each by itself."""
        return 1

    def _check_views(self, what: str, number: int) -> None:
        if number != len(self.views):
            names = ', '.join(self.views)
            taken = '1 view' if len(self.views) == 1 else f'{len(self.views)} views'
            raise ValueError(
                f'{type(self).__name__} takes {taken} ({names}), but {what} '
                f'{number}: give data_preprocessor.views one list of operations for each view ([] '
                'only normalises), and let the pipeline deliver one image, or one for each view.'
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load, also from files that have the EMA under its earlier names."""
        if self.ema is not None:
            rename_earlier(state_dict, prefix, self.state_dict().keys())
            following.weights_changed(self.ema)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class ReconstructingMethod(PretrainingMethod):
    """A method with a decoder, whose output is the pixels of every patch.

    Attributes:
        pixel_head: compares them with the image, in the form of its target.
    """

    pixel_head: Any

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Draw the mask of a batch of the first view, of which there is always a part hidden."""
        mask = super().draw_mask(images)
        assert mask is not None, f'{type(self).__name__} needs a mask_generator.'
        return mask

    @abstractmethod
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Hide a part of images and let the decoder fill it in, without gradient.

        Args:
            images: (N, 3, H, W), normalised.

        Returns:
            (N, L, 3 p^2), every patch in the form of the pixel head's target, and the mask.
        """


def _name_missing_guards() -> None:
    """Warn once if a Runner other than ours trains: it lacks some of our Runner's guards."""
    hub = MessageHub.get_current_instance()
    if hub.get_info('loop_stage') == 'train' and not hub.get_info('mcl_plugins_runner'):
        _warn_of_other_runner()


@functools.cache
def _warn_of_other_runner() -> None:
    print_log(
        "This training does not run under mcl_plugins.Runner (runner_type='mcl_plugins.Runner' in "
        'the config, or tools/train.py). It computes the same losses and moves the EMA, but '
        'auto_scale_lr does not count gradient accumulation, a checkpoint that fits only in part '
        'is loaded in part, and resuming on another schedule is refused only if the config has a '
        'mcl_plugins.ScheduleHook.',
        logger='current',
        level=logging.WARNING,
    )
