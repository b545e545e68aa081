"""What OpenMMLab's hubs ask of a package: ``mmpretrain.list_models``, ``mmengine.hub.get_model``.

The libraries are imported inside the functions: this file is imported before ``check_versions`` has
said whether they are there, and importing MMPretrain takes seconds.
"""

from __future__ import annotations

import functools
import time

from .places import home


def register_all_modules(init_default_scope: bool = True) -> None:
    """Make the package's models known by name; OpenMMLab's packages have the same function.

    MMEngine's registries find the package's parts without it. After it ``mmpretrain.list_models``
    and ``mmpretrain.get_model`` know the models of the package's metafiles. MMPretrain builds
    pre-trainings and classifiers; a segmentor or a detector needs the library that it belongs to.
    ``mmengine.hub.get_model`` calls this function by itself.

    Args:
        init_default_scope: make ``mmpretrain`` the current default scope, under which types without
            a scope are looked up.

    Example:
        >>> import mmpretrain
        >>> from mcl_plugins.utils import register_all_modules
        >>> register_all_modules(init_default_scope=False)
        >>> mmpretrain.list_models('conmim_vit-b*')
        ['conmim_vit-b_300e', 'conmim_vit-b_800e']
    """
    from mmengine.registry import DefaultScope  # noqa: PLC0415

    _register_model_index()
    if init_default_scope:  # under a name of its own, as MMPretrain does: the newest is in force
        DefaultScope.get_instance(f'mcl_plugins-{time.time_ns()}', scope_name='mmpretrain')


@functools.cache  # MMPretrain refuses a name that it has already
def _register_model_index() -> None:
    from mmpretrain.apis import ModelHub  # noqa: PLC0415

    ModelHub.register_model_index(home() / 'model-index.yml', config_prefix=home())
