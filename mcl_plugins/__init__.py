"""Masked contrastive pre-training for OpenMMLab.

Importing the package makes its parts known under the scope ``mcl_plugins`` and its configs under
the name ``mcl_plugins::...``. It changes nothing else. The subpackages, and with them the
libraries, are imported when they are asked for: as an attribute, or by MMEngine on the first
look-up of a part.
"""

from importlib import import_module
from types import ModuleType

from .utils.versions import check_versions
from .version import __version__

check_versions()

from .utils.config_packages import name_config_packages  # noqa: E402

name_config_packages()

__all__ = [
    '__version__',
    'algorithms',
    'backbones',
    'checkpoint',
    'datasets',
    'detection',
    'engine',
    'evaluation',
    'heads',
    'layers',
    'mask_generators',
    'necks',
    'preprocessors',
    'registry',
    'segmentation',
    'targets',
    'transforms',
    'utils',
]


def __getattr__(name: str) -> ModuleType:
    """Import a subpackage when it is first asked for as ``mcl_plugins.NAME``."""
    if name in __all__:
        return import_module(f'.{name}', __name__)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
