"""The package's registries: children of MMEngine's root with scope ``mcl_plugins``.

``type='mcl_plugins.ConMIM'`` resolves from the scopes of mmpretrain, mmseg and mmdet alike, with
no import in the config. A child of mmpretrain's registries would not be reachable from mmdet.

A registry imports the rooms that register in it when something is first looked up in it, so
importing this module imports no part and no library.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

from mmengine import registry as root
from mmengine.registry import DefaultScope

__all__ = [
    'DATASETS',
    'FUNCTIONS',
    'HOOKS',
    'MODELS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'RUNNERS',
    'TRANSFORMS',
    'build_part',
    'register_on_demand',
]

SCOPE = 'mcl_plugins'
LIBRARY = 'mmpretrain'  # whose parts are meant where nothing else is said


class Registry(root.Registry):
    """A registry that understands the package's configs also where they are inherited.

    In a config with ``_base_ = ['mcl_plugins::...']`` MMEngine builds all that is inherited under
    this package's scope. The inherited names without a scope are still those of the library that
    the config was written for, its ``default_scope``.

    Args:
        parent: the registry of MMEngine's root.
        rooms: the subpackages that register parts in this one.
    """

    def __init__(self, parent: root.Registry, *rooms: str) -> None:
        locations = [f'{SCOPE}.{room}' for room in rooms] or [f'{SCOPE}.registry']
        super().__init__(parent.name, parent=parent, scope=SCOPE, locations=locations)

    def get(self, key: str) -> Any:
        """MMEngine's look-up; of an inherited name without a scope first in the library."""
        library = None if '.' in key else inherited_for()
        if library is not None and self.parent is not None:
            with suppress(ImportError):  # a scope of the user's own may have no such module
                import_module(f'{library}.registry')
            found = self.parent.children.get(library, self.parent).get(key)
            if found is not None:
                return found
        return super().get(key)


def inherited_for() -> str | None:
    """The library for whose scope a config was written that is inherited as ``mcl_plugins::``.

    Returns:
        None unless MMEngine has put this package's scope over that of a config for now. A config
        that says ``default_scope = 'mcl_plugins'`` means the package's own parts first.
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
FUNCTIONS = Registry(root.FUNCTIONS, 'datasets')
HOOKS = Registry(root.HOOKS, 'engine')
RUNNERS = Registry(root.RUNNERS, 'engine')
OPTIM_WRAPPERS = Registry(root.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = Registry(root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')

# The package has no parts of these kinds, but configs that inherit from it look for some here.
for _parent in (
    root.DATA_SAMPLERS,
    root.EVALUATOR,
    root.LOG_PROCESSORS,
    root.LOOPS,
    root.METRICS,
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
    """Build a part of a model; None stays None. Types without a scope are mmpretrain's."""
    if config is None:
        return None
    return import_module(f'{LIBRARY}.registry').MODELS.build(config)


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
