"""The package's registries: children of MMEngine's root with scope ``mcl_plugins``.

``type='mcl_plugins.ConMIM'`` resolves from the scopes of mmpretrain, mmseg and mmdet alike, with
no import in the config. A child of mmpretrain's registries would not be reachable from mmdet.
"""

from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS

__all__ = [
    'DATASETS',
    'HOOKS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'RUNNERS',
    'TRANSFORMS',
    'build_part',
    'register_on_demand',
]

# Importing the package registers every part; MMEngine does so on the first look-up.
_SHARED = dict(scope='mcl_plugins', locations=['mcl_plugins'])

MODELS = root.Registry('model', parent=root.MODELS, **_SHARED)
DATASETS = root.Registry('dataset', parent=root.DATASETS, **_SHARED)
TRANSFORMS = root.Registry('transform', parent=root.TRANSFORMS, **_SHARED)
HOOKS = root.Registry('hook', parent=root.HOOKS, **_SHARED)
RUNNERS = root.Registry('runner', parent=root.RUNNERS, **_SHARED)
OPTIM_WRAPPERS = root.Registry('optim_wrapper', parent=root.OPTIM_WRAPPERS, **_SHARED)
OPTIM_WRAPPER_CONSTRUCTORS = root.Registry(
    'optimizer wrapper constructor', parent=root.OPTIM_WRAPPER_CONSTRUCTORS, **_SHARED
)


def build_part(config: dict | None) -> Any:
    """Build a part of a model; None stays None. Types without a scope are mmpretrain's."""
    return None if config is None else MMPRETRAIN_MODELS.build(config)


def register_on_demand(registry: root.Registry, name: str, module: str) -> None:
    """Register a class that derives from an optional library's, without importing either.

    Args:
        registry: where.
        name: of the class, and of the part in configs.
        module: the class's module; building raises an ImportError if what that imports is not
            installed.
    """

    @registry.register_module(name=name)
    def build(**settings: Any) -> Any:
        return getattr(import_module(module), name)(**settings)
