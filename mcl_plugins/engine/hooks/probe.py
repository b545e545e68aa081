"""k-NN and linear accuracy of the encoder during pre-training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from inspect import signature
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ...checkpoint.aliases import present_name
from ...datasets.classes import agree_on_classes
from ...evaluation.features import NotFiniteError, extract_features, pool_tokens
from ...evaluation.knn import check_neighbours, knn_predict
from ...evaluation.linear import fit_linear_probe
from ...evaluation.recall import Recall, mean_recall
from ...registry import HOOKS
from ...utils.checks import check_choice, check_temperature
from ...utils.sampling import spaced_indices
from ...utils.sharded import is_divided, whole_weights
from ..bands import check_bands
from ..unwrap import unwrapped_model
from .watchdog import tell_watchdog


@contextmanager
def evaluating(encoder: nn.Module) -> Iterator[None]:
    """Set an encoder to evaluation mode, and back at the end."""
    training = encoder.training
    encoder.eval()
    try:
        yield
    finally:
        encoder.train(training)


@HOOKS.register_module()
class ProbeHook(Hook):
    """Every few epochs, classify a labelled data set by the features of another.

    The encoder is frozen, in evaluation mode, and encodes images without a mask. The accuracies, in
    percent, are written to the log, TensorBoard and ``scalars.json`` as ``knn_<k>`` and ``linear``.

    Args:
        train_dataloader: config of the loader whose images train the classifiers, with the
            transforms of evaluation and without shuffling. Samples are stacked by
            ``default_collate`` unless it names another ``collate_fn``.
        val_dataloader: config of the loader whose images are classified.
        interval: epochs between two probes; the last epoch is always probed.
        encoder: name of the encoder among the model's submodules, for example ``'ema.backbone'``
            for the EMA encoder.
        feature: ``'mean'`` for the mean of the patch tokens, ``'class'`` for the class token.
        ks: numbers of neighbours of the k-NN; empty for no k-NN.
        temperature: temperature tau of the k-NN's weights.
        linear: arguments of :func:`fit_linear_probe`; None for no linear probe.
        most_images: of a larger data set only so many images count, evenly spaced; None for all.

    Attributes:
        accuracies: of the last probe, in percent by name.
        recalls: mean recall of the classes at the last probe, by the same names.
        images: number of images that were classified.
    """

    priority = 'LOW'

    def __init__(
        self,
        train_dataloader: dict,
        val_dataloader: dict,
        interval: int = 10,
        encoder: str = 'backbone',
        feature: str = 'mean',
        ks: Sequence[int] = (20,),
        temperature: float = 0.07,
        linear: dict | None = None,
        most_images: int | None = None,
    ) -> None:
        check_choice('feature', feature, ('mean', 'class'))
        if interval < 1:
            raise ValueError(f'interval={interval} must be at least 1 epoch.')
        if most_images is not None and most_images < 1:
            raise ValueError(f'most_images={most_images} must be at least 1.')
        self.configs = {'train': train_dataloader, 'val': val_dataloader}
        self.interval = interval
        self.encoder = present_name(f'{encoder}.').removesuffix('.')
        self.feature = feature
        self.ks = tuple(ks)
        self.temperature = temperature
        self.linear = linear
        self.most_images = most_images
        self.loaders: dict[str, DataLoader] = {}
        self.accuracies: dict[str, float] = {}
        self.recalls: dict[str, Recall] = {}
        self.images = 0

    def before_train(self, runner: Runner) -> None:
        """Build both loaders and check all arguments before the first iteration.

        Raises:
            ValueError: an argument is unsuitable, the two data sets have other classes or images of
                other bands than the encoder takes, or the model has no such encoder, or it cannot
                encode an image of them.
        """
        self.loaders = {
            name: runner.build_dataloader(
                {
                    'collate_fn': dict(type='default_collate'),
                    **config,
                    'dataset': self._build_dataset(config['dataset']),
                }
            )
            for name, config in self.configs.items()
        }
        agree_on_classes(
            {f"the probe's {name}_dataloader": self.loaders[name].dataset for name in self.loaders}
        )
        for loader in self.loaders.values():
            check_bands(unwrapped_model(runner), loader.dataset)
        check_temperature(self.temperature)
        check_neighbours(self.ks, len(self.loaders['train'].dataset))  # type: ignore[arg-type]
        try:
            signature(fit_linear_probe).bind(None, None, **(self.linear or {}))
        except TypeError as error:
            raise ValueError(f'linear={self.linear}: {error}.') from None
        encoder = self._get_encoder(runner)
        if self.feature == 'class' and not getattr(encoder, 'num_extra_tokens', 0):
            raise ValueError(
                f"feature='class': {type(encoder).__name__} has no class token; use 'mean'."
            )
        # A divided model (FSDP2) has to be called as a whole before any of its parts.
        if not any(map(is_divided, unwrapped_model(runner).parameters())):
            self._try_encoder(runner, encoder)

    def _try_encoder(self, runner: Runner, encoder: Any) -> None:
        """Encode one image, so that an encoder that cannot do so is found before the training."""
        loader = self.loaders['val']
        batch = loader.collate_fn([loader.dataset[0]])
        try:
            with torch.no_grad(), evaluating(encoder):
                self._encode(runner, batch)
        except (TypeError, ValueError, RuntimeError, AssertionError) as error:
            raise ValueError(
                f'{type(encoder).__name__} cannot encode an image of the probe: '
                f'{type(error).__name__}: {error}. Images have to be of its size and bands, and an '
                'encoder that needs a mask cannot be probed.'
            ) from error

    def _build_dataset(self, config: dict) -> Any:
        """Build a data set, with no more images than ``most_images``."""
        if self.most_images is None:
            return config
        dataset = DATASETS.build(config)
        if len(dataset) > self.most_images:
            dataset.get_subset_(spaced_indices(len(dataset), self.most_images))
        return dataset

    def after_train_epoch(self, runner: Runner) -> None:
        """Probe every ``interval`` epochs and after the last one."""
        last = runner.epoch + 1 == runner.max_epochs
        if not (self.every_n_epochs(runner, self.interval) or last):
            return
        try:
            accuracies = self.probe(runner)
        except NotFiniteError as error:
            runner.logger.warning(f'No probe: {error}')
            return
        figures = '  '.join(f'{name}: {value:.2f}' for name, value in accuracies.items())
        runner.logger.info(f'Probe(train) [{runner.epoch + 1}]  {figures}')
        runner.visualizer.add_scalars(accuracies, step=runner.iter)

    def probe(self, runner: Runner) -> dict[str, float]:
        """Classify the validation images.

        Returns:
            Accuracies in percent, by the names under which they are logged.
        """
        with evaluating(self._get_encoder(runner)), whole_weights(unwrapped_model(runner)):
            train, train_labels = self._extract(runner, 'train')
            val, val_labels = self._extract(runner, 'val')
        predictions: dict[str, Tensor] = {}
        if self.ks:
            tell_watchdog(runner, 'the k-NN of the probe')
            found = knn_predict(val, train, train_labels, self.ks, self.temperature)
            predictions = {f'knn_{k}': classes for k, classes in found.items()}
        if self.linear is not None:
            tell_watchdog(runner, 'the linear classifier of the probe')
            classifier = fit_linear_probe(train, train_labels, **self.linear)
            with torch.no_grad():
                predictions['linear'] = classifier(val).argmax(dim=1)
        self.images = len(val_labels)
        self.recalls = {
            name: mean_recall(classes, val_labels) for name, classes in predictions.items()
        }
        self.accuracies = {
            name: 100 * (classes == val_labels).float().mean().item()
            for name, classes in predictions.items()
        }
        tell_watchdog(runner, 'the end of the probe')
        return self.accuracies

    def _extract(self, runner: Runner, name: str) -> tuple[Tensor, Tensor]:
        """Return the features and labels of a loader; each batch is progress to the watchdog."""

        def note(done: int) -> None:
            tell_watchdog(runner, f'batch {done + 1} of the probe, {name} images')

        note(0)
        encode = partial(self._encode, runner)
        return extract_features(encode, self.loaders[name], f'probe, {name}', note)

    def _encode(self, runner: Runner, batch: dict) -> Tensor:
        """Encode a batch of a loader into (N, D)."""
        encoder = self._get_encoder(runner)
        images = unwrapped_model(runner).data_preprocessor(batch, training=False)['inputs']
        (output,) = encoder(images)
        return pool_tokens(output, self.feature, getattr(encoder, 'num_extra_tokens', 0))

    def _get_encoder(self, runner: Runner) -> Any:
        try:
            return unwrapped_model(runner).get_submodule(self.encoder)
        except AttributeError as error:
            raise ValueError(f'encoder={self.encoder!r} is not in the model: {error}.') from None
