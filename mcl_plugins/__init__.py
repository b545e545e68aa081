"""Masked contrastive pre-training for OpenMMLab.

Importing the package registers its parts under the scope ``mcl_plugins`` and its configs under
the name ``mcl_plugins::...``. It changes nothing else. A subpackage, and the libraries that it
needs, are imported on first use: when it is accessed as an attribute, or when MMEngine looks up a
part that is registered in it.

The functions :func:`load_encoder` and :func:`encode_folder` are those of :mod:`.encoders`.
"""

import sys
from importlib import import_module
from typing import Any

from .utils.versions import asks_for_doctor, check_versions
from .version import __version__

if not asks_for_doctor(sys.argv):  # mcl doctor says of all libraries what is wrong
    check_versions()

    from .utils.config_packages import name_config_packages

    name_config_packages()

__all__ = [
    '__version__',
    'algorithms',
    'backbones',
    'checkpoint',
    'datasets',
    'detection',
    'encode_folder',
    'encoders',
    'engine',
    'evaluation',
    'heads',
    'layers',
    'load_encoder',
    'mask_generators',
    'necks',
    'own',
    'preprocessors',
    'registry',
    'segmentation',
    'targets',
    'transforms',
    'utils',
]


_FUNCTIONS = ('encode_folder', 'load_encoder')  # of the subpackage encoders


def __getattr__(name: str) -> Any:
    """Import a subpackage on the first access to ``mcl_plugins.NAME``."""
    if name in _FUNCTIONS:
        return getattr(import_module('.encoders', __name__), name)
    if name in __all__:
        return import_module(f'.{name}', __name__)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
