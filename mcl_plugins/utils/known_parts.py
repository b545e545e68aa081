"""Whether a config from outside names only parts of models, before anything of it is built.

MMEngine imports and calls whatever a ``type`` names, ``type='subprocess.run'`` too. A config that
came with a file from elsewhere is therefore looked through first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry

# The packages of which a model may consist; their parts compute, and run nothing else.
_PARTS = (
    'mcl_plugins.',
    'mmpretrain.models.',
    'mmseg.models.',
    'mmdet.models.',
    'mmcv.cnn.',
    'mmcv.ops.',
    'mmengine.model.',
    'mmengine.utils.dl_utils.parrots_wrapper',  # registers PyTorch's SyncBatchNorm
    'torch.nn.',
)
# Functions of mmcv that mmdet looks up by name; they are not registered.
_OPERATIONS = ('RoIAlign', 'nms', 'soft_nms')
# Parts that download a model or run the code of one.
_REFUSED = (
    'mmpretrain.models.multimodal.',
    'mmpretrain.models.backbones.timm_backbone',
    'mmpretrain.models.classifiers.hugging_face',
    'mmpretrain.models.classifiers.timm',
    'mmengine.model.wrappers.',
)
_SCOPES = ('mcl_plugins', 'mmpretrain', 'mmseg', 'mmdet', 'mmengine')


def check_parts(config: Any, modules: Sequence[str] = ()) -> None:
    """Raise a ValueError if a config names anything but a registered part of a model.

    Args:
        config: nested dicts and lists.
        modules: names of modules that the user has imported and trusts.

    Example:
        >>> check_parts(dict(type='mcl_plugins.ConMIM', neck=dict(type='NonLinearNeck')))
        >>> try:
        ...     check_parts(dict(type='subprocess.run', args='ls'))
        ... except ValueError as error:
        ...     print(str(error)[:43])
        the config names 'subprocess.run', which is
    """
    for name in set(_types(config)) - set(_OPERATIONS):
        found = list(_registered(name))
        if not found or not all(_is_part(part, modules) for part in found):
            raise ValueError(
                f'the config names {name!r}, which is not a part of a model of '
                f'{", ".join(_SCOPES)}. If it is your own, name its module with --import.'
            )


def _types(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        if 'type' in config:
            scope = config.get('_scope_')  # MMEngine imports the registry of that name
            yield str(config['type']) if scope in (None, *_SCOPES) else f'{scope}.{config["type"]}'
        for part in config.values():
            yield from _types(part)
    elif isinstance(config, list | tuple):
        for part in config:
            yield from _types(part)


def _registered(name: str) -> Iterator[Any]:
    """Yield what is registered under a name, without importing what the name says."""
    scope, _, key = name.rpartition('.')
    if scope and scope not in _SCOPES:
        return
    for registry in _registries(scope):
        registry.import_from_location()
        if key in registry.module_dict:
            yield registry.module_dict[key]
            if scope:  # a library's own part comes before one that it shares
                return


def _registries(scope: str) -> Iterator[Registry]:
    for library in _SCOPES if not scope else (scope,):
        with suppress(ImportError):  # an optional library
            import_module(f'{library}.registry')
    parents = (root.MODELS, root.TASK_UTILS)
    for parent in parents:
        yield from (child for name, child in parent.children.items() if scope in ('', name))
    yield from parents
    with suppress(ImportError):
        yield import_module('mmpretrain.registry').BATCH_AUGMENTS


def _is_part(part: Any, modules: Sequence[str]) -> bool:
    place = f'{getattr(part, "__module__", "")}.'
    own = any(place.startswith(f'{module}.') for module in modules)
    return own or (place.startswith(_PARTS) and not place.startswith(_REFUSED))
