"""The pipelines from an image file to a sample that the data path's benchmark compares."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from ...utils.places import home

CONFIGS = home() / 'configs/_base_'
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Pipeline = Callable[[Path], list[Tensor]]

# imagenet_one_crop.py with the libraries' own steps: Pillow resizes a crop of the whole image.
PILLOW = [
    dict(type='mcl_plugins.LoadImageFromFile'),
    dict(
        type='RandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.08, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackInputs'),
]
PEERS = {
    'mmpretrain MAE': 'imagenet_bs512_mae',
    'mmpretrain SimMIM': 'imagenet_bs256_simmim_192',
    'mmpretrain MoCo v3': 'imagenet_bs512_mocov3',
}


def all_pipelines() -> dict[str, Pipeline]:
    """Build all pipelines, the package's first."""
    return {
        'one crop': compose(own('imagenet_one_crop')),
        'two crops': compose(own('imagenet_two_views')),
        'one crop, Pillow': compose(PILLOW),
        'two branches': two_branches(),
        **{
            name: compose(get_config(f'mmpretrain::_base_/datasets/{config}.py').train_pipeline)
            for name, config in PEERS.items()
        },
    }


def own(name: str) -> Sequence[Any]:
    """Return the training pipeline of one of the package's data sets."""
    return Config.fromfile(CONFIGS / f'datasets/{name}.py').train_pipeline


def compose(steps: Sequence[Any]) -> Pipeline:
    """Build a pipeline of configs, which returns the uint8 images of a sample."""
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        transform: Any = Compose(steps)

    def pipeline(file: Path) -> list[Tensor]:
        inputs = transform({'img_path': str(file)})['inputs']
        return inputs if isinstance(inputs, list) else [inputs]

    return pipeline


def two_branches() -> Pipeline:
    """Build the pipeline of the released ConMIM, which returns a basic and a strong float image."""
    common = transforms.Compose(
        [
            transforms.RandomHorizontalFlip(),
            transforms.RandomResizedCrop(224, interpolation=InterpolationMode.BICUBIC),
        ]
    )
    basic = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    strong = transforms.Compose(
        [
            transforms.RandomApply([transforms.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            transforms.RandomGrayscale(p=0.2),
            transforms.RandomApply([blur], p=0.1),
            transforms.RandomApply([ImageOps.solarize], p=0.2),
            basic,
        ]
    )

    def pipeline(file: Path) -> list[Tensor]:
        with Image.open(file) as image:
            crop = common(image.convert('RGB'))
        return [basic(crop), strong(crop)]

    return pipeline


def blur(image: Image.Image) -> Image.Image:
    """Blur with a random radius."""
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))
