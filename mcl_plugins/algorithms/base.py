"""Base classes of the pre-training methods: the interface that hooks and tools rely on."""

from __future__ import annotations

import functools
import logging
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from mmengine.dist import get_world_size
from mmengine.logging import MessageHub, print_log
from mmpretrain.models.selfsup import BaseSelfSupervisor
from torch import Tensor, nn

from .. import backbones
from ..checkpoint.aliases import rename_earlier
from ..layers.smallest_batch import smallest_batch
from ..mask_generators import PatchMask
from ..preprocessors import MultiViewPreprocessor
from ..registry import build_part
from ..targets import EMA, following
from .wrappers import check_wrappers


class PretrainingMethod(BaseSelfSupervisor):
    """Base class of the methods: it takes the views of a batch of images and returns losses.

    A method names its :attr:`views`, builds its parts in ``__init__`` and defines :meth:`losses`. A
    method that learns from an exponential moving average of its own parts assigns it to
    ``self.ema``. It is then updated after each step of the optimizer, in any Runner, under DDP, or
    in a training loop without Runner::

        for step, batch in enumerate(loader):
            views = model.data_preprocessor(batch, training=True)['inputs']
            loss, _ = model.parse_losses(model.loss(views))
            loss.backward()
            model.set_progress(step, total)
            optimizer.step()
            optimizer.zero_grad()

    Args:
        backbone: the encoder. An encoder that takes masks is called as ``backbone(images, mask)``.
        neck, head: for methods that have exactly one neck or head.
        mask_generator: draws masks over the backbone's ``mask_grid``; with None nothing is masked.
        data_preprocessor: makes the views.

    Attributes:
        views: names of the views that :meth:`losses` takes, in the order of the data preprocessor.
        ema: exponential moving averages of parts of the method; None if the method uses none.
        encoder_output: what the encoder has to return for masked images, see
            :attr:`~mcl_plugins.backbones.Encoder.masked_output`; None if it gets no masks.
        encoder_class: the class that the encoder has to be derived from.
        needs_mask: the method makes no sense without a ``mask_generator``.

    Raises:
        ValueError: the data preprocessor makes another number of views than the method takes, the
            encoder is of a class that does not fit the method, or there is no ``mask_generator``
            where the method needs one.

    Example:
        >>> class MeanColour(PretrainingMethod):
        ...     views = ('image',)
        ...     def losses(self, image):
        ...         return {'loss': self.backbone(image)[0].mean()}
        >>> model = MeanColour(backbone=dict(type='mmpretrain.ResNet', depth=18))
        >>> sorted(model.loss([torch.zeros(2, 3, 32, 32)]))
        ['loss']
    """

    views: ClassVar[tuple[str, ...]]
    ema: EMA | None
    encoder_output: ClassVar[str | None] = None
    encoder_class: ClassVar[type[nn.Module]] = nn.Module
    needs_mask: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a subclass that overrides :meth:`loss`, because its checks would be lost."""
        super().__init_subclass__(**kwargs)
        if 'loss' in vars(cls):
            raise TypeError(
                f'{cls.__name__} must define losses(), not loss(): rename the method and let it '
                'take the views, losses(self, *views).'
            )

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
        self._check_encoder()
        if isinstance(self.data_preprocessor, MultiViewPreprocessor):
            self._check_views('data_preprocessor.views has', len(self.data_preprocessor.views))
        self.mask_generator = build_part(mask_generator)
        if self.needs_mask and self.mask_generator is None:
            raise ValueError(
                f'{type(self).__name__} needs model.mask_generator, which is None: set it, for '
                "example to dict(type='mcl_plugins.RandomMask', mask_ratio=0.75)."
            )
        self.ema = None
        self._copies_sources = False
        self._smallest_batch: int | None = None
        self.register_load_state_dict_post_hook(_complete_ema)

    @abstractmethod
    def losses(self, *views: Any, **_: Any) -> dict[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            *views: one tensor (N, 3, H, W) for each of :attr:`views`, in this order.

        Returns:
            Scalars by name. Those with ``loss`` in their name are added and minimised; the others
            are monitors, which are only logged.
        """

    def init_weights(self) -> None:
        """Initialise or load the weights of all parts; MMEngine calls this.

        Raises:
            ValueError: a wrapper has flattened or divided the parameters before.
        """
        check_wrappers(self)
        super().init_weights()

    def loss(self, inputs: list[Tensor], data_samples: Any = None) -> dict[str, Tensor]:
        """Check the number of views and compute the losses of a batch; MMEngine calls this.

        Args:
            inputs: the views that the preprocessor made, (N, 3, H, W) each.
            data_samples: not used.

        Returns:
            The dict of :meth:`losses`.

        Raises:
            ValueError: the batch has another number of views than the method takes, or fewer images
                than it makes sense with; or the model's wrapper does not fit, see
                :func:`~mcl_plugins.algorithms.wrappers.check_wrappers`.
            RuntimeError: the weights changed, but no step of an optimizer updated the EMA.
        """
        self._check_views('the batch has', len(inputs))
        if self.training and torch.is_grad_enabled():
            self._check_images(len(inputs[0]))
            _name_missing_guards()
            if self.ema is not None:
                following.expect_step(self.ema)
        return self.losses(*inputs)

    @property
    def image_parts(self) -> tuple[nn.Module | None, ...]:
        """Parts that get one row per image, so that their BatchNorms need several images.

        A method with such parts names them here.
        """
        return ()

    def smallest_batch(self, processes: int = 1) -> int:
        """Return the smallest number of images per process that the method makes sense with.

        Two if the negatives of an image are the other images of the batch, of all processes
        together, or if a BatchNorm gets one row per image; see
        :func:`~mcl_plugins.layers.smallest_batch.smallest_batch`. The package's Runner refuses a
        smaller batch before the training starts, and :meth:`loss` when it gets one.

        Args:
            processes: number of processes that train the model.
        """
        return smallest_batch(self, self.image_parts, processes)

    def set_progress(self, step: int, total: int) -> None:
        """Set the progress of a training without Runner, on which the EMA's momentum depends.

        Call it before each ``optimizer.step()`` of your own training loop. Under a Runner it is not
        needed. It has no effect on a method without EMA.

        Args:
            step: number of the optimizer's step, counted from 0.
            total: number of steps of the whole training.
        """
        if self.ema is not None:
            following.set_progress(self.ema, step, total)

    def draw_mask(self, images: Tensor) -> PatchMask | None:
        """Draw the mask of a batch of the first view.

        Args:
            images: (N, 3, H, W).

        Returns:
            The mask; None if the method masks nothing.
        """
        if self.mask_generator is None:
            return None
        return self.mask_generator(len(images), self.backbone.mask_grid, images.device)

    def compute_importance(self, images: Tensor) -> Tensor | None:
        """Compute the importance of each patch, if the method draws its masks from it (ccMIM).

        Args:
            images: (N, 3, H, W).

        Returns:
            (N, L) float32; None if the masks do not depend on the images.
        """
        return None

    @property
    def num_chunks(self) -> int:
        """Number of chunks into which an image is split; the online encoder encodes each alone."""
        return 1

    def _check_encoder(self) -> None:
        needed = self.encoder_output
        given = getattr(self.backbone, 'masked_output', None)
        if needed in (None, given) and isinstance(self.backbone, self.encoder_class):
            return
        fitting = [
            f'mcl_plugins.{name}'
            for name in backbones.__all__
            if issubclass(kind := getattr(backbones, name), self.encoder_class)
            and kind.masked_output == needed
        ]
        derived = self.encoder_class is not nn.Module
        base = f', derived from {self.encoder_class.__name__},' if derived else ''
        raise ValueError(
            f'{type(self).__name__} needs an encoder{base} that returns {needed} of a masked '
            f'image, but model.backbone is a {type(self.backbone).__name__}, which '
            f'{f"returns {given}" if given else "takes no mask"}: set model.backbone.type to '
            f'{" or ".join(fitting)}, or masked_output={needed!r} in a class of your own.'
        )

    def _check_views(self, what: str, number: int) -> None:
        if number != len(self.views):
            names = ', '.join(self.views)
            taken = '1 view' if len(self.views) == 1 else f'{len(self.views)} views'
            raise ValueError(
                f'{type(self).__name__} takes {taken} ({names}), but {what} '
                f'{number}: give data_preprocessor.views one list of operations per view ([] only '
                'normalises), and let the data pipeline return one image, or one image per view.'
            )

    def _check_images(self, number: int) -> None:
        if self._smallest_batch is None:  # neither it nor the wrapper changes during a training
            check_wrappers(self)
            self._smallest_batch = self.smallest_batch(get_world_size())
        if number < (smallest := self._smallest_batch):
            raise ValueError(
                f'{type(self).__name__} needs at least {smallest} images per process and batch, '
                f'but got {number}: set train_dataloader.batch_size={smallest} or more, and '
                'train_dataloader.drop_last=True if the last batch of an epoch is incomplete.'
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Load weights; in older checkpoints, the EMA's tensors are renamed first.

        Weights without an EMA, such as those of another pre-training, start a training. The EMA
        then becomes a copy of its sources, as after :meth:`init_weights`.
        """
        if self.ema is not None:
            rename_earlier(state_dict, prefix, self.state_dict().keys())
            following.weights_changed(self.ema)
            self._copies_sources = self._has_sources_only(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _has_sources_only(self, state_dict: dict[str, Any], prefix: str) -> bool:
        """Whether a state dict has weights that the EMA averages, but none of the EMA's."""
        assert self.ema is not None
        averaged = {id(parameter) for parameter in self.ema.source_parameters()}
        sources = [name for name, weight in self.named_parameters() if id(weight) in averaged]
        averages = [f'ema.{name}' for name in self.ema.state_dict()]
        given, also_averaged = (
            any(prefix + name in state_dict for name in names) for names in (sources, averages)
        )
        return given and not also_averaged


class ReconstructingMethod(PretrainingMethod):
    """A method whose decoder reconstructs the pixels of every patch.

    Attributes:
        pixel_head: the loss between these pixels and the image. It defines the target, for example
            whether the pixels of each patch are normalised.
    """

    needs_mask = True
    pixel_head: Any

    def draw_mask(self, images: Tensor) -> PatchMask:
        """Draw the mask of a batch of the first view, part of which is always masked."""
        mask = super().draw_mask(images)
        assert mask is not None
        return mask

    @abstractmethod
    def reconstruct(self, images: Tensor) -> tuple[Tensor, PatchMask]:
        """Mask images and reconstruct them, without gradient.

        Args:
            images: (N, 3, H, W), normalised.

        Returns:
            (N, L, 3 p^2), the reconstruction of every patch, on the scale of the pixel head's
            target; and the mask.
        """


def _complete_ema(method: PretrainingMethod, _: Any) -> None:
    """Copy the sources into the EMA if the weights that were loaded have none.

    PyTorch and MMEngine call it after all parts of the method are loaded, so that the sources are
    what the training starts from: loaded, or initialised where the file does not have them.
    """
    if method.ema is None or not method._copies_sources:
        return
    method.ema.init_weights()
    method._copies_sources = False
    print_log(
        f'The loaded weights have no EMA: that of {type(method).__name__} starts as a copy of '
        f'{", ".join(name for name, _ in method.ema.named_children())}.',
        logger='current',
    )


def _name_missing_guards() -> None:
    """Warn once if another Runner than ``mcl_plugins.Runner``, which has more checks, trains."""
    hub = MessageHub.get_current_instance()
    if hub.get_info('loop_stage') == 'train' and not hub.get_info('mcl_plugins_runner'):
        _warn_of_other_runner()


@functools.cache
def _warn_of_other_runner() -> None:
    print_log(
        'This training does not use mcl_plugins.Runner. Losses and EMA are the same, but '
        'auto_scale_lr ignores gradient accumulation, a checkpoint that does not match the model '
        'is loaded partially, and resuming with another schedule is refused only if the config has '
        'a mcl_plugins.ScheduleHook. Several processes draw the same masks unless the config has '
        'randomness=dict(diff_rank_seed=True). To use our Runner, set '
        "runner_type='mcl_plugins.Runner' in the config, or train with tools/train.py.",
        logger='current',
        level=logging.WARNING,
    )
