"""Checkpoints from wherever configs name them: files, URLs, model zoos and object storage.

MMEngine's loaders are not safe with files of unknown origin: for local files and object storage it
falls back to ``weights_only=False`` when PyTorch refuses a file, and for URLs it begins with that.
These here read the same sources and never execute what a file holds.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

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

from .files import load_file, read_safely

# The first part of a source, ``NAME://`` -> the addresses of the models of that zoo.
ZOOS: dict[str, Callable[[], dict[str, str]]] = {
    'torchvision': get_torchvision_models,
    'modelzoo': get_torchvision_models,
    'open-mmlab': get_external_models,
    'openmmlab': get_external_models,
    'mmcls': get_mmcls_models,
}


def load_from_local(path: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a local file; ``~`` is the home folder."""
    return load_file(Path(path).expanduser(), map_location)


def load_from_http(url: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a URL, downloaded once by the first process to the folder of ``torch.hub``."""
    load = partial(
        torch.hub.load_state_dict_from_url, url, map_location=map_location, weights_only=True
    )
    try:
        content = read_safely(load, url) if get_rank() == 0 else None
    finally:
        barrier()
    return read_safely(load, url) if content is None else content


def load_from_zoo(source: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a model that is named in one of the ``ZOOS``.

    Raises:
        ValueError: the zoo has no model of this name.
    """
    zoo, _, name = source.partition('://')
    if ZOOS[zoo] is get_external_models:
        name = get_deprecated_model_names().get(name, name)
    addresses = ZOOS[zoo]()
    if name not in addresses:
        raise ValueError(f'{source}: {zoo} has no model {name!r}; name a file or URL instead.')
    address = addresses[name]
    if not address.startswith(('http://', 'https://')):  # an entry of the user's own
        return load_file(Path(_get_mmengine_home(), address), map_location)
    content = load_from_http(address, map_location)
    return _extract_backbone(content) if zoo == 'mmcls' else content


def _extract_backbone(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The encoder of a classifier, as MMEngine takes it from the files of ``mmcls://``."""
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
    """Read from an S3 or petrel storage, with MMEngine's backend for both."""
    content = get_file_backend(path, backend_args={'backend': 'petrel'}).get(path)
    with io.BytesIO(content) as file:
        return read_safely(
            partial(torch.load, file, map_location=map_location, weights_only=True), path
        )


def load_from_pavi(path: str, map_location: Any = 'cpu') -> dict[str, Any]:
    """Refuse ``pavi://``, whose library is not public.

    Raises:
        ValueError: always.
    """
    raise ValueError(f'{path}: pavi:// is not read; download the file and give its path.')


# Patterns of sources in the order in which they are tried; the empty one is a local file.
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
    """Read a checkpoint from a file, a URL, a zoo or a storage, without executing anything in it.

    Args:
        source: what MMEngine takes as ``load_from``: a path, ``https://...``,
            ``torchvision://resnet50``, ``s3://...``.
        map_location: as in ``torch.load``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a checkpoint, or holds objects that could run code.
    """
    load = next(load for scheme, load in SCHEMES.items() if re.match(scheme, source))
    return load(source, map_location)


def use_safe_checkpoints() -> None:
    """Make whatever reads a checkpoint in this process read it safely; for commands.

    MMEngine and the libraries on it get these loaders by way of MMEngine's registry of schemes, and
    PyTorch's own switch turns every other ``torch.load`` of this process and its children into one
    with ``weights_only=True``, whatever the caller asked for.
    """
    for scheme, load in SCHEMES.items():
        CheckpointLoader.register_scheme(scheme, load, force=True)
    os.environ.pop('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', None)  # PyTorch refuses both at once
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
