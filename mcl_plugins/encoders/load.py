"""Load the encoder of a checkpoint of any origin, without a config file."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from ..backbones import BEiTViT, ConvViT, SwinTransformer, VisionTransformer
from ..checkpoint.layouts.recognise import Found, choose, find_encoders
from ..checkpoint.loading import load_tensors
from ..checkpoint.sources import find_weights, load_checkpoint
from ..utils.checks import check_choice, resolve_arch
from .bands import change_bands, to_rgb
from .config import FAMILIES, EncoderConfig
from .encoder import PretrainedEncoder
from .hints import IMAGENET, Hints, from_checkpoint, from_folder, from_model
from .preprocessing import Preprocessing
from .shapes import find_family, read_config

_ZOOS = {
    'vit': VisionTransformer.arch_zoo,
    'beit': BEiTViT.arch_zoo,
    'swin': SwinTransformer.arch_zoo,
    'dino': VisionTransformer.arch_zoo,
    'hybrid': ConvViT.arch_zoo,
}


def load_encoder(
    path_or_model: str | Path | nn.Module,
    arch: str | Mapping[str, Any] | None = None,
    which: Literal['ema', 'student'] | None = None,
    img_size: int | None = None,
    in_chans: int | None = None,
) -> PretrainedEncoder:
    """Load the encoder of a checkpoint, of this package or of another origin.

    The architecture is read from the tensors, and what they do not show from the config that the
    checkpoint has, or from a description beside it that states the same sizes, see
    :func:`~.hints.from_folder`; nothing in a file is executed. Files of images are read as in the
    training.

    Args:
        path_or_model: a checkpoint of a pre-training or of a fine-tuned classifier, a converted or
            a released one, a ``.safetensors`` file, the folder of an export, of a timm or of a
            Hugging Face model, a URL; or a model in memory.
        arch: name or settings of the architecture, for files that do not show it: the number of
            attention heads of a plain ViT that are not 64 wide, ``dict(num_heads=12)``.
        which: of a checkpoint with an average of its encoder, ``'ema'`` for that or ``'student'``
            for the encoder itself. By default what the method is evaluated with: the EMA of ConMIM
            and DINO, the student of the others.
        img_size: side of the images in pixels, to which positions are resized; by default that of
            the training.
        in_chans: number of bands; by default the checkpoint's. An encoder of colour images can be
            changed to another number, see :func:`~.bands.change_bands`.

    Returns:
        The encoder in eval mode, with ``preprocess`` and ``config``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a checkpoint of a known layout, ``arch`` is that of another encoder,
            or there is no EMA.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from mcl_plugins.backbones import MaskedViT
        >>> from mcl_plugins.checkpoint.files import save_file
        >>> arch = dict(embed_dims=64, num_layers=1, num_heads=1, feedforward_channels=128)
        >>> file = f'{tempfile.mkdtemp()}/epoch_1.pth'
        >>> save_file({'state_dict': MaskedViT(arch, img_size=64).state_dict()}, file)
        >>> encoder = load_encoder(file)
        >>> photo = np.zeros((80, 100, 3), np.uint8)  # files and Pillow images can be given, too
        >>> features = encoder(encoder.preprocess(photo))
        >>> features.patch_tokens.shape, features.class_token.shape
        (torch.Size([1, 16, 64]), torch.Size([1, 64]))
    """
    if which is not None:
        check_choice('which', which, ('ema', 'student'))
    content, hints, source, file = _read(path_or_model)
    found = choose(find_encoders(content, source), which, source)
    tensors = found.tensors
    try:
        if file is not None and hints == Hints():
            hints = from_folder(file, read_config(tensors, num_heads=1))
        config = _read_config(found, hints, arch)
        mean, std = _statistics(hints, config.in_channels)
        if config.in_channels == 3 and hints.statistics and hints.statistics.bgr:
            tensors, mean, std = to_rgb(tensors, mean, std)
        bands = config.in_channels if in_chans is None else in_chans
        same = bands == config.in_channels
        reading = hints.reading if same else hints.reading.without_bands()
        tensors, mean, std = change_bands(tensors, bands, mean, std)
        config = replace(config, in_channels=bands, img_size=img_size or config.img_size)
        origin = {
            'source': source,
            'recognised': str(found),
            'which': 'ema' if found.averaged else 'student',
            'method': hints.method,
            'config': hints.text,
        }
        prepare = Preprocessing(config.img_size, mean, std, hints.crop or 0.875, reading)
        encoder = PretrainedEncoder(config, prepare, origin)
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from error
    _load(encoder, tensors, f'{source} ({found})')
    return encoder.eval()


def _read(path_or_model: Any) -> tuple[Mapping[str, Any], Hints, str, Path | None]:
    """Return a checkpoint's content, what it says about its encoder, its name, and its file."""
    if isinstance(path_or_model, nn.Module):
        model = path_or_model
        return model.state_dict(), from_model(model), type(model).__name__, None
    source = str(path_or_model)
    if '://' in source:
        content = load_checkpoint(source)
        return content, from_checkpoint(content), source, None
    path = find_weights(source)
    if path.suffix in ('.onnx', '.pt') and path.is_file() and _is_program(path):
        raise ValueError(
            f'{path} is a program, not a checkpoint: onnxruntime or torch.jit.load run it. Load '
            'the checkpoint that it was exported from.'
        )
    content = load_checkpoint(str(path))
    return content, from_checkpoint(content), str(path), path


def _is_program(path: Path) -> bool:
    """Whether a file is of ONNX or TorchScript."""
    if path.suffix == '.onnx':
        return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any('/code/' in name for name in archive.namelist())


def _read_config(found: Found, hints: Hints, arch: Any) -> EncoderConfig:
    """Read the architecture from tensors and hints, and compare it with what the user says.

    Raises:
        ValueError: ``arch`` is unknown, or that of another encoder.
    """
    family = find_family(found.tensors)
    asked = _settings(arch, family) if arch is not None else {}
    known = _settings(hints.arch, family, strict=False)
    if 'num_heads' not in asked:
        _check_known(known, read_config(found.tensors, num_heads=1))
    heads = asked.get('num_heads') or hints.num_heads or known.get('num_heads') or found.num_heads
    config = read_config(
        found.tensors,
        heads if isinstance(heads, int) else None,
        hints.img_size,
        hints.eps or found.layout.eps,
    )
    differing = [
        f'{name}={list(value) if isinstance(value, tuple) else value} (the file: {own})'
        for name, value in asked.items()
        if name in config.arch and not _same(value, own := config.arch[name])
    ]
    if differing:
        raise ValueError(
            f'arch is that of another {FAMILIES[family]} than the file has: {", ".join(differing)}'
        )
    if config.width % _first(config.arch['num_heads']) and family != 'swin':
        raise ValueError(
            f'num_heads={config.arch["num_heads"]} does not divide the width {config.width}'
        )
    return config


def _check_known(known: Mapping[str, Any], sizes: EncoderConfig) -> None:
    """Raise a ValueError if heads would be taken from the config of another architecture.

    A name may stand for other sizes in another library: mmpretrain's ``'small'`` is 768 wide.

    Args:
        known: the settings of the config in the file.
        sizes: those of its tensors, read with one head where they do not show how many there are.
    """
    shown = sizes.family == 'swin' or sizes.arch['num_heads'] != 1
    differing = [
        f'{name}={known[name]} (its tensors: {sizes.arch[name]})'
        for name in ('embed_dims', 'num_layers', 'depths')
        if name in known and name in sizes.arch and not _same(known[name], sizes.arch[name])
    ]
    if differing and not shown:
        raise ValueError(
            f'the config in the file is that of another encoder: {", ".join(differing)}. The '
            'number of attention heads is not in the tensors: give arch, for example '
            'arch=dict(num_heads=...).'
        )


def _settings(arch: Any, family: str, strict: bool = True) -> dict[str, Any]:
    """Return the settings of an architecture, of which only some may be given."""
    zoo = _ZOOS[family]
    if isinstance(arch, Mapping):
        return dict(arch)
    if isinstance(arch, str) and (strict or arch.lower() in zoo):
        return dict(resolve_arch(arch, zoo, ()))
    return {}


def _same(value: Any, own: Any) -> bool:
    return list(value) == list(own) if isinstance(own, list | tuple) else value == own


def _first(value: Any) -> int:
    return value[0] if isinstance(value, list | tuple) else value


def _statistics(hints: Hints, bands: int) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each band: the training's, or ImageNet's."""
    known = hints.statistics
    if known and len(known.mean) == len(known.std) == bands:
        return list(known.mean), list(known.std)
    mean, std = IMAGENET
    if bands == 3:
        return list(mean), list(std)
    return [sum(mean) / 3] * bands, [sum(std) / 3] * bands


def _load(encoder: PretrainedEncoder, tensors: dict[str, Tensor], source: str) -> None:
    """Give an encoder its weights; all of them, or an error."""
    norm = {name: tensors[f'ln2.{name}'] for name in ('weight', 'bias') if f'ln2.{name}' in tensors}
    if norm:
        encoder.mean_norm.load_state_dict(norm)
    own = {name: tensor for name, tensor in tensors.items() if not name.startswith('ln2.')}
    load_tensors(encoder.backbone, own, source)
