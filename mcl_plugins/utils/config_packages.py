"""Package names in inherited configs, as in ``_base_ = ['mmseg::...']``."""

from __future__ import annotations

from importlib.util import find_spec

from mmengine.config import utils as config_utils

# Module of an optional library -> the distribution to install if it is absent.
LIBRARIES = {'mmseg': 'onedl-mmsegmentation', 'mmdet': 'onedl-mmdetection'}


def name_config_packages() -> None:
    """Enter this package and the optional libraries in MMEngine's table of packages with configs.

    ``MODULE2PACKAGE`` maps the name before ``::`` to the package in which MMEngine looks for the
    config. Its entry for ``mmseg`` is ``mmsegmentation``. The maintained line has no distribution
    of that name, so ``mmengine.hub`` would install the old one over it. The name of the module
    works for both. If a library is absent, its entry is the distribution to install, because
    MMEngine's error message asks to install the entry.

    The entries exist in each process that has imported ``mcl_plugins``. A program that reads such a
    config without one of the package's commands must import ``mcl_plugins`` first.
    """
    config_utils.MODULE2PACKAGE['mcl_plugins'] = 'mcl_plugins'
    for module, distribution in LIBRARIES.items():
        config_utils.MODULE2PACKAGE[module] = module if find_spec(module) else distribution
