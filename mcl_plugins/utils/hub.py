"""The function that makes the package's models available by name in OpenMMLab's model hubs.

The libraries are imported inside the functions, because this file is imported before
``check_versions`` runs, and because importing MMPretrain takes seconds.
"""

from __future__ import annotations

import functools
import time

from .places import home


def register_all_modules(init_default_scope: bool = True) -> None:
    """Add the models of the package's metafiles to ``mmpretrain.list_models`` and ``get_model``.

    Each package of OpenMMLab has a function of this name, and ``mmengine.hub.get_model`` calls it.
    The registries find the parts of this package without it. MMPretrain can build the pre-training
    algorithms and the classifiers in the list; segmentors and detectors need mmseg or mmdet.

    Args:
        init_default_scope: make ``mmpretrain`` the current default scope, in which types without a
            scope are looked up.

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
