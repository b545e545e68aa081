"""Encoders as one file: weights with their description, or a program that needs no library."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import torch
from mmpretrain.models.utils import ShiftWindowMSA
from torch import Tensor, nn

from ...checkpoint.files import save_file
from ...encoders import PretrainedEncoder, load_encoder
from ...encoders.config import FAMILIES
from .target import Run, Target, Tokens, state_of

_ALL = tuple(FAMILIES)


class _Outputs(nn.Module):
    """An encoder that returns patch tokens, then the class token if it has one."""

    def __init__(self, encoder: PretrainedEncoder) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        for module in self.encoder.modules():
            if isinstance(module, ShiftWindowMSA):
                # Its own computes the number of images in Python, which tracing keeps constant.
                module.window_reverse = _join_windows

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.encoder(images)
        if features.class_token is None:
            return (features.patch_tokens,)
        return features.patch_tokens, features.class_token


def _join_windows(windows: Tensor, height: int, width: int, side: int) -> Tensor:
    """Put windows (N n, side, side, C) together to (N, height, width, C), for any N."""
    grid = windows.view(-1, height // side, width // side, side, side, windows.shape[-1])
    return grid.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, windows.shape[-1])


def _example(encoder: PretrainedEncoder) -> Tensor:
    config = encoder.config
    return torch.zeros(2, config.in_channels, config.img_size, config.img_size)


def write_safetensors(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``encoder.safetensors`` with this package's names and the description within."""
    content = {'state_dict': state_of(encoder), 'meta': {'encoder': encoder.describe()}}
    save_file(content, folder / 'encoder.safetensors')


def read_safetensors(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load it as a user does."""
    loaded = load_encoder(folder / 'encoder.safetensors')
    return lambda images: Tokens(*loaded(images)[:2])


def write_torchscript(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``encoder.pt``, for any number of images of the encoder's size."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of tracing: the size of the images is a constant
        traced = torch.jit.trace(_Outputs(encoder), _example(encoder))
    traced.save(str(folder / 'encoder.pt'))


def read_torchscript(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load it with PyTorch alone."""
    model = torch.jit.load(str(folder / 'encoder.pt'))
    return lambda images: Tokens(*model(images))


def write_onnx(encoder: PretrainedEncoder, folder: Path) -> None:
    """Write ``encoder.onnx``, for any number of images of the encoder's size."""
    import onnx  # noqa: PLC0415  an extra

    model, path = _Outputs(encoder), folder / 'encoder.onnx'
    names = ['patch_tokens', 'class_token'][: len(model(_example(encoder)))]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            model,
            (_example(encoder),),
            str(path),
            input_names=['images'],
            output_names=names,
            dynamic_axes={name: {0: 'batch'} for name in ('images', *names)},
            opset_version=17,
            dynamo=False,
        )
    onnx.checker.check_model(str(path))


def read_onnx(encoder: PretrainedEncoder, folder: Path) -> Run:
    """Load it with onnxruntime."""
    import onnxruntime  # noqa: PLC0415  an extra

    session: Any = onnxruntime.InferenceSession(
        str(folder / 'encoder.onnx'), providers=['CPUExecutionProvider']
    )

    def run(images: Tensor) -> Tokens:
        outputs = session.run(None, {'images': images.numpy()})
        return Tokens(*map(torch.from_numpy, outputs))

    return run


SAFETENSORS = Target(
    'safetensors',
    'safetensors',
    _ALL,
    write_safetensors,
    read_safetensors,
    """import mcl_plugins

encoder = mcl_plugins.load_encoder('{folder}/encoder.safetensors')
features = encoder.encode('image.jpg')  # patch_tokens, class_token, feature_maps, mean""",
)
TORCHSCRIPT = Target(
    'TorchScript',
    'torch',
    _ALL,
    write_torchscript,
    read_torchscript,
    """import torch

model = torch.jit.load('{folder}/encoder.pt')
patch_tokens, *class_token = model(images)  # (N, bands, size, size), normalised""",
)
ONNX = Target(
    'ONNX',
    'onnx',
    _ALL,
    write_onnx,
    read_onnx,
    """import onnxruntime

session = onnxruntime.InferenceSession('{folder}/encoder.onnx')
patch_tokens, *class_token = session.run(None, dict(images=images))  # normalised, float32""",
    ('onnx', 'onnxruntime'),
)
