"""What OpenMMLab's hubs ask of a package: ``mmpretrain.list_models``, ``mmengine.hub.get_model``.

The libraries are imported inside the functions, because this file is imported before
``check_versions`` has seen whether they are installed.
"""

from __future__ import annotations

import time

from .places import home


def register_in_hubs() -> None:
    """Tell MMEngine and MMPretrain where the package's configs are.

    MMEngine then resolves names such as ``mcl_plugins::conmim/vit-b.py``, in ``_base_`` too, and
    ``mmpretrain.list_models`` and ``mmpretrain.get_model`` know the models of the metafiles.
    MMPretrain builds pre-trainings and classifiers; a segmentor or detector needs its own library.

    Example:
        >>> import mcl_plugins, mmpretrain
        >>> mmpretrain.list_models('conmim_vit-b*')
        ['conmim_vit-b_300e', 'conmim_vit-b_800e']
    """
    from mmengine.config import utils  # noqa: PLC0415
    from mmpretrain.apis import ModelHub  # noqa: PLC0415

    utils.MODULE2PACKAGE['mcl_plugins'] = 'mcl_plugins'
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
    from mmengine.registry import DefaultScope  # noqa: PLC0415

    if init_default_scope:  # under a name of its own, as MMPretrain does: the newest is in force
        DefaultScope.get_instance(f'mcl_plugins-{time.time_ns()}', scope_name='mmpretrain')
