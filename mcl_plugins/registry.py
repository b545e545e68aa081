"""The package's registries: children of MMEngine's root with scope ``mcl_plugins``.

``type='mcl_plugins.ConMIM'`` resolves from the scopes of mmpretrain, mmseg and mmdet alike, and
the config needs no import. A child of mmpretrain's registries could not be reached from mmdet.

A registry imports its subpackages at the first look-up, so importing this module imports neither
parts nor libraries.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmengine.registry import DefaultScope

__all__ = [
    'DATASETS',
    'DATA_SAMPLERS',
    'FUNCTIONS',
    'HOOKS',
    'LOG_PROCESSORS',
    'METRICS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'RUNNERS',
    'TRANSFORMS',
    'build_part',
    'register_on_demand',
]

SCOPE = 'mcl_plugins'
LIBRARY = 'mmpretrain'  # the library of types that have no scope


class Registry(root.Registry):
    """A registry that also resolves the types in configs that are inherited from this package.

    If a config has ``_base_ = ['mcl_plugins::...']``, MMEngine builds everything that it inherits
    under this package's scope. A type without a scope in there still belongs to the library that
    the config was written for, which is its ``default_scope``.

    Args:
        parent: the registry of MMEngine's root.
        rooms: the subpackages that register parts in this one.
    """

    def __init__(self, parent: root.Registry, *rooms: str) -> None:
        locations = [f'{SCOPE}.{room}' for room in rooms] or [f'{SCOPE}.registry']
        super().__init__(parent.name, parent=parent, scope=SCOPE, locations=locations)

    def get(self, key: str) -> Any:
        """Look up a name; an inherited name without a scope is looked up in the library first."""
        library = None if '.' in key else inherited_for()
        if library is not None and self.parent is not None:
            with suppress(ImportError):  # a scope of the user's own may have no such module
                import_module(f'{library}.registry')
            found = self.parent.children.get(library, self.parent).get(key)
            if found is not None:
                return found
        return super().get(key)


def inherited_for() -> str | None:
    """Return the library for which the config was written that is inherited as ``mcl_plugins::``.

    Returns:
        The library's name, or None unless MMEngine has temporarily replaced the scope of a config
        by this package's. In a config with ``default_scope = 'mcl_plugins'`` the package's own
        parts come first, so the result is None there, too.
    """
    scopes = list(DefaultScope._instance_dict.items())
    if not scopes or scopes[-1][1].scope_name != SCOPE:
        return None
    if not scopes[-1][0].startswith('overwrite-'):
        return None
    below = [scope.scope_name for _, scope in scopes if scope.scope_name not in (SCOPE, 'mmengine')]
    return below[-1] if below else LIBRARY


MODELS = Registry(
    root.MODELS,
    'algorithms',
    'backbones',
    'detection',
    'heads',
    'layers',
    'mask_generators',
    'necks',
    'preprocessors',
    'segmentation',
    'targets',
)
DATASETS = Registry(root.DATASETS, 'datasets', 'detection', 'segmentation')
TRANSFORMS = Registry(root.TRANSFORMS, 'transforms')
DATA_SAMPLERS = Registry(root.DATA_SAMPLERS, 'datasets')
FUNCTIONS = Registry(root.FUNCTIONS, 'datasets')
HOOKS = Registry(root.HOOKS, 'engine')
METRICS = Registry(root.METRICS, 'detection')
RUNNERS = Registry(root.RUNNERS, 'engine')
LOG_PROCESSORS = Registry(root.LOG_PROCESSORS, 'engine')
LOOPS = Registry(root.LOOPS, 'engine')
OPTIM_WRAPPERS = Registry(root.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = Registry(root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')

# The package has no parts of these kinds, but MMEngine looks for them here when a config inherits
# from the package.
for _parent in (
    root.EVALUATOR,
    root.MODEL_WRAPPERS,
    root.OPTIMIZERS,
    root.PARAM_SCHEDULERS,
    root.TASK_UTILS,
    root.VISBACKENDS,
    root.VISUALIZERS,
    root.WEIGHT_INITIALIZERS,
):
    Registry(_parent)


def build_part(config: dict | None) -> Any:
    """Build a part of a model from its config. Types without a scope belong to mmpretrain.

    Returns:
        The part, or None if ``config`` is None.
    """
    if config is None:
        return None
    return import_module(f'{LIBRARY}.registry').MODELS.build(config)


def register_on_demand(registry: root.Registry, name: str, module: str) -> None:
    """Register a subclass of an optional library's class without importing that library.

    Args:
        registry: the registry in which configs find the class.
        name: name of the class, which is also its type in configs.
        module: module that defines the class. It is imported when the part is built, which raises
            an ImportError if the optional library is not installed.
    """

    @registry.register_module(name=name)
    def build(**arguments: Any) -> Any:
        return getattr(import_module(module), name)(**arguments)
