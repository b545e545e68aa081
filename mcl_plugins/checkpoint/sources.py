"""Safe loaders for all sources of checkpoints: files, URLs, model zoos and object storage.

MMEngine's loaders are not safe for files of unknown origin. For local files and object storage they
fall back to ``weights_only=False`` if PyTorch refuses a file, and for URLs they use it at once. The
loaders in this module read the same sources and never execute anything in a file.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import barrier, get_rank
from mmengine.fileio import get_file_backend
from mmengine.runner.checkpoint import (
    CheckpointLoader,
    _get_mmengine_home,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)

from .digest import DamagedFileError, check_stream, sha256_of
from .files import load_file, read_safely
from .handlers import use_plain_handlers

# The scheme of a source, ``NAME://`` -> a function that returns the URLs of that zoo's models.
ZOOS: dict[str, Callable[[], dict[str, str]]] = {
    'torchvision': get_torchvision_models,
    'modelzoo': get_torchvision_models,
    'open-mmlab': get_external_models,
    'openmmlab': get_external_models,
    'mmcls': get_mmcls_models,
}


# Weights in a folder that timm, Hugging Face or this package wrote, the first that is there.
WEIGHTS = (
    'model.safetensors',
    'pytorch_model.bin',
    'encoder.safetensors',
    'encoder.pth',
    'model.pth',
)


def find_weights(path: str | Path) -> Path:
    """Return the file of weights that a path names: itself, or the one in a folder of a model.

    Raises:
        FileNotFoundError: the folder has no weights.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        return path
    for name in WEIGHTS:
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(
        f'{path} is a folder that has none of {", ".join(WEIGHTS)}: name the checkpoint.'
    )


def load_from_local(path: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a local file, or the weights in a folder; ``~`` stands for the home folder."""
    return load_file(find_weights(path), map_location)


def load_from_http(url: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a URL, which is downloaded to the folder of ``torch.hub`` once on each machine.

    The file is compared with the hash that its name has, as PyTorch's and OpenMMLab's do
    (``vit-8xb2-1a2b3c4d.pth``), or that the URL ends with (``...#sha256=1a2b3c4d``).

    Raises:
        DamagedFileError: the hash is another one; a file that was just downloaded is deleted.
    """
    url, _, fragment = url.partition('#')
    file, wanted = _cached(url), _stated_hash(url, fragment)
    _download_in_turns(url, file, wanted)
    if wanted and (not file.exists() or not sha256_of(file).startswith(wanted)):
        raise DamagedFileError(
            f'{url} was not loaded: its SHA-256 does not begin with {wanted}. Check the URL, '
            f'delete {file} if it is there, and download again.'
        )
    try:
        return load_file(file, map_location)
    except DamagedFileError as error:
        raise DamagedFileError(f'{url}: {error} Delete {file} first.') from error


def _download_in_turns(url: str, file: Path, wanted: str) -> None:
    """Download a file in process 0, then in the first one of each machine that does not see it.

    So machines that share the folder download the file once. Processes meet twice also if a
    download fails, so that none waits for another.
    """
    rank = get_rank()
    local_rank = os.environ.get('LOCAL_RANK') or os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', '0')
    try:
        try:
            if rank == 0:
                _download(url, file, wanted)
        finally:
            barrier()
        if rank != 0 and local_rank == '0':
            _download(url, file, wanted)
    finally:
        barrier()


def _download(url: str, file: Path, wanted: str) -> None:
    """Download a file unless it is there; one with another hash is deleted."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(url, str(file))
    if wanted and not sha256_of(file).startswith(wanted):
        file.unlink(missing_ok=True)


def _stated_hash(url: str, fragment: str) -> str:
    """Return the beginning of the SHA-256 that a URL states, or '' if it states none.

    Eight digits are a date.

    Raises:
        ValueError: what follows the ``#`` is no hash.

    Example:
        >>> _stated_hash('https://example.org/vit-1a2b3c4d.pth', '')
        '1a2b3c4d'
    """
    if fragment:
        found = re.fullmatch(r'sha256=([a-f0-9]{8,64})', fragment)
        if found is None:
            raise ValueError(
                f'{url}#{fragment}: what follows the # must be sha256= and 8 to 64 digits of 0-9a-f'
            )
        return found[1]
    named = re.search(r'-([a-f0-9]{8,64})\.\w+$', urlparse(url).path)
    return named[1] if named and not named[1].isdecimal() else ''


def _cached(url: str) -> Path:
    """Return where a download is kept: with PyTorch's, under its name if that has a hash.

    Other names, such as ``epoch_100.pth``, do not tell which URL they are from.
    """
    name = Path(urlparse(url).path).name
    if not re.search(r'-[a-f0-9]{8,}\.', name):
        name = f'{hashlib.sha256(url.encode()).hexdigest()[:16]}-{name}'
    return Path(torch.hub.get_dir(), 'checkpoints', name)


def load_from_zoo(source: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a model of one of the ``ZOOS``, for example ``torchvision://resnet50``.

    Raises:
        ValueError: the zoo has no model of this name.
    """
    zoo, _, name = source.partition('://')
    if ZOOS[zoo] is get_external_models:
        name = get_deprecated_model_names().get(name, name)
    addresses = ZOOS[zoo]()
    if name not in addresses:
        raise ValueError(
            f'{source}: {zoo} has no model {name!r}. Use the path or URL of a file instead.'
        )
    address = addresses[name]
    if not address.startswith(('http://', 'https://')):  # the user added a local file to the zoo
        return load_file(Path(_get_mmengine_home(), address), map_location)
    content = load_from_http(address, map_location)
    return _extract_backbone(content) if zoo == 'mmcls' else content


def _extract_backbone(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Extract the encoder of a classifier, as MMEngine does with the files of ``mmcls://``."""
    tensors = checkpoint.get('state_dict', checkpoint)
    prefix = 'backbone.'
    return {
        'state_dict': {
            key.removeprefix(prefix): tensor
            for key, tensor in tensors.items()
            if key.startswith(prefix)
        }
    }


def load_from_storage(path: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read from an S3 or petrel storage through MMEngine's petrel backend."""
    content = get_file_backend(path, backend_args={'backend': 'petrel'}).get(path)
    with io.BytesIO(content) as file:
        check_stream(file, path)
        return read_safely(
            partial(torch.load, file, map_location=map_location, weights_only=True), path
        )


def load_from_pavi(path: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Raise an error for ``pavi://``, because its library is not public.

    Raises:
        ValueError: always.
    """
    raise ValueError(f'{path}: pavi:// is not read. Download the file and use its path.')


# Patterns of sources in the order in which they are tried. The empty pattern is a local file.
SCHEMES: dict[str, Callable[..., dict[str, Any]]] = {
    **{f'{zoo}://': load_from_zoo for zoo in ZOOS},
    'http://': load_from_http,
    'https://': load_from_http,
    'pavi://': load_from_pavi,
    r'(\S+\:)?s3://': load_from_storage,
    r'(\S+\:)?petrel://': load_from_storage,
    '': load_from_local,
}


def load_checkpoint(source: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a checkpoint from a file, URL, zoo or storage without executing anything in it.

    Args:
        source: a value of MMEngine's ``load_from``: a path, ``https://...``,
            ``torchvision://resnet50`` or ``s3://...``.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is not a checkpoint, or contains objects that could run code.
    """
    load = next(load for scheme, load in SCHEMES.items() if re.match(scheme, source))
    return load(source, map_location)


def use_safe_checkpoints() -> None:
    """Make all code in this process read checkpoints safely; the commands call this.

    The loaders of this module are registered in MMEngine's registry of schemes, which MMEngine and
    the libraries on top of it use. For every other ``torch.load`` of this process and its children
    an environment variable of PyTorch enforces ``weights_only=True``. Lists of images and results
    in pickle and YAML files are read without running anything, too; see :mod:`.handlers`.
    """
    for scheme, load in SCHEMES.items():
        CheckpointLoader.register_scheme(scheme, load, force=True)
    use_plain_handlers()
    os.environ.pop('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', None)  # PyTorch refuses both at once
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
