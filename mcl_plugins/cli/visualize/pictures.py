"""Parts that the picture commands share: read images, build a model, draw and save figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from torch import Tensor
from torchvision.transforms import functional as transforms

from ...checkpoint.sources import load_checkpoint
from ...checkpoint.whole_model import load_whole
from ...datasets.checked_images import settle_bit_depth
from ...datasets.listing import list_images
from ...engine.statistics import warn_of_checkpoint
from ...mask_generators import PatchMask, upsample_patches
from ...preprocessors import MultiViewPreprocessor
from ...utils.decoding import ImageDecoder
from ...utils.images import IMAGE_SUFFIXES, open_rgb, printable

GRAY = 0.5  # colour of masked patches


def pick_files(places: Sequence[Path], count: int | None) -> list[Path]:
    """Choose image files from files and folders, evenly spaced in their sorted order.

    With ``count=None`` all are chosen.

    Raises:
        FileNotFoundError: a file or folder does not exist, or there is no image.
    """
    files: list[Path] = []
    left_out: list[str] = []
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f'--images: {str(place)!r} does not exist.')
        if place.is_file():
            files.append(place)
            continue
        listing = list_images(str(place), IMAGE_SUFFIXES)
        files += sorted(place / name for name in listing.images)
        left_out.append(listing.describe_left_out())
    if not files:
        raise FileNotFoundError(
            f'--images: no {"/".join(IMAGE_SUFFIXES)} in {", ".join(map(str, places))}. '
            f'{" ".join(left_out)}'.rstrip()
        )
    if count is None:
        return files
    if count < 1:
        raise ValueError(f'--count={count} must be at least 1.')
    chosen = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[index] for index in chosen]


def read_images(
    places: Sequence[Path], count: int, side: int, decode: ImageDecoder | None = None
) -> Tensor:
    """Read images as in an evaluation: resize the shorter side to 256/224 of ``side``, centre crop.

    Args:
        places: image files, or folders to choose images from.
        count: number of images.
        side: side of the images in pixels.
        decode: the decoder of the model's images; None for colour.

    Returns:
        (N, 3, side, side) uint8 RGB, or (N, 1, side, side) of one band.

    Raises:
        ValueError: an image cannot be read, or has neither one nor three bands.
    """
    files = pick_files(places, count)
    decode = decode or ImageDecoder()
    settle_bit_depth(decode, [str(file) for file in files])
    images = []
    for file in files:
        image = open_rgb(file, decode)
        shorter = max(side, round(side * 256 / 224))
        image = transforms.resize(image, shorter, transforms.InterpolationMode.BICUBIC)
        images.append(transforms.pil_to_tensor(transforms.center_crop(image, side)))
    return torch.stack(images)


def build_pretraining(config: Config, checkpoint: str | Path | None) -> tuple[Any, int]:
    """Build the config's model with the weights of a checkpoint, in evaluation mode.

    Args:
        config: config of the pre-training.
        checkpoint: its file; None for the weights at iteration 0.

    Returns:
        The model and the number of epochs that the file has, 0 if it does not say so.

    Raises:
        ValueError: the config is of no pre-training whose views this package makes, or the
            checkpoint does not fit it.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    views = str((config.get('data_preprocessor') or {}).get('type')).rpartition('.')[-1]
    if views != MultiViewPreprocessor.__name__:
        raise ValueError(
            f'{config.model.type} of this config is not pre-trained with the views of a '
            'MultiViewPreprocessor, so there is nothing to draw; mcl attention, tsne and patterns '
            'draw what classifiers see.'
        )
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    if checkpoint is None:
        model.init_weights()
        return model.to(device).eval(), 0
    content = load_whole(model, checkpoint)
    warn_of_checkpoint(model, checkpoint, content)
    return model.to(device).eval(), content.get('meta', {}).get('epoch', 0)


def name_of(checkpoint: str | Path, epoch: int) -> str:
    """Return how a picture names a checkpoint: its folder, its file, and its epoch if it is known.

    Example:
        >>> name_of('work_dirs/mine/epoch_8.pth', 8), name_of('mae.safetensors', 0)
        ('mine/epoch_8.pth, epoch 8', 'mae.safetensors')
    """
    name = '/'.join(Path(checkpoint).parts[-2:])
    return f'{name}, epoch {epoch}' if epoch else name


def epoch_of(checkpoint: str | Path) -> int:
    """Return the number of epochs that a checkpoint has, 0 if it does not say so."""
    meta = load_checkpoint(str(checkpoint)).get('meta')
    return int(meta.get('epoch') or 0) if isinstance(meta, dict) else 0


def image_side(model: Any) -> int:
    """Return the side in pixels of the images that a pre-training model takes."""
    return model.backbone.img_size[0]


def student_view(model: Any, images: Tensor) -> Tensor:
    """Make the first, normalised view of images (N, 3, S, S) uint8 RGB, as in training.

    Images (N, 1, S, S) have one band.
    """
    preprocessor = model.data_preprocessor
    files = images.flip(1) if preprocessor.bgr_to_rgb else images  # files are decoded as BGR
    return preprocessor({'inputs': files}, training=True)['inputs'][0]


def to_rgb(model: Any, view: Tensor) -> Tensor:
    """Undo the normalisation of a view; return (N, 3, S, S) in [0, 1] on the CPU."""
    preprocessor = model.data_preprocessor
    return (view * preprocessor.std + preprocessor.mean).clamp(0, 1).cpu()


def upsample_to_pixels(values: Tensor, side: int) -> Tensor:
    """Upsample a value per patch (N, L), L a square, to a value per pixel (N, 1, side, side)."""
    grid = math.isqrt(values.shape[1])
    return upsample_patches(values, (grid, grid), (side, side))[:, None]


def paint_masked(images: Tensor, mask: PatchMask) -> Tensor:
    """Paint the masked patches of images (N, 3, S, S) in [0, 1] gray."""
    return torch.where(
        upsample_to_pixels(mask.mask, images.shape[-1]).to(images.device), GRAY, images
    )


def panels(lines: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """Create a figure of ``size`` in inches with a grid of axes (lines, columns).

    It is created without pyplot, which would choose a display backend and keep the figure in
    memory.
    """
    figure = Figure(figsize=size, layout='constrained')
    return figure, figure.subplots(lines, columns, squeeze=False)


def show_image(axes: Axes, image: Tensor | np.ndarray, title: str = '', **options: Any) -> None:
    """Draw one image, (3, H, W), (1, H, W) or (H, W), without ticks or frame.

    One band is drawn in gray, and values (H, W) in the colours that ``options`` say.
    """
    pixels = np.asarray(image)
    if pixels.ndim == 3 and len(pixels) == 1:
        pixels = np.repeat(pixels, 3, axis=0)
    axes.imshow(pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels, **options)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def label_row(axes: Axes, text: str) -> None:
    """Write the label of a row to the left of its first image."""
    axes.text(
        -0.06, 0.5, text, transform=axes.transAxes, rotation=90, ha='right', va='center', size=11
    )


def with_title(figure: Figure, title: str) -> None:
    """Write the title of a figure, and widen the figure if the title is wider."""
    text = figure.suptitle(title, fontsize=13)
    needed = text.get_window_extent().width / figure.dpi + 0.3
    figure.set_figwidth(max(figure.get_figwidth(), needed))


def save(figure: Figure, path: Path) -> None:
    """Write the picture to a file on the main process, and print its path."""
    if not is_main_process():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f'picture: {printable(path)}')
