"""Features of whole data sets, computed by one or several processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import all_gather, is_main_process
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm


class NotFiniteError(ValueError):
    """Features are NaN or infinite; each would be the nearest neighbour of every image."""


@torch.no_grad()
def extract_features(
    encode: Callable[[Any], Tensor],
    loader: DataLoader,
    title: str,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Encode every image of a data set once and gather the features of all processes.

    Each batch is gathered at once and written to its place. So a process holds the features of the
    data set once, in images * D * 4 bytes, and those of one batch.

    Args:
        encode: function from a batch of the loader to (N, D) features.
        loader: data loader without shuffling, whose samples have ``data_samples`` with
            ``gt_label``. With several processes it needs MMEngine's ``DefaultSampler``, which gives
            process r the samples r, r + world size, ...
        title: title of the progress bar.
        on_batch: called after each batch with the number of those that are encoded.

    Returns:
        (images, D) float32 features and (images,) int64 labels, in the order of the data set, on
        the device of the features; the same on all processes.

    Raises:
        NotFiniteError: a feature is NaN or infinite.

    Example:
        >>> from mmpretrain.structures import DataSample
        >>> images = [(torch.full((2,), i), DataSample().set_gt_label(i)) for i in range(3)]
        >>> loader = DataLoader(images, batch_size=2, collate_fn=lambda batch: dict(
        ...     inputs=torch.stack([image for image, _ in batch]),
        ...     data_samples=[sample for _, sample in batch]))
        >>> extract_features(lambda batch: batch['inputs'], loader, title='features')
        (tensor([[0., 0.],
                [1., 1.],
                [2., 2.]]), tensor([0, 1, 2]))
    """
    total, done = len(loader.dataset), 0  # type: ignore[arg-type]
    features, labels = torch.empty(0), torch.empty(0)
    finite = torch.empty(0, dtype=torch.bool)
    batches = tqdm(loader, desc=title, disable=not is_main_process(), leave=False)
    for count, batch in enumerate(batches, start=1):
        rows = _in_order(encode(batch).float())
        classes = _in_order(torch.cat([sample.gt_label for sample in batch['data_samples']]))
        if not done:
            features = rows.new_empty(total, *rows.shape[1:])
            labels = torch.empty(total, dtype=classes.dtype, device=rows.device)
            finite = torch.ones(total, dtype=torch.bool, device=rows.device)
        end = min(done + len(rows), total)  # the sampler repeats images to fill the last batch
        features[done:end] = rows[: end - done]
        labels[done:end] = classes[: end - done]
        finite[done:end] = rows[: end - done].isfinite().flatten(1).all(dim=1)
        done = end
        if on_batch is not None:
            on_batch(count)
    wrong = (~finite[:done]).nonzero().flatten()
    if len(wrong):
        raise NotFiniteError(
            f'{title}: the features of {len(wrong)} of {done} images are not finite, the first of '
            f'them those of image {wrong[0]}. The encoder has diverged, or overflows for them.'
        )
    return features[:done], labels[:done]


def _in_order(rows: Tensor) -> Tensor:
    """Gather a batch's rows of all processes, (processes * N, ...) in the data set's order."""
    return torch.stack(all_gather(rows.contiguous()), dim=1).flatten(0, 1)


def pool_tokens(output: Tensor, feature: str, extra_tokens: int = 1) -> Tensor:
    """Pool the output of an encoder to one feature per image.

    Args:
        output: (N, E + L, D) tokens, or an (N, D, rows, columns) map.
        feature: ``'mean'`` for the mean of the patches, ``'class'`` for the class token.
        extra_tokens: E, the number of tokens before those of the patches.

    Returns:
        (N, D).

    Raises:
        ValueError: ``feature='class'``, but there is no class token.

    Example:
        >>> tokens = torch.tensor([[[9.0], [1.0], [3.0]]])  # the class token and two patches
        >>> pool_tokens(tokens, 'mean').item(), pool_tokens(tokens, 'class').item()
        (2.0, 9.0)
    """
    if feature == 'mean':
        return output.flatten(2).mean(2) if output.ndim == 4 else output[:, extra_tokens:].mean(1)
    if output.ndim == 4 or extra_tokens == 0:
        raise ValueError(
            "feature='class' needs an encoder with a class token, but this has none; use 'mean'."
        )
    return output[:, 0]
