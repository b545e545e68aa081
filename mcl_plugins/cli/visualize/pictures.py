"""What the commands of this folder share: images in, a pre-trained model, a picture out."""

from __future__ import annotations

import argparse
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

from ...checkpoint.files import extract_state_dict, load_file
from ...datasets.listing import list_images
from ...mask_generators import PatchMask, upsample_patches
from ...utils.images import IMAGE_SUFFIXES, open_rgb
from ..options import Options

GRAY = 0.5  # of hidden patches


def add_image_arguments(parser: argparse.ArgumentParser, count: int) -> None:
    """Add ``--images`` and ``--count``."""
    parser.add_argument(
        '--images', nargs='+', type=Path, required=True, help='files, or folders to pick from'
    )
    parser.add_argument('--count', type=int, default=count, help='images to draw')


def add_pretraining_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config of a pre-training, settings that change it, and where the picture goes."""
    parser.add_argument('config', help="a method's config, from configs/<method>/")
    parser.add_argument('--cfg-options', nargs='+', action=Options, help='settings, key=value')
    parser.add_argument('--out', type=Path, help='the picture; beside the checkpoint by default')


def pick_files(places: Sequence[Path], count: int) -> list[Path]:
    """Image files among files and folders, spread evenly over what is there.

    Raises:
        FileNotFoundError: a place does not exist, or holds no image.
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
    if count < 1:
        raise ValueError(f'--count={count} must be at least 1.')
    chosen = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[index] for index in chosen]


def read_images(places: Sequence[Path], count: int, side: int) -> Tensor:
    """Images as in an evaluation: shorter side to 256 of 224 parts, the centre cut out.

    Returns:
        (N, 3, side, side) uint8 RGB.
    """
    images = []
    for file in pick_files(places, count):
        image = open_rgb(file)
        shorter = max(side, round(side * 256 / 224))
        image = transforms.resize(image, shorter, transforms.InterpolationMode.BICUBIC)
        images.append(transforms.pil_to_tensor(transforms.center_crop(image, side)))
    return torch.stack(images)


def build_pretraining(config: Config, checkpoint: str | Path) -> tuple[Any, int]:
    """The config's model with every weight of the checkpoint, in evaluation mode, and its epoch.

    Raises:
        ValueError: the checkpoint is not of this config.
    """
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build({**config.model, 'data_preprocessor': config.data_preprocessor})
    content = load_file(checkpoint)
    try:
        model.load_state_dict(extract_state_dict(content))
    except RuntimeError as error:
        raise ValueError(
            f'{checkpoint} does not fit {type(model).__name__} of this config; is it a checkpoint '
            f'of another one? {str(error).splitlines()[1].strip()}'
        ) from None
    model.to(device).eval()
    return model, content.get('meta', {}).get('epoch', 0)


def image_side(model: Any) -> int:
    """Side in pixels of the images that a pre-training model was built for."""
    return model.backbone.img_size[0]


def student_view(model: Any, images: Tensor) -> Tensor:
    """(N, 3, S, S) uint8 RGB -> the first view of them, normalised, as in training."""
    preprocessor = model.data_preprocessor
    files = images.flip(1) if preprocessor.bgr_to_rgb else images  # files are decoded as BGR
    return preprocessor({'inputs': files}, training=True)['inputs'][0]


def to_rgb(model: Any, view: Tensor) -> Tensor:
    """Undo the normalisation: (N, 3, S, S) in [0, 1], on the CPU."""
    preprocessor = model.data_preprocessor
    return (view * preprocessor.std + preprocessor.mean).clamp(0, 1).cpu()


def spread(values: Tensor, side: int) -> Tensor:
    """(N, L) one value a patch -> (N, 1, side, side) one value a pixel; L is a square."""
    grid = math.isqrt(values.shape[1])
    return upsample_patches(values, (grid, grid), (side, side))[:, None]


def hide(images: Tensor, mask: PatchMask) -> Tensor:
    """Paint hidden patches of (N, 3, S, S) images in [0, 1] gray."""
    return torch.where(spread(mask.mask, images.shape[-1]).to(images.device), GRAY, images)


def panels(lines: int, columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """A figure of ``size`` in inches, and its axes (lines, columns).

    It is not one of pyplot's, which would choose a way to show it, and keep it.
    """
    figure = Figure(figsize=size, layout='constrained')
    return figure, figure.subplots(lines, columns, squeeze=False)


def show(axes: Axes, image: Tensor | np.ndarray, title: str = '', **options: Any) -> None:
    """One image, (3, H, W) or (H, W), without ticks or frame."""
    pixels = np.asarray(image)
    axes.imshow(pixels.transpose(1, 2, 0) if pixels.ndim == 3 else pixels, **options)
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def label_row(axes: Axes, text: str) -> None:
    """Write what a row of images shows to the left of its first one."""
    axes.text(
        -0.06, 0.5, text, transform=axes.transAxes, rotation=90, ha='right', va='center', size=11
    )


def with_title(figure: Figure, title: str) -> None:
    """Write the title of a picture, which is widened if it is too narrow for that."""
    text = figure.suptitle(title, fontsize=13)
    needed = text.get_window_extent().width / figure.dpi + 0.3
    figure.set_figwidth(max(figure.get_figwidth(), needed))


def save(figure: Figure, path: Path) -> None:
    """Write the picture, on the main process, and say where."""
    if not is_main_process():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f'picture: {path}')
