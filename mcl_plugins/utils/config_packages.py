"""The names under which configs inherit from packages: ``_base_ = ['mmseg::...']``."""

from __future__ import annotations

from importlib.util import find_spec

from mmengine.config import utils as config_utils

# Optional libraries -> the distribution to install where there is none.
LIBRARIES = {'mmseg': 'onedl-mmsegmentation', 'mmdet': 'onedl-mmdetection'}


def name_config_packages() -> None:
    """Enter this package and the optional libraries in MMEngine's table of packages with configs.

    ``MODULE2PACKAGE`` has, for the name before ``::``, the package in which MMEngine looks. For
    ``mmseg`` it says ``mmsegmentation``, which the maintained line does not have any more, and
    ``mmengine.hub`` would install the old distribution over it. The module's own name finds either.
    Where a library is absent, the table names the distribution to install, since MMEngine's error
    asks for what the table says.

    The table knows these names in each process that has imported ``mcl_plugins``; who reads such a
    config without one of the package's commands writes ``import mcl_plugins`` before.
    """
    config_utils.MODULE2PACKAGE['mcl_plugins'] = 'mcl_plugins'
    for module, distribution in LIBRARIES.items():
        config_utils.MODULE2PACKAGE[module] = module if find_spec(module) else distribution
