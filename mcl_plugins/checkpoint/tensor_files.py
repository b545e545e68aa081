"""Weights in the safetensors format, which holds tensors and text and cannot hold code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from .digest import DamagedFileError

SUFFIX = '.safetensors'


def read_tensors(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a file; the origin of weights that this package wrote is checked and returned, too.

    Args:
        path: the file.
        map_location: the device of the tensors; a function, which only ``torch.load`` can use,
            leaves them on the CPU.

    Returns:
        ``state_dict`` and ``meta``.

    Raises:
        DamagedFileError: the tensors are not those that were written.
    """
    with safe_open(path, framework='pt') as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dict
        metadata = file.metadata() or {}
    text = metadata.get('mcl_plugins.meta', '{}')
    written = metadata.get('mcl_plugins.sha256')
    if written is not None and written != _digest(tensors, text):
        raise DamagedFileError(f'{path} was not loaded: it is damaged (it does not match its hash)')
    meta = json.loads(text)
    if isinstance(map_location, str | torch.device):
        tensors = {name: tensor.to(map_location) for name, tensor in tensors.items()}
    return {'state_dict': tensors, 'meta': meta if isinstance(meta, dict) else {}}


def write_tensors(tensors: Mapping[str, Any], meta: Any, path: str | Path) -> None:
    """Write tensors and the parts of ``meta`` that are text, numbers and containers of these.

    Args:
        tensors: tensors by name; several that share memory are written one by one.
        meta: the ``meta`` of a checkpoint, from which :mod:`.origin` reads the architecture.
        path: the file.

    Raises:
        ValueError: a value is no tensor.
    """
    others = [name for name, value in tensors.items() if not isinstance(value, Tensor)]
    if others:
        raise ValueError(
            f'{path}: a safetensors file holds tensors only, and {", ".join(map(str, others[:4]))} '
            'are none. Write a .pth file.'
        )
    own = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    text = json.dumps(_plain(meta or {}))
    digest = _digest(own, text)
    save_tensors(
        own,
        path,
        {'format': 'pt', 'mcl_plugins.meta': text, 'mcl_plugins.sha256': digest},
    )


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """Hash names, types, shapes and contents, in the order of the names."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f'{name} {tensor.dtype} {tuple(tensor.shape)}'.encode())
        if tensor.numel():
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return what JSON can hold of a value."""
    if isinstance(value, Mapping):
        return {
            str(key): _plain(part)
            for key, part in value.items()
            if isinstance(part, str | int | float | bool | list | tuple | Mapping | None)
        }
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
