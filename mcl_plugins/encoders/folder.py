"""The features of all images in a folder, written to a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ..datasets.checked_images import settle_bit_depth
from ..datasets.listing import list_images
from ..utils.checks import check_choice
from ..utils.images import IMAGE_SUFFIXES, UnreadableImageError, name_unreadable, printable
from ..utils.writing import atomic_write
from .encoder import PretrainedEncoder
from .preprocessing import Preprocessing

FEATURES = ('mean', 'class_token', 'patch_tokens')


@torch.no_grad()
def encode_folder(
    encoder: PretrainedEncoder,
    folder: str | Path,
    out: str | Path | None = None,
    feature: Literal['mean', 'class_token', 'patch_tokens'] = 'mean',
    batch_size: int = 64,
    device: str | torch.device | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[list[str], np.ndarray]:
    """Encode every image under a folder.

    A file that cannot be read is left out, with a warning that names it. Files of more than 8 bits
    are read as in the training; where its config states no bit depth, a few of the folder's files
    decide for all, as in a data set.

    Args:
        encoder: from :func:`load_encoder`.
        folder: the folder; images in its sub-folders are found, too.
        out: file to write. ``.npy`` gets the features, and a ``.txt`` of the same name beside it
            the names of the images, one a line in the same order; ``.parquet`` has both, in the
            columns ``file`` and ``feature``.
        feature: ``'mean'`` of the patch tokens, ``'class_token'``, or all ``'patch_tokens'``.
        batch_size: number of images that are encoded together.
        device: where to compute; by default where the encoder is.
        workers: number of threads that read images; by default one for each CPU, at most 16.
        progress: show a progress bar.

    Returns:
        The names relative to ``folder``, and float32 features (images, D), or (images, L, D) for
        the patch tokens.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no image can be read, the bit depth has to be stated, the encoder has no class
            token, or ``out`` has another suffix; all but the first before anything is computed.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> from mcl_plugins.encoders import load_encoder
        >>> from mcl_plugins.backbones import VisionTransformer
        >>> arch = dict(embed_dims=64, num_layers=1, num_heads=1, feedforward_channels=128)
        >>> encoder = load_encoder(VisionTransformer(arch, 64, 16, out_type='raw'))
        >>> folder = tempfile.mkdtemp()
        >>> Image.new('RGB', (80, 100)).save(f'{folder}/cat.png')
        >>> names, features = encode_folder(encoder, folder, f'{folder}/cats.npy', progress=False)
        >>> names, features.shape, np.load(f'{folder}/cats.npy').shape
        (['cat.png'], (1, 64), (1, 64))
    """
    check_choice('feature', feature, FEATURES)
    _check(encoder, folder, out, feature, batch_size)
    names = list_images(str(folder), IMAGE_SUFFIXES).images
    if not names:
        raise ValueError(f'{folder} has no image: files that end with {", ".join(IMAGE_SUFFIXES)}.')
    device = torch.device(device) if device else next(encoder.parameters()).device
    encoder = encoder.to(device).eval()
    prepare = settled(encoder.preprocess, [str(Path(folder, name)) for name in names])
    bar = tqdm(total=len(names), desc='encode', unit='img', disable=not progress, leave=False)
    kept, rows, bad = [], [], []
    with bar, ThreadPoolExecutor(workers or min(16, os.cpu_count() or 1)) as pool:
        for batch in _batches(names, batch_size):
            images = list(pool.map(lambda name: _prepare(prepare, Path(folder, name)), batch))
            read = [
                (name, image)
                for name, image in zip(batch, images, strict=True)
                if image is not None
            ]
            bad += [name for name, image in zip(batch, images, strict=True) if image is None]
            if read:
                kept += [name for name, _ in read]
                rows.append(_encode(encoder, [image for _, image in read], feature, device))
            bar.update(len(batch))
    if bad:
        message = name_unreadable(bad, len(names), f'images in {folder}')
        if not kept:
            raise ValueError(f'{message}.')
        warnings.warn(f'{message}; they are left out.', stacklevel=2)
    features = np.concatenate(rows)
    if out is not None:
        write_features(out, kept, features)
    return kept, features


def _check(
    encoder: PretrainedEncoder, folder: Any, out: Any, feature: str, batch_size: int
) -> None:
    """Raise the errors that can be known before anything is computed."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f'{folder} is not a folder; check the path.')
    if out is not None:
        check_suffix(out)
    if batch_size < 1:
        raise ValueError(f'batch_size={batch_size} must be at least 1.')
    if feature == 'class_token' and not encoder.config.has_class_token:
        raise ValueError(
            "feature='class_token' needs an encoder with a class token, but this has none; use "
            "feature='mean'."
        )


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def settled(prepare: Preprocessing, paths: Sequence[str]) -> Preprocessing:
    """Return a preprocessing with the bit depth that all these files have, as a data set has.

    Raises:
        ValueError: some files are of 16 bits, none of which needs that many.
    """
    reading, decoder = prepare.reading, prepare.decoder
    if reading.bit_depth is not None or reading.value_range is not None:
        return prepare
    try:
        settle_bit_depth(decoder, paths)
    except UnreadableImageError as error:
        raise ValueError(
            f'{error} Of an encoder it is set by encoder.preprocess = '
            'dataclasses.replace(encoder.preprocess, reading=Reading(bit_depth=...)), with Reading '
            'from mcl_plugins.encoders.reading.'
        ) from error
    return replace(prepare, reading=replace(reading, bit_depth=decoder.depth.bits))


def _prepare(prepare: Preprocessing, path: Path) -> Tensor | None:
    """Read and cut an image; None if its file cannot be read."""
    try:
        return prepare.cut(prepare.read(path))
    except (UnreadableImageError, OSError):
        return None


def _encode(
    encoder: PretrainedEncoder, images: list[Tensor], feature: str, device: torch.device
) -> np.ndarray:
    batch = torch.stack(images).to(device, non_blocking=True)
    features = getattr(encoder(encoder.preprocess.normalise(batch)), feature)
    return features.float().cpu().numpy()


def check_suffix(path: str | Path) -> None:
    """Raise a ValueError unless features can be written to a file.

    Raises:
        ImportError: the library for it is not installed.
    """
    suffix = Path(path).suffix
    if suffix == '.parquet':
        if find_spec('pyarrow') is None:
            raise ImportError(
                f'{path} needs another library: pip install pyarrow. Or write a .npy.'
            )
    elif suffix != '.npy':
        raise ValueError(f'{path} must end with .npy or .parquet.')


def write_features(path: str | Path, names: Sequence[str], features: np.ndarray) -> None:
    """Write features and the names of their images.

    Args:
        path: the ``.npy`` or ``.parquet`` file.
        names: one for each row.
        features: (images, ...).

    Raises:
        ValueError: the file has another suffix.
    """
    check_suffix(path)
    if Path(path).suffix == '.parquet':
        _write_parquet(path, names, features)
        return
    with atomic_write(path, features.nbytes) as temporary, temporary.open('wb') as file:
        np.save(file, features)
    with atomic_write(Path(path).with_suffix('.txt')) as temporary:
        lines = ''.join(f'{printable(name)}\n' for name in names)
        temporary.write_text(lines, encoding='utf-8')


def _write_parquet(path: str | Path, names: Sequence[str], features: np.ndarray) -> None:
    import pyarrow  # noqa: PLC0415  optional
    from pyarrow import parquet  # noqa: PLC0415

    flat = features.reshape(len(features), -1)
    column = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(flat.ravel()), flat.shape[1])
    table = pyarrow.table({'file': [printable(name) for name in names], 'feature': column})
    with atomic_write(path, features.nbytes) as temporary:
        parquet.write_table(table, temporary)
