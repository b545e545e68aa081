"""What OpenMMLab's hubs ask of a package: ``mmpretrain.list_models``, ``mmengine.hub.get_model``.

The libraries are imported inside the functions: importing this file comes before the check that they
are installed.
"""

from __future__ import annotations

import time

from .places import home


def register_model_index() -> None:
    """Add the models of the package's metafiles to MMPretrain's.

    ``mmpretrain.list_models`` and ``mmpretrain.get_model`` then know their names. MMPretrain builds
    pre-trainings and classifiers; a segmentor or detector needs the registries of its own library.
    """
    from mmpretrain.apis import ModelHub

    ModelHub.register_model_index(home() / 'model-index.yml', config_prefix=home())


def register_all_modules(init_default_scope: bool = True) -> None:
    """Prepare to build models from the package's configs; ``mmengine.hub.get_model`` calls this.

    Importing the package has registered its parts. Types that a config names without a scope are
    MMPretrain's.

    Args:
        init_default_scope: make ``mmpretrain`` the current default scope.

    Example:
        >>> from mmengine.hub import get_model
        >>> import mcl_plugins
        >>> model = get_model('mcl_plugins::conmim/vit-s.py')
        >>> type(model).__name__
        'ConMIM'
    """
    from mmengine.registry import DefaultScope

    if init_default_scope:  # under a name of its own, as MMPretrain does: the newest is in force
        DefaultScope.get_instance(f'mcl_plugins-{time.time_ns()}', scope_name='mmpretrain')
